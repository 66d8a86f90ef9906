"""The OpenAPI document is one, is served, and is what the door does: schemathesis asks."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

import dashboard.api
from dashboard.api.routes import openapi
from infra.admission import MEDIA_TYPES
from tests.dashboard.api.conftest import Door
from tests.producers.conftest import picture

EXAMPLES = 40
"""For each address: some tens of seconds in all."""

# A JSON Schema cannot say what a picture is: the requests that are well formed carry one.
_PICTURES = st.builds(
    picture,
    width=st.integers(1, 50),
    height=st.integers(1, 50),
    form=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]),
)
for _media_type in (*MEDIA_TYPES.values(), "application/octet-stream"):
    schemathesis.openapi.media_type(_media_type, _PICTURES)


schema = schemathesis.openapi.from_dict(openapi())


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_door_does_what_its_document_says(case: Any, door: Door) -> None:
    case.call_and_validate(base_url=door.address)


@pytest.mark.timeout(240)
def test_one_request_leads_to_the_next_as_the_links_say(door: Door) -> None:
    served = schemathesis.openapi.from_url(f"{door.address}/v1/openapi.json")
    machine = served.as_state_machine()
    machine.run(
        settings=settings(
            max_examples=10,
            stateful_step_count=4,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
    )


def test_the_document_is_served_as_it_is_committed(door: Door) -> None:
    committed = Path(dashboard.api.__file__).with_name("openapi.json").read_text()
    served = httpx.get(f"{door.address}/v1/openapi.json", trust_env=False).json()
    assert served == openapi() == json.loads(committed)
    schemathesis.openapi.from_dict(served).validate()


def test_the_document_names_every_kind_of_picture_that_is_taken() -> None:
    body = openapi()["paths"]["/v1/images"]["post"]["requestBody"]
    assert set(body["content"]) == {*MEDIA_TYPES.values(), "application/octet-stream"}
