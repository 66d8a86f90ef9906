"""The bodies of ``:classify`` and ``:regress``: JSON to Examples, results to JSON."""

import json
from typing import Any, TypeVar

import numpy as np
from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.example.feature_pb2 import Feature
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from serving.embedded.json_body import (
    from_base64,
    is_base64,
    parse,
    set_signature,
    show,
    type_name,
)
from serving.embedded.refusal import invalid

Request = TypeVar("Request", bound=Any)


def read(body: bytes, request: Request) -> Request:
    """Read the body of ``:classify`` or ``:regress`` into a request that has its model.

    Raises:
        Refusal: it is malformed.
    """
    document = parse(body)
    set_signature(document, request)
    examples = document.get("examples")
    if "examples" not in document:
        what = "When method is classify, key 'examples' is expected and was not found"
        raise invalid(f"JSON Value: {show(document)} {what}")
    if not isinstance(examples, list):
        what = "Expecting 'examples' value to be an list/array"
        raise invalid(f"JSON Value: {show(document)} {what}")
    if not examples:
        raise invalid(f"JSON Value: {show(document)} 'examples' value is an empty array")
    several = request.input.example_list
    if "context" in document:
        several = request.input.example_list_with_context
        several.context.CopyFrom(_example(document["context"]))
    several.examples.extend(map(_example, examples))
    return request


def write_classes(result: ClassificationResult) -> str:
    """Write the answer of ``:classify``: for each Example, its classes as [label, score]."""
    results = [
        [[a_class.label, _shortest(a_class.score)] for a_class in classes.classes]
        for classes in result.classifications
    ]
    return json.dumps({"results": results})


def write_numbers(result: RegressionResult) -> str:
    """Write the answer of ``:regress``: a number for each Example."""
    return json.dumps({"results": [_shortest(r.value) for r in result.regressions]})


def _example(given: Any) -> Example:
    if not isinstance(given, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(given)}")
    example = Example()
    for name, content in given.items():
        feature = example.features.feature[name]
        feature.SetInParent()
        for value in content if isinstance(content, list) else [content]:
            _add(value, name, feature)
    return example


def _add(value: Any, name: str, feature: Feature) -> None:
    if isinstance(value, bool | int):
        kind, value = "int64_list", int(value)
    elif isinstance(value, float):
        kind = "float_list"
    elif isinstance(value, str):
        kind, value = "bytes_list", value.encode()
    elif isinstance(value, dict) and is_base64(value):
        kind, value = "bytes_list", from_base64(value)
    else:
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
    if feature.WhichOneof("kind") not in (None, kind):
        expected = str(feature.WhichOneof("kind")).removesuffix("_list")
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {expected}")
    try:
        getattr(feature, kind).value.append(value)
    except (ValueError, OverflowError) as error:
        raise invalid(f"Feature: {name} has a number out of range: {value}") from error


def _shortest(value: float) -> float:
    """A float32 with no more digits than tell it from its neighbours."""
    return float(str(np.float32(value)))
