"""``GetModelStatus``: which versions there are, and in which state."""

from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
)

from serving.embedded.models import Models, State, Version
from serving.embedded.refusal import invalid, not_found


def model_status(models: Models, request: GetModelStatusRequest) -> GetModelStatusResponse:
    """Every version of a model, the highest first, or the one asked for.

    Raises:
        Refusal: as TensorFlow Serving refuses, see get_model_status_impl.cc.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    name = request.model_spec.name
    known = models.versions(name)
    if request.model_spec.HasField("version"):
        version = request.model_spec.version.value
        if version not in known:
            raise not_found(f"Could not find version {version} of model {name}")
        known = {version: known[version]}
    elif not known:
        raise not_found(f"Could not find any versions of model {name}")
    response = GetModelStatusResponse()
    for version, of_it in known.items():
        _add(response, version, of_it)
    return response


def _add(response: GetModelStatusResponse, version: int, known: Version) -> None:
    status = response.model_version_status.add(version=version, state=known.state)
    # Present even when it is OK: the REST API shows it.
    status.status.SetInParent()
    if known.state is State.END and known.error:
        status.status.error_code = known.error.number
        status.status.error_message = known.error.message
