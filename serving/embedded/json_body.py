"""The REST API's bodies: what all of them share, see json_tensor.cc."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from serving.embedded.refusal import invalid


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        Refusal: there is none.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body)
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {show(document)} Is not object")
    return document


def set_signature(document: Mapping[str, Any], request: Any) -> None:
    """Note the signature that the body names, if it names one.

    Raises:
        Refusal: it is not a string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {show(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    if name:
        request.model_spec.signature_name = name


def to_base64(value: bytes) -> dict[str, str]:
    """Bytes as JSON can carry them."""
    return {"b64": base64.b64encode(value).decode()}


def from_base64(value: dict[str, Any]) -> bytes:
    """The bytes in ``{"b64": …}``.

    Raises:
        Refusal: it is something else.
    """
    if not is_base64(value):
        raise invalid(f"JSON Value: {show(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def is_base64(value: dict[str, Any]) -> bool:
    """Whether an object stands for bytes."""
    return value.keys() == {"b64"} and isinstance(value["b64"], str)


def type_name(value: Any) -> str:
    """What the official messages call a JSON value."""
    match value:
        case None:
            return "Null"
        case bool():
            return str(value)
        case dict():
            return "Object"
        case list():
            return "Array"
        case str():
            return "String"
    return "Number"


def show(value: Any) -> str:
    """A JSON value as the official messages print it."""
    return json.dumps(value, indent=4)
