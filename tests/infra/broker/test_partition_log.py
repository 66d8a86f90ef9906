"""The embedded broker's log on disk: torn tails, trimming, retention, a full disk."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka.errors import KafkaStorageError, OffsetOutOfRangeError, OutOfOrderSequenceNumberError
from kafka.record.memory_records import MemoryRecords

from infra.broker.embedded.catalogue import Catalogue
from infra.broker.embedded.log import PartitionLog
from infra.broker.embedded.topics import Topics
from tests.contract.broker.wire import batch


def values(log: PartitionLog, offset: int) -> list[bytes]:
    """Everything from an offset on, as a consumer would read it."""
    found = []
    while data := log.read(offset, 1 << 20, at_least_one=True):
        for stored in MemoryRecords(data):
            assert stored.validate_crc()
            found += [record.value for record in stored if record.offset >= offset]
            offset = stored.last_offset + 1
    return found


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PartitionLog]:
    """Three records in two batches."""
    log = PartitionLog(tmp_path / "0")
    log.append(batch(b"a", b"b"))
    log.append(batch(b"c"))
    yield log
    log.close()


def file_of(log: PartitionLog) -> Path:
    (path,) = log.folder.glob("*.log")
    return path


TORN = batch(b"never acknowledged" * 10)


@pytest.mark.parametrize(
    "tail",
    [b"\x00", TORN[:20], TORN[:61], TORN[:-1], TORN, bytes(500), b"\xff" * 500],
    ids=["a byte", "half a header", "a header", "all but a byte", "offset", "zeros", "ones"],
)
def test_what_follows_the_last_whole_batch_is_cut_off(log: PartitionLog, tail: bytes) -> None:
    path = file_of(log)
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(tail)
    again = PartitionLog(log.folder)
    assert path.stat().st_size == whole
    assert (again.end, values(again, 0)) == (3, [b"a", b"b", b"c"])
    assert again.append(batch(b"d")) == 3
    assert values(again, 2) == [b"c", b"d"]
    again.close()


def test_a_last_batch_with_a_damaged_byte_is_cut_off(log: PartitionLog) -> None:
    path = file_of(log)
    content = bytearray(path.read_bytes())
    content[-2] ^= 0xFF
    path.write_bytes(content)
    again = PartitionLog(log.folder)
    assert (again.end, values(again, 0)) == (2, [b"a", b"b"])
    again.close()


def test_a_trimmed_log_begins_in_the_middle_of_a_batch(log: PartitionLog) -> None:
    log.trim(1)
    again = PartitionLog(log.folder)
    for each in (log, again):
        assert (each.start, each.end, values(each, 1)) == (1, 3, [b"b", b"c"])
        with pytest.raises(OffsetOutOfRangeError):
            each.read(0, 100, at_least_one=True)
    again.close()


def test_an_emptied_log_does_not_begin_at_zero_again(log: PartitionLog) -> None:
    log.trim(3)
    again = PartitionLog(log.folder)
    assert (again.start, again.end, again.size) == (3, 3, 0)
    assert again.append(batch(b"d")) == 3
    again.close()


def test_a_trim_that_was_interrupted_is_finished_or_forgotten(log: PartitionLog) -> None:
    before = file_of(log)
    (log.folder / f"{2:020d}.unfinished").write_bytes(b"half")
    forgotten = PartitionLog(log.folder)
    assert (forgotten.start, forgotten.end) == (0, 3)
    forgotten.close()

    old = before.read_bytes()
    log.trim(2)
    before.write_bytes(old)  # killed after the new file got its name, before the old one went
    finished = PartitionLog(log.folder)
    assert (finished.start, values(finished, 2)) == (2, [b"c"])
    assert not before.exists()
    finished.close()


def test_producers_are_remembered_from_the_log(tmp_path: Path) -> None:
    log = PartitionLog(tmp_path)
    first = batch(b"a", producer_id=7, epoch=0, sequence=0)
    log.append(first)
    log.close()
    again = PartitionLog(tmp_path)
    assert again.append(first) == 0
    with pytest.raises(OutOfOrderSequenceNumberError):
        again.append(batch(b"c", producer_id=7, epoch=0, sequence=2))
    assert again.append(batch(b"b", producer_id=7, epoch=0, sequence=1)) == 1
    again.close()


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow over `size` bytes: the system call fails, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_batch_that_cannot_be_written_leaves_the_log_as_it_was(log: PartitionLog) -> None:
    size = file_of(log).stat().st_size
    with full_disk(size + 30), pytest.raises(KafkaStorageError):
        log.append(batch(b"d"))
    assert file_of(log).stat().st_size == size
    assert log.append(batch(b"e")) == 3
    assert values(log, 0) == [b"a", b"b", b"c", b"e"]


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def topics(tmp_path: Path, clock: Clock) -> Iterator[Topics]:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite3")
    topics = Topics(tmp_path / "topics", catalogue, clock)
    yield topics
    topics.close()
    catalogue.close()


def write(topics: Topics, clock: Clock, size: int = 100) -> int:
    record = batch(bytes(size), timestamp=topics.now_ms)
    return topics["t"].append(0, record, topics.now_ms)


def test_records_past_their_time_go(topics: Topics, clock: Clock) -> None:
    topics.create(topics.check_new("t", 1, {"retention.ms": "60000"}))
    log = topics["t"].partition(0)
    for _ in range(3):
        write(topics, clock)
        clock.now += 30
    topics.retain()  # one of three is past its time: not worth a rewrite yet
    assert log.start == 0
    clock.now += 30
    topics.retain()
    assert (log.start, log.end) == (2, 3)
    clock.now += 3600
    topics.retain()
    assert (log.start, log.end, log.size) == (3, 3, 0)
    assert write(topics, clock) == 3


def test_records_over_the_size_go(topics: Topics, clock: Clock) -> None:
    settings = {"retention.ms": "-1", "retention.bytes": "3000"}
    topics.create(topics.check_new("t", 1, settings))
    log = topics["t"].partition(0)
    for _ in range(10):
        write(topics, clock, size=1000)
    clock.now += 1e9
    topics.retain()
    assert log.end == 10
    assert 3000 <= log.size < 3000 + 1100


def test_without_limits_nothing_goes(topics: Topics, clock: Clock) -> None:
    topics.create(topics.check_new("t", 1, {"retention.ms": "-1"}))
    write(topics, clock)
    clock.now += 1e9
    topics.retain()
    assert topics["t"].partition(0).start == 0
