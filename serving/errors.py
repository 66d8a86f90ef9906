"""What can go wrong between a picture and its model.

::

    ModelServerError
    ├── ModelServerUnavailable   infrastructure: wait, no attempt is consumed
    │   └── ModelServerSlow      the deadline passed; many in a row speak against the picture
    ├── VersionGone              the pinned version was unloaded: start the picture again
    ├── ModelMisbehaved          the answer is wrong, or the model failed: retry, within bounds
    └── ModelRefused             the request is wrong and will always be refused
"""

from infra.errors import DoubletError, Unavailable


class ModelServerError(DoubletError):
    """The root of this tree."""


class ModelServerUnavailable(ModelServerError, Unavailable):
    """The server cannot be reached, is overloaded, or has not loaded the model yet."""

    part = "the model server"


class ModelServerSlow(ModelServerUnavailable):
    """The server did not answer before the deadline."""


class VersionGone(ModelServerError):
    """The version pinned for this picture is no longer served; `describe` names the new one."""


class ModelMisbehaved(ModelServerError):
    """The model failed, or its answer breaks the contract."""


class ModelRefused(ModelServerError):
    """The request breaks the contract."""
