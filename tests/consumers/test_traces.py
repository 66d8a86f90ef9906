"""One trace across processes: `doublet submit`, Kafka, the consumer, the model server's calls."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import closing
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image as Pillow

from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.eventlog.clients import open_admin
from infra.eventlog.reading import LogReader
from infra.eventlog.topics import RESULTS, UPLOADS, ensure_topics
from infra.settings import Settings
from serving.client import CHANNEL_OPTIONS, PREDICT
from tests.fixtures.brokers import BrokerFactory
from tests.fixtures.collectors import Collector
from tests.fixtures.model_servers import RunningModelServer

SOON = 120.0
pytestmark = pytest.mark.timeout(400)


class Tap(grpc.GenericRpcHandler):
    """Stands before the model server, passes every call on, and keeps what came with it."""

    def __init__(self, server: str) -> None:
        self.traceparents: list[str] = []
        self._channel = grpc.insecure_channel(server, options=CHANNEL_OPTIONS)
        self._server = grpc.server(futures.ThreadPoolExecutor(4), options=CHANNEL_OPTIONS)
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        metadata = dict(call.invocation_metadata)
        if call.method == PREDICT and "traceparent" in metadata:
            self.traceparents.append(metadata["traceparent"])

        def passed_on(request: bytes, context: grpc.ServicerContext) -> bytes:
            answer: bytes = self._channel.unary_unary(call.method)(request, timeout=60)
            return answer

        return grpc.unary_unary_rpc_method_handler(passed_on)

    def stop(self) -> None:
        self._server.stop(None).wait()
        self._channel.close()


@pytest.fixture
def tap(embedded_model_server: RunningModelServer) -> Iterator[Tap]:
    tap = Tap(embedded_model_server.address)
    yield tap
    tap.stop()


def eventually(holds: Callable[[], bool], said: Callable[[], str]) -> None:
    deadline = time.monotonic() + SOON
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(said())
        time.sleep(0.05)


def picture(path: Path) -> Path:
    pixels = np.random.default_rng(3).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    path.write_bytes(file.getvalue())
    return path


def test_one_trace_from_the_command_to_the_result(
    new_broker: BrokerFactory, tap: Tap, collector: Collector, tmp_path: Path
) -> None:
    broker = new_broker("embedded", tmp_path)
    broker.start()
    environment = os.environ | {
        "DOUBLET_HOME": str(tmp_path),
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "MODEL_SERVER": tap.address,
        "PARTITIONS": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "LOG_FORMAT": "json",
    }
    settings = Settings(
        _env_file=None,
        doublet_home=tmp_path,
        kafka_bootstrap_servers=broker.bootstrap,
        partitions=1,
    )
    log = tmp_path / "consumer.log"
    with log.open("wb") as output:
        with open_admin(settings) as admin:
            ensure_topics(admin, settings)
        with closing(Database(settings.database)) as database:
            upgrade(database)
        consumer = subprocess.Popen(
            [sys.executable, "-m", "consumers"], env=environment, stderr=output
        )
    try:
        handed_in = subprocess.run(
            [sys.executable, "-m", "doublet", "submit", str(picture(tmp_path / "m51.png"))],
            env=environment,
            capture_output=True,
            text=True,
            timeout=SOON,
        )
        assert handed_in.returncode == 0, handed_in.stdout + handed_in.stderr + log.read_text()
        eventually(lambda: bool(collector.named(f"process {UPLOADS}")), log.read_text)
        consumer.terminate()
        assert consumer.wait(SOON) == 0
        with LogReader(settings) as reader:
            [result] = reader.since(RESULTS, {})
    finally:
        consumer.kill()
        consumer.wait()
        broker.kill()

    [submitted] = collector.named("submit a picture")
    [sent] = collector.named(f"send {UPLOADS}")
    [processed] = collector.named(f"process {UPLOADS}")
    [told] = collector.named(f"send {RESULTS}")
    calls = collector.named(PREDICT.lstrip("/"))
    assert (submitted.service, processed.service) == ("doublet-submit", "doublet-consumer")
    assert {span.trace for span in collector.spans} == {submitted.trace}
    assert (sent.parent, processed.parent) == (submitted.id, sent.id)
    assert told.parent == processed.id
    assert told.is_named_by(dict(result.headers)["traceparent"].decode())
    assert calls
    for call in calls:
        assert call.parent == processed.id
        assert call.facts["rpc.method"] == "Predict"
        assert any(call.is_named_by(seen) for seen in tap.traceparents)

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    [doubled] = [line for line in lines if "100 x 80" in line["message"]]
    assert doubled["trace_id"] == submitted.trace
    assert doubled["image_id"] == 1
    assert doubled["event_id"].startswith("upload:")
    assert doubled["record"] == f"{UPLOADS}[0]@0"
    assert (doubled["level"], doubled["logger"]) == ("INFO", "consumers.pipeline")
