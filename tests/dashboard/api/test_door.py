"""Handing in, following and fetching over HTTP."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from infra.database.doors import ApiPicture
from producers.api_keys import ApiKeys
from tests.dashboard.api.conftest import Door
from tests.fixtures.scraping import Scrape
from tests.producers.conftest import picture


def new_picture() -> bytes:
    """Bytes that no other test hands in."""
    return picture() + os.urandom(8)


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """A problem document, which every refusal is."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["detail"]
    assert "\n" not in document["detail"]
    return document


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The data of server-sent events named ``progress``."""
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def follow(door: Door, where: str, **headers: str) -> list[dict[str, Any]]:
    """Every event until the picture has ended."""
    accept = {"accept": "text/event-stream", **headers}
    with door.client.stream("GET", where, headers=accept) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(events(response))


def test_a_picture_is_handed_in_followed_and_fetched(door: Door) -> None:
    taken = door.hand_in(new_picture(), name="moon.png")
    assert taken.status_code == 202
    assert (taken.json()["state"], taken.json()["name"]) == ("queued", "moon.png")
    where = taken.headers["location"]
    last = follow(door, where)[-1]
    assert (last["state"], last["ended"]) == ("done", True)
    assert last["says"].startswith("done, 80 x 60 px in ")
    assert door.client.get(where).json() == last
    result = door.client.get(last["result"]["href"])
    assert result.content == b"moon.png, doubled"
    assert result.headers["content-type"] == "image/png"
    assert "moon-doubled.png" in result.headers["content-disposition"]


def test_the_same_bytes_are_said_to_be_doubled_and_are_again_when_asked(door: Door) -> None:
    content = new_picture()
    first, second, third = (
        follow(door, door.hand_in(content, again=again).headers["location"])[-1]
        for again in ("false", "false", "true")
    )
    assert (first["state"], second["state"], third["state"]) == ("done", "duplicate", "done")
    assert second["says"].startswith("already doubled on ")
    assert second["page"] == first["page"] != third["page"]


def test_a_picture_that_dies_says_why_and_has_no_result(door: Door) -> None:
    where = door.hand_in(new_picture(), name="dead.png").headers["location"]
    last = follow(door, where)[-1]
    assert (last["state"], last["reason"], last["result"]) == ("dead", "undecodable", None)
    assert problem(door.client.get(f"{where}/result"), 409)["state"] == "dead"


@pytest.mark.parametrize(
    ("content", "reason", "status"),
    [
        (b"", "empty", 422),
        (b"not a picture", "unsupported_format", 415),
        (picture()[:20], "undecodable", 422),
        (bytes(200_001), "too_many_bytes", 413),
        (picture(501, 1), "side_too_long", 413),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(
    door: Door, content: bytes, reason: str, status: int
) -> None:
    before = _rows(door)
    assert problem(door.hand_in(content), status)["reason"] == reason
    assert _rows(door) == before


def test_a_body_without_a_length_is_read_to_the_limit_and_no_further(door: Door) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield bytes(65536)

    try:
        response = door.client.post(
            "/v1/images", content=endless(), headers={"content-type": "image/png"}
        )
        problem(response, 413)
    except (httpx.WriteError, httpx.ReadError):
        pass  # the server hung up before all was sent: so it can be said as well
    assert sent < 50_000_000


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_what_a_page_of_another_site_could_send_is_refused(door: Door, content_type: str) -> None:
    problem(door.hand_in(picture(), headers={"content-type": content_type}), 415)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/images?again=perhaps", 400),
        ("POST", "/v1/images?name=a&name=b", 400),
        ("GET", "/v1/images", 405),
        ("DELETE", "/v1/images/x", 405),
        ("GET", "/v1/images/nobody-knows-this-one-", 404),
        ("GET", "/v1/images/%00", 404),
        ("GET", f"/v1/images/{'x' * 22}/result", 404),
        ("GET", "/v1/nowhere", 404),
    ],
)
def test_every_wrong_turn_is_a_problem_document(
    door: Door, method: str, path: str, status: int
) -> None:
    headers = {"content-type": "image/png"}
    problem(door.client.request(method, path, headers=headers), status)


def test_somebody_who_hangs_up_has_handed_nothing_in(door: Door) -> None:
    before = _rows(door)
    with socket.create_connection(("127.0.0.1", door.settings.dashboard_port)) as connection:
        connection.sendall(
            b"POST /v1/images HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\n"
            b"content-length: 1000\r\n\r\n" + picture()[:50]
        )
        _until(lambda: _rows(door) == before + 1)  # the place is kept
    _until(lambda: _rows(door) == before)


def test_a_key_has_its_own_quota_and_its_own_pictures(door: Door) -> None:
    keys = ApiKeys(door.database)
    mine, yours = (
        {"authorization": f"Bearer {keys.create(name, per_day=2)}"} for name in ("mine", "yours")
    )
    where = door.hand_in(new_picture(), headers=mine).headers["location"]
    assert door.client.get(where, headers=mine).status_code == 200
    problem(door.client.get(where, headers=yours), 404)
    problem(door.client.get(where), 404)
    assert door.hand_in(b"no picture", headers=mine).status_code == 415  # and costs nothing
    assert door.hand_in(new_picture(), headers=mine).status_code == 202
    refused = door.hand_in(new_picture(), headers=mine)
    problem(refused, 429)
    assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
    assert door.hand_in(new_picture(), headers=yours).status_code == 202
    assert [(key.name, key.used) for key in keys.list()] == [("mine", 2), ("yours", 1)]

    keys.revoke("yours")
    refused = door.hand_in(new_picture(), headers=yours)
    problem(refused, 401)
    assert refused.headers["www-authenticate"].startswith("Bearer")
    problem(door.hand_in(new_picture(), headers={"authorization": "Basic abc"}), 401)


def test_without_kafka_nothing_counts_and_it_is_said_when_to_come_back(tmp_path: Path) -> None:
    door = Door(tmp_path, "127.0.0.1:1")
    try:
        refused = door.hand_in(new_picture())
        problem(refused, 503)
        assert int(refused.headers["retry-after"]) > 0
        assert _rows(door) == 0
    finally:
        door.stop()


def test_keys_alone_and_streams_that_end_with_the_server(door: Door, tmp_path: Path) -> None:
    """One server for both: each start takes seconds."""
    only_keys = Door(
        tmp_path, door.settings.kafka_bootstrap_servers, http_anonymous_per_day=0, partitions=1
    )
    try:
        problem(only_keys.hand_in(new_picture()), 401)
        key = ApiKeys(only_keys.database).create("telescope", 5)
        bearer = {"authorization": f"Bearer {key}"}
        # Nobody consumes for this database: the picture stays queued.
        where = only_keys.hand_in(new_picture(), headers=bearer).headers["location"]
        accept = {"accept": "text/event-stream", **bearer}
        with only_keys.client.stream("GET", where, headers=accept) as response:
            told = events(response)
            assert next(told)["state"] == "queued"
            only_keys.process.terminate()
            assert list(told) == []
        assert only_keys.process.wait(30) in (0, -15)
    finally:
        only_keys.stop()


def _rows(door: Door) -> int:
    with door.database.reading() as session:
        return session.scalar(select(func.count()).select_from(ApiPicture)) or 0


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_requests_are_counted_by_the_addresses_pattern(door: Door) -> None:
    def scrape() -> Scrape:
        return Scrape(door.client.get("/metrics").text)

    name, before = "doublet_http_requests_total", scrape()
    door.client.get("/v1/images/AAAAAAAAAAAAAAAAAAAAAA")
    door.client.get("/v1/images/BBBBBBBBBBBBBBBBBBBBBB")
    door.client.get("/v1/made-up")
    after = scrape()
    absent = {"method": "GET", "path": "/v1/images/{id}", "status": "404"}
    assert after(name, **absent) == before(name, **absent) + 2
    other = {"method": "other", "path": "other", "status": "404"}
    assert after(name, **other) == before(name, **other) + 1
    assert after("doublet_info", part="dashboard", version="0.1.0") == 1
