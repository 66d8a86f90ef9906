"""What the consumer answers to whoever runs it."""

from collections.abc import Iterator

import httpx
import pytest

from consumers.breaker import Breaker
from consumers.halt import Halt, HandedBack
from consumers.metrics import CONSUMER
from consumers.status import Status
from infra.errors import BadSetting
from infra.health import Health, answering
from serving.errors import ModelServerUnavailable
from tests.consumers.world import NOON
from tests.fixtures.ports import free_ports


def of(status: Status) -> Health:
    return Health(status.lives, status.is_ready, CONSUMER)


class Probed:
    """A consumer's status behind its address."""

    def __init__(self) -> None:
        [port] = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self.halt = Halt()
        self.breaker = Breaker(self.halt, clock=lambda: NOON)
        self.now = 0.0
        self.status = Status(self.breaker, lambda: self.now)

    def ask(self, path: str) -> tuple[int, str]:
        answer = httpx.get(f"http://{self.address}{path}", trust_env=False)
        return answer.status_code, answer.text.strip()


@pytest.fixture
def probed() -> Iterator[Probed]:
    probed = Probed()
    with answering("CONSUMER_HEALTH", probed.address, of(probed.status)):
        yield probed


def test_it_is_ready_once_the_loop_turns(probed: Probed) -> None:
    assert probed.ask("/readyz") == (503, "starting")
    probed.status.turned()
    assert probed.ask("/readyz") == (200, "running")


def test_it_says_for_whom_it_waits_and_lives_all_the_same(probed: Probed) -> None:
    probed.status.turned()

    def away() -> None:
        probed.halt.request()  # one failure is enough
        raise ModelServerUnavailable("connection refused")

    with pytest.raises(HandedBack):
        probed.breaker.insist(away)
    says = "waiting for the model server since 2026-11-23 12:00:00 UTC: connection refused"
    assert probed.ask("/readyz") == (503, says)
    assert probed.ask("/livez") == (200, "alive")
    probed.breaker.answered()
    assert probed.ask("/readyz") == (200, "running")


def test_a_loop_that_does_not_turn_is_not_alive(probed: Probed) -> None:
    probed.status.turned()
    probed.now += 59
    assert probed.ask("/livez") == (200, "alive")
    probed.now += 2
    assert probed.ask("/livez") == (503, "the loop has stopped turning")


def test_another_path_is_told_what_there_is(probed: Probed) -> None:
    assert probed.ask("/") == (404, "there are /livez, /readyz and /metrics")


def test_without_an_address_nothing_is_opened() -> None:
    with answering("CONSUMER_HEALTH", "", of(Status(Breaker(Halt())))):
        pass


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:99999999", "192.0.2.1:80"])
def test_an_address_that_cannot_be_opened_is_one_clear_line(address: str) -> None:
    with (
        pytest.raises(BadSetting, match="CONSUMER_HEALTH"),
        answering("CONSUMER_HEALTH", address, of(Status(Breaker(Halt())))),
    ):
        pass
