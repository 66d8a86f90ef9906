"""Only what nothing can refer to any more is removed from the blob store."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from typer.testing import CliRunner

from consumers.commands import commands
from consumers.sweeping import Sweeper, SweepPolicy
from infra.blobs import Blob, BlobMissing
from infra.database.models import Image, Result
from infra.errors import BadSetting
from infra.eventlog.clients import TopicsMissing, open_admin, open_consumer
from infra.eventlog.topics import INTAKE, UPLOADS
from infra.events.pictures import ClaimCheck, upload_event
from infra.settings import Settings, settings
from tests.consumers.dead_letters.yard import Yard, picture
from tests.fixtures.brokers import BrokerFactory


@pytest.fixture
def yard(
    new_broker: BrokerFactory,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Yard]:
    broker = new_broker("embedded", tmp_path)
    broker.start()
    for name, value in Yard.environment(broker, tmp_path, database_url).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yard = Yard(broker, settings())
    yield yard
    yard.close()
    broker.kill()
    settings.cache_clear()


def claim(yard: Yard, seed: int, **changes: object) -> Blob:
    """A picture by claim check, as the submitter sends it."""
    content = picture(seed)
    blob = yard.blobs.put(content)
    event = upload_event("x.png", ClaimCheck(blob, len(content), "image/png"), datetime.now(UTC))
    data = json.dumps({**json.loads(event.data), **changes}).encode()
    yard.events.send(UPLOADS, event.key, data, event.headers())
    return blob


def commit(yard: Yard) -> None:
    """As the consumer does with what it has settled."""
    consumer = open_consumer(yard.settings, *INTAKE)
    while not consumer.assignment():
        consumer.poll(200)
    for partition, offset in yard.consumed[UPLOADS].items():
        place = TopicPartition(UPLOADS, partition)
        consumer.commit({place: OffsetAndMetadata(offset, "", -1)})
    consumer.close()


def sweeper(yard: Yard, days_later: float) -> Sweeper:
    then = datetime.now(UTC) + timedelta(days=days_later)
    policy = SweepPolicy.of(yard.settings)
    return Sweeper(yard.settings, yard.database, yard.blobs, policy, clock=lambda: then)


def test_only_orphans_beyond_their_grace_are_removed(yard: Yard) -> None:
    done = claim(yard, 1)
    yard.consume()
    yard.refuse(1)
    dead = claim(yard, 2)
    yard.consume()
    # A dead letter whose picture the database does not know: it died before its bytes were read.
    unknown = claim(yard, 3, length=7)
    yard.consume()
    commit(yard)
    waiting = claim(yard, 4)
    orphan = yard.blobs.put(b"an event that was never sent")

    assert sweeper(yard, days_later=13).sweep(remove=True).orphans == 0

    looked = sweeper(yard, days_later=15).sweep(remove=False)
    assert (looked.orphans, looked.length, looked.removed) == (1, 28, False)
    assert yard.blobs.get(orphan)

    assert sweeper(yard, days_later=15).sweep(remove=True).orphans == 1
    with pytest.raises(BlobMissing):
        yard.blobs.get(orphan)
    for blob in (done, dead, unknown, waiting):
        assert yard.blobs.get(blob)
    with yard.database.reading() as session:
        for image in session.query(Image):
            assert yard.blobs.get(Blob(image.sha256 or waiting.sha256))
        for result in session.query(Result):
            assert yard.blobs.get(Blob(result.sha256))
            assert yard.blobs.get(Blob(result.spread_sha256 or ""))
    yard.consume()
    assert yard.books().done == 2


def test_a_record_kept_as_a_blob_is_kept(yard: Yard) -> None:
    record = yard.blobs.put(b'{"key": null, "value": "", "headers": []}')
    headers = [("doublet-error-record", record.reference.encode())]
    yard.events.send("doublet.dead-letters.v1", None, b"", headers)
    assert sweeper(yard, days_later=15).sweep(remove=True).orphans == 0


def test_nothing_is_removed_while_the_topics_are_not_known(yard: Yard) -> None:
    orphan = yard.blobs.put(b"an event that was never sent")
    with open_admin(yard.settings) as admin:
        admin.delete_topics([*INTAKE])
    with pytest.raises(TopicsMissing):
        sweeper(yard, days_later=15).sweep(remove=True)
    assert yard.blobs.get(orphan)


def test_the_command_counts_before_it_removes(yard: Yard) -> None:
    yard.blobs.put(b"young")
    result = CliRunner().invoke(commands, ["blobs", "sweep"])
    assert result.stdout == "0 blobs, 0.0 MiB, would be removed by --remove; 1 are kept\n"


def test_a_blob_outlives_the_event_that_refers_to_it() -> None:
    defaults = Settings(_env_file=None)
    assert SweepPolicy.of(defaults).grace > timedelta(days=defaults.topic_retention_days)
    with pytest.raises(BadSetting, match="BLOB_GRACE_DAYS"):
        SweepPolicy.of(Settings(_env_file=None, topic_retention_days=14))
