"""What the broker answers to a client that is older, newer, or no Kafka client at all."""

import struct

import pytest
from kafka.errors import NoError, UnsupportedVersionError, for_code
from kafka.protocol.metadata import ApiVersionsRequest, ApiVersionsResponse

from tests.contract.broker.wire import Wire

NO_TAGS = b"\x00"  # what ends the header of every newer version


def request(api: int, version: int, correlation: int = 7, rest: bytes = b"") -> bytes:
    header = struct.pack(">hhih", api, version, correlation, -1)  # no client id
    return struct.pack(">i", len(header) + len(rest)) + header + rest


@pytest.mark.parametrize("version", range(5))
def test_every_version_of_the_first_question_is_answered(wire: Wire, version: int) -> None:
    question = ApiVersionsRequest(client_software_name="test", client_software_version="1")
    answer = wire.ask(question, version)
    assert for_code(answer.error_code) is NoError
    known = {api.api_key: (api.min_version, api.max_version) for api in answer.api_keys}
    assert known[18][1] >= 4
    assert known[0][0] == 0  # librdkafka takes its absence for a very old broker (KIP-896)


def test_a_version_from_the_future_is_told_what_there_is(wire: Wire) -> None:
    """KIP-511: answered in version 0, so that a newer client can fall back."""
    wire.send(request(ApiVersionsRequest.API_KEY, 99, rest=NO_TAGS))
    answer = ApiVersionsResponse.decode(wire.receive(), version=0, header=True)
    assert for_code(answer.error_code) is UnsupportedVersionError
    assert ApiVersionsRequest.API_KEY in {api.api_key for api in answer.api_keys}


@pytest.mark.parametrize(
    "frame",
    [
        request(3, 99),
        request(999, 0),
        request(0, 2),
        struct.pack(">i", -1),
        struct.pack(">i", 2**31 - 1),
    ],
    ids=["version", "api", "produce-2", "negative-size", "huge-size"],
)
def test_nonsense_ends_the_connection(wire: Wire, frame: bytes) -> None:
    wire.send(frame)
    assert wire.receive() == b""


def test_requests_are_answered_in_their_order(wire: Wire) -> None:
    for correlation in (1, 2, 3):
        wire.send(request(ApiVersionsRequest.API_KEY, 0, correlation))
    assert [struct.unpack(">i", wire.receive()[:4])[0] for _ in range(3)] == [1, 2, 3]
