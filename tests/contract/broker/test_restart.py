"""What was acknowledged is still there after the broker was stopped, or killed, and started."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.producer import InitProducerIdRequest
from kafka.structs import OffsetAndMetadata

from tests.contract.broker.wire import Wire, batch, read, until
from tests.fixtures.brokers import FORMS, BrokerFactory, LocalBroker

PARTITIONS = 2
WRITING_SECONDS = 1.0  # before the broker is killed


@pytest.fixture(scope="module", params=FORMS)
def mortal(
    request: pytest.FixtureRequest,
    new_broker: BrokerFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LocalBroker]:
    """One broker for this module, whose tests end it and start it again."""
    broker = new_broker(request.param, tmp_path_factory.mktemp("mortal"))
    broker.start()
    yield broker
    broker.kill()


def create(broker: LocalBroker, topic: str, partitions: int = 1) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    wanted = {"num_partitions": partitions, "replication_factor": 1}
    admin.create_topics({topic: wanted}, wait_for_metadata=True)
    admin.close()


class Writer(threading.Thread):
    """Sends numbers, one after the other, and notes where each acknowledged one was stored."""

    def __init__(self, broker: LocalBroker, topic: str) -> None:
        super().__init__()
        self.acknowledged: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.ended = threading.Event()
        self._topic = topic
        self._producer = KafkaProducer(
            bootstrap_servers=broker.bootstrap, acks="all", reconnect_backoff_max_ms=200
        )

    def run(self) -> None:
        number = 0
        while not self.ended.is_set():
            batch = range(number, number + 20)
            sent = [
                (each, self._producer.send(self._topic, b"%d" % each, partition=each % PARTITIONS))
                for each in batch
            ]
            for each, future in sent:
                try:
                    stored = future.get(60)
                except KafkaError:
                    continue  # never acknowledged: it may be there or not
                self.acknowledged[stored.partition].append((stored.offset, each))
            number = batch.stop
        self._producer.close(timeout=5)


def test_killed_while_writing_nothing_acknowledged_is_lost_or_doubled(mortal: LocalBroker) -> None:
    create(mortal, "killed", PARTITIONS)
    writer = Writer(mortal, "killed")
    writer.start()
    time.sleep(WRITING_SECONDS)
    mortal.kill()
    before = sum(map(len, writer.acknowledged.values()))
    mortal.start()
    until(lambda: sum(map(len, writer.acknowledged.values())) > before + 40, "it to go on")
    writer.ended.set()
    writer.join()

    consumer = KafkaConsumer(bootstrap_servers=mortal.bootstrap, auto_offset_reset="earliest")
    partitions = [TopicPartition("killed", index) for index in range(PARTITIONS)]
    consumer.assign(partitions)
    stored: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for record in read(consumer, sum(consumer.end_offsets(partitions).values())):
        stored[record.partition].append((record.offset, int(record.value)))
    consumer.close()

    assert before > 0
    for partition, acknowledged in writer.acknowledged.items():
        assert acknowledged == sorted(acknowledged)
        assert set(acknowledged) <= set(stored[partition])
        values = [value for _, value in stored[partition]]
        assert values == sorted(set(values)), "a record was stored twice, or out of order"


def test_killed_it_still_knows_offsets_topics_and_producers(mortal: LocalBroker) -> None:
    create(mortal, "kept")
    part = TopicPartition("kept", 0)
    with Wire(mortal.port) as wire:
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000)
        until(lambda: wire.ask(request, 4).error_code == 0, "producer ids")
        producer_id = wire.ask(request, 4).producer_id
        again = batch(b"once", producer_id=producer_id, epoch=0, sequence=0)
        assert wire.produce("kept", again).base_offset == 0
    consumer = KafkaConsumer(bootstrap_servers=mortal.bootstrap, group_id="keeper")
    consumer.assign([part])
    consumer.commit({part: OffsetAndMetadata(1, "first", -1)})
    consumer.close()

    mortal.kill()
    mortal.start()

    with Wire(mortal.port) as wire:
        assert wire.produce("kept", again).base_offset == 0
        until(lambda: wire.ask(request, 4).error_code == 0, "producer ids")
        assert wire.ask(request, 4).producer_id > producer_id
    consumer = KafkaConsumer(bootstrap_servers=mortal.bootstrap, group_id="keeper")
    assert consumer.end_offsets([part]) == {part: 1}
    assert consumer.committed(part) == 1
    consumer.close()


def test_stopped_a_group_goes_on_with_the_members_that_it_had(mortal: LocalBroker) -> None:
    create(mortal, "steady", 2)
    consumer = KafkaConsumer(
        bootstrap_servers=mortal.bootstrap,
        group_id="steady",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    consumer.subscribe(["steady"])
    consumer.topics()
    until(lambda: consumer.poll(timeout_ms=200) == {} and consumer.assignment(), "partitions")
    mortal.stop()
    mortal.start()
    # Its generation still counts: it may commit, without having joined again.
    until(lambda: _commits(consumer), "the commit")
    consumer.close()


def _commits(consumer: KafkaConsumer) -> bool:
    try:
        consumer.commit({TopicPartition("steady", 0): OffsetAndMetadata(0, "", -1)})
    except KafkaError as error:
        if error.retriable:
            return False
        raise
    return True
