"""The embedded server's REST paths."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from tests.fixtures.model_servers import RunningModelServer


@pytest.fixture(scope="module")
def rest(embedded_model_server: RunningModelServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=embedded_model_server.rest, trust_env=False) as client:
        yield client


HALF_PLUS_TWO = "/v1/models/half_plus_two"


@pytest.mark.parametrize(
    "path",
    [
        HALF_PLUS_TWO,
        f"{HALF_PLUS_TWO}/versions/123",
        HALF_PLUS_TWO.upper().replace("HALF_PLUS_TWO", "half_plus_two"),
    ],
)
@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"instances": [2.0, 3, 0.2]}, {"predictions": [3.0, 3.5, 2.1]}),
        ({"instances": [{"x": [2.0]}]}, {"predictions": [[3.0]]}),
        ({"inputs": [[2.0], [3.0]]}, {"outputs": [[3.0], [3.5]]}),
        ({"inputs": {"x": 2.0}, "signature_name": "serving_default"}, {"outputs": 3.0}),
    ],
)
def test_predict(rest: httpx.Client, path: str, body: Any, answer: Any) -> None:
    response = rest.post(f"{path}:predict", json=body)

    assert response.headers["content-type"] == "application/json"
    assert (response.status_code, response.json()) == (200, answer)


def test_predict_by_label_with_several_outputs(rest: httpx.Client) -> None:
    tiles = np.zeros((2, 1, 1, 3), np.uint8).tolist()

    rows = rest.post("/v1/models/doublet/labels/stable:predict", json={"instances": tiles})
    columns = rest.post("/v1/models/doublet:predict", json={"inputs": tiles})

    assert [set(row) for row in rows.json()["predictions"]] == [{"doubled", "spread"}] * 2
    assert np.shape(columns.json()["outputs"]["doubled"]) == (2, 2, 2, 3)


def test_classify_and_regress(rest: httpx.Client) -> None:
    examples = [{"x": 2.0}, {"x": [0.5]}]

    classes = rest.post(
        f"{HALF_PLUS_TWO}:classify", json={"signature_name": "classify", "examples": examples}
    )
    numbers = rest.post(
        f"{HALF_PLUS_TWO}:regress",
        json={"signature_name": "regress", "context": {"x": 4.0}, "examples": [{}, *examples]},
    )

    assert classes.json() == {"results": [[["", 3.0]], [["", 2.25]]]}
    assert numbers.json() == {"results": [4.0, 3.0, 2.25]}


def test_status(rest: httpx.Client) -> None:
    assert rest.get(HALF_PLUS_TWO).json() == {
        "model_version_status": [
            {
                "version": "123",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }


def test_metadata(rest: httpx.Client) -> None:
    answer = rest.get(f"{HALF_PLUS_TWO}/metadata").json()

    assert answer["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert signature["inputs"]["x"]["tensor_shape"]["dim"][1] == {"size": "1", "name": ""}


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/v1/models/m:predict", {"instances": [1]}, 404, "Servable not found for request: "),
        (f"{HALF_PLUS_TWO}/versions/9:predict", {"inputs": 1}, 404, "Specific(half_plus_two, 9)"),
        (f"{HALF_PLUS_TWO}/labels/q:predict", {"inputs": 1}, 400, "version label: q"),
        (f"{HALF_PLUS_TWO}:guess", {}, 400, f"Malformed request: POST {HALF_PLUS_TWO}:guess"),
        (f"{HALF_PLUS_TWO}:predict", [1], 400, "Is not object"),
        (f"{HALF_PLUS_TWO}:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
        (f"{HALF_PLUS_TWO}:predict", {"inputs": 1, "instances": [1]}, 400, "expecting only one"),
        (f"{HALF_PLUS_TWO}:predict", {"instances": []}, 400, "No values in 'instances'"),
        (f"{HALF_PLUS_TWO}:predict", {"instances": ["x"]}, 400, "not of expected type: float"),
        (f"{HALF_PLUS_TWO}:predict", {"instances": [[1], [1, 2]]}, 400, "Expecting tensor size: 1"),
        (f"{HALF_PLUS_TWO}:predict", {"inputs": [[1], 2]}, 400, "found at incorrect level"),
        (
            f"{HALF_PLUS_TWO}:predict",
            {"signature_name": "s", "inputs": 1},
            400,
            'Serving signature name: "s" not found in signature def',
        ),
        (f"{HALF_PLUS_TWO}:regress", {}, 400, "'examples' is expected and was not found"),
    ],
)
def test_refusals(rest: httpx.Client, path: str, body: Any, status: int, text: str) -> None:
    response = rest.post(path, json=body)

    assert response.status_code == status
    assert text in response.json()["error"]


def test_what_is_not_json_is_refused(rest: httpx.Client) -> None:
    response = rest.post(f"{HALF_PLUS_TWO}:predict", content=b"{")

    assert response.status_code == 400
    assert response.json()["error"].startswith("JSON Parse error: ")


def test_strings_are_read_from_base64(rest: httpx.Client) -> None:
    from tensorflow.core.example.example_pb2 import Example

    example = Example()
    example.features.feature["x"].float_list.value.append(2.0)
    encoded = {"b64": base64.b64encode(example.SerializeToString()).decode()}

    answer = rest.post(
        f"{HALF_PLUS_TWO}:predict", json={"signature_name": "regress", "inputs": [encoded]}
    )

    assert answer.json() == {"outputs": [[3.0]]}


def test_metrics_count_what_was_answered(rest: httpx.Client) -> None:
    rest.post("/v1/models/unheard_of:predict", json={"inputs": 1})
    rest.post(f"{HALF_PLUS_TWO}:predict", json={"inputs": 1})

    page = rest.get("/monitoring/prometheus/metrics").text

    assert "# TYPE :tensorflow:serving:request_count counter" in page
    assert ':request_count{model_name="half_plus_two",status="OK"}' in page
    assert (
        ':request_latency_bucket{model_name="half_plus_two",API="Predict",entrypoint="REST",'
        'le="+Inf"}' in page
    )
