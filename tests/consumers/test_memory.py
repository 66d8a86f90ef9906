"""Bytes in memory stay below the limit, and nobody waits for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.halt import Halt, HandedBack
from consumers.memory import Memory


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=30))
def test_the_limit_holds_whoever_asks_at_once(sizes: list[int]) -> None:
    memory = Memory(60, Halt())
    seen: list[int] = []

    def use(size: int) -> None:
        with memory.hold(size):
            seen.append(memory.held)

    with ThreadPoolExecutor(6) as threads:
        done, _ = wait([threads.submit(use, size) for size in sizes], timeout=60)
    assert len(done) == len(sizes)
    assert max(seen) <= 60
    assert memory.held == 0


def test_one_that_needs_more_than_there_is_gets_its_turn_alone() -> None:
    memory = Memory(10, Halt())
    inside, leave = threading.Event(), threading.Event()

    def small() -> None:
        with memory.hold(5):
            inside.set()
            leave.wait(10)

    first = threading.Thread(target=small)
    first.start()
    inside.wait(10)
    entered = threading.Event()

    def huge() -> None:
        with memory.hold(1_000):
            entered.set()

    second = threading.Thread(target=huge)
    second.start()
    assert not entered.wait(0.05)
    leave.set()
    assert entered.wait(10)
    first.join(10)
    second.join(10)


def test_whoever_waits_for_room_is_handed_back_when_the_consumer_stops() -> None:
    halt = Halt()
    memory = Memory(10, halt)
    with memory.hold(10):
        halt.request()
        with pytest.raises(HandedBack), memory.hold(10):
            pass
    with memory.hold(10):
        assert memory.held == 10
