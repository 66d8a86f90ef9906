"""Every client of ours reaches an encrypted Kafka, and says in one line why it does not."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from infra.database.engine import Database
from infra.database.models import Part, PartState
from infra.errors import BadSetting
from infra.eventlog import clients
from infra.eventlog.clients import (
    EventLogUnavailable,
    KafkaEventLog,
    open_admin,
    open_consumer,
    open_reader,
    poll_one,
)
from infra.eventlog.offsets import intake_offsets
from infra.eventlog.topics import INTAKE, UPLOADS, ensure_topics, topics
from infra.settings import Settings
from tests.consumers.consuming import wait_until
from tests.fixtures.certificates import Authority
from tests.fixtures.secure_kafka import PASSWORD, SecureKafka

pytestmark = pytest.mark.apache


@pytest.fixture(params=["certificate", "SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def settings(request: pytest.FixtureRequest, secure_kafka: SecureKafka) -> Iterator[Settings]:
    """Of each way that Kafka lets us in, with our topics on it."""
    if request.param == "certificate":
        settings = secure_kafka.by_certificate()
    else:
        settings = secure_kafka.by_password(kafka_sasl_mechanism=request.param)
    with open_admin(settings) as admin:
        ensure_topics(admin, settings)
        yield settings
        admin.delete_topics([topic.name for topic in topics(settings)])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody will come in: there is no use in trying it for long."""
    monkeypatch.setattr(clients, "_BOOTSTRAP_MS", 1_000)


def test_every_client_of_ours_comes_in(settings: Settings) -> None:
    with closing(KafkaEventLog(settings)) as events:
        assert events.send(UPLOADS, b"key", b"value", [("ce_id", b"1")]) == (0, 0)
    consumer = open_consumer(settings, *INTAKE)
    deadline = time.monotonic() + 60
    taken: list[Any] = []
    while not taken and time.monotonic() < deadline:
        taken = poll_one(consumer, 500)
    assert [record.value for record in taken] == [b"value"]
    place = TopicPartition(UPLOADS, 0)
    consumer.commit({place: OffsetAndMetadata(1, "", -1)})
    consumer.close()
    with closing(open_reader(settings)) as reader:
        assert reader.end_offsets([place]) == {place: 1}
    committed = {it.topic: it.committed for it in intake_offsets(settings)}
    assert committed[UPLOADS] == 1


def test_a_wrong_password_is_one_line(secure_kafka: SecureKafka) -> None:
    settings = secure_kafka.by_password(kafka_sasl_password="a wrong one")
    said = r"refuses us: .*SCRAM-SHA-512|refuses KAFKA_SASL_USERNAME"
    with pytest.raises(EventLogUnavailable, match=said) as refusal:
        KafkaEventLog(settings)
    assert "\n" not in str(refusal.value)
    assert "a wrong one" not in str(refusal.value)


def environment_of(settings: Settings, folder: Path) -> dict[str, str]:
    """What leads a process of ours to this Kafka."""
    return os.environ | {
        "DOUBLET_HOME": str(folder),
        "MODEL_SERVER": "127.0.0.1:1",
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": settings.kafka_security_protocol,
        "KAFKA_CA_FILE": settings.kafka_ca_file,
        "KAFKA_SASL_USERNAME": settings.kafka_sasl_username,
        "KAFKA_SASL_PASSWORD": settings.kafka_sasl_password.get_secret_value(),
        "CONSUMER_NAME": "newcomer",
    }


def test_a_consumer_waits_with_a_wrong_password_and_goes_on_once_kafka_takes_it(
    secure_kafka: SecureKafka, sqlite: Database, tmp_path: Path
) -> None:
    """A password may be changed on either side first: no part has to be started again for it."""
    secure_kafka.set_password("newcomer", "another password")
    settings = secure_kafka.by_password(kafka_sasl_username="newcomer")
    with open_admin(secure_kafka.by_password()) as admin:
        ensure_topics(admin, settings)
    command = [sys.executable, "-m", "consumers"]

    def consumer() -> Part:
        with sqlite.reading() as session:
            return session.get(Part, "newcomer") or Part(detail="")

    with subprocess.Popen(command, env=environment_of(settings, tmp_path)) as process:
        try:
            wait_until(lambda: consumer().state is PartState.WAITING)
            assert "refuse" in consumer().detail
            secure_kafka.set_password("newcomer", PASSWORD)
            wait_until(lambda: consumer().state is PartState.RUNNING)
        finally:
            process.terminate()
    with open_admin(secure_kafka.by_password()) as admin:
        admin.delete_topics([topic.name for topic in topics(settings)])


def test_a_consumer_with_an_unusable_file_stops_with_one_line(
    secure_kafka: SecureKafka, tmp_path: Path
) -> None:
    settings = secure_kafka.by_password(kafka_ca_file=str(tmp_path / "absent.pem"))
    done = subprocess.run(
        [sys.executable, "-m", "consumers"],
        env=environment_of(settings, tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "KAFKA_CA_FILE is not usable" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("impatient")
def test_an_authority_that_we_do_not_trust_is_named(
    secure_kafka: SecureKafka, stranger: Authority
) -> None:
    settings = secure_kafka.by_password(kafka_ca_file=str(stranger.file))
    with pytest.raises(EventLogUnavailable, match="its certificate is not trusted") as refusal:
        intake_offsets(settings)
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("impatient")
def test_a_certificate_of_another_host_is_not_taken(secure_kafka: SecureKafka) -> None:
    address = secure_kafka.sasl_ssl.replace("127.0.0.1", "localhost")
    settings = secure_kafka.by_password(kafka_bootstrap_servers=address)
    with pytest.raises(EventLogUnavailable, match="not valid for 'localhost'"):
        KafkaEventLog(settings)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["a stranger's", "expired"])
def test_a_certificate_that_kafka_does_not_trust_is_said(
    secure_kafka: SecureKafka, authority: Authority, stranger: Authority, fault: str
) -> None:
    ours = (
        authority.certify("client", expired=True)
        if fault == "expired"
        else stranger.certify("client")
    )
    settings = secure_kafka.by_certificate(
        kafka_certificate_file=str(ours.file), kafka_key_file=str(ours.key_file)
    )
    with pytest.raises(EventLogUnavailable, match=r"TLS with it fails: .*(alert|certificate)"):
        KafkaEventLog(settings)


@pytest.mark.usefixtures("impatient")
def test_a_missing_certificate_is_said(secure_kafka: SecureKafka) -> None:
    settings = secure_kafka.by_certificate(kafka_certificate_file="", kafka_key_file="")
    with pytest.raises(EventLogUnavailable, match=r"TLS with it fails: .*certificate"):
        KafkaEventLog(settings)


@pytest.mark.usefixtures("impatient")
def test_an_open_door_is_not_taken_for_an_encrypted_one(secure_kafka: SecureKafka) -> None:
    settings = secure_kafka.by_password(kafka_bootstrap_servers=secure_kafka.plain)
    with pytest.raises(EventLogUnavailable, match=secure_kafka.plain):
        KafkaEventLog(settings)


def test_what_this_side_can_see_is_a_setting_and_stops(
    secure_kafka: SecureKafka, authority: Authority, tmp_path: Path
) -> None:
    """No waiting for a broker helps against these."""
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    ours, others = authority.certify("client"), authority.certify("client")
    cases = {
        "KAFKA_CA_FILE.*no such file": {"kafka_ca_file": str(tmp_path / "absent.pem")},
        "KAFKA_CA_FILE.*no certificate": {"kafka_ca_file": str(nonsense)},
        "KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE": {"kafka_key_file": ""},
        "KAFKA_CERTIFICATE_FILE.*mismatch": {
            "kafka_certificate_file": str(ours.file),
            "kafka_key_file": str(others.key_file),
        },
    }
    for said, values in cases.items():
        with pytest.raises(BadSetting, match=said):
            KafkaEventLog(secure_kafka.by_certificate(**values))
    with pytest.raises(BadSetting, match="KAFKA_SASL_PASSWORD"):
        KafkaEventLog(secure_kafka.by_password().model_copy(update={"kafka_sasl_username": ""}))
