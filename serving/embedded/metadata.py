"""``GetModelMetadata``: a version's signatures."""

from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)

from serving.embedded.models import Models
from serving.embedded.refusal import invalid

SIGNATURE_DEF = "signature_def"
"""The only field there is."""


def metadata(models: Models, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
    """The signatures, packed as a SignatureDefMap.

    Raises:
        Refusal: as TensorFlow Serving refuses, see get_model_metadata_impl.cc.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise invalid(f"Metadata field {field} is not supported")
    servable = models.find(request.model_spec)
    response = GetModelMetadataResponse()
    response.model_spec.name = servable.name
    response.model_spec.version.value = servable.version
    response.metadata[SIGNATURE_DEF].Pack(SignatureDefMap(signature_def=servable.signatures))
    return response
