"""Measures how throughput grows with consumers; docs/scaling.md computes from what it writes.

    python -m scripts.scaling [FOLDER_WITH_KAFKAS_JARS]

Apache Kafka, PostgreSQL and the S3 gateway run natively with the settings of the compose file, and
so do the consumers; the model server sleeps as a GPU would. They are installed as .ci/run does it.
Two series: small pictures, where the model's time counts, and larger ones, where decoding and
encoding do. Writes docs/scaling.json.

The machine may do other things meanwhile: each series is to be read as ratios within itself, and
the processor's seconds beside the clock's.
"""

import io
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from kafka import KafkaProducer
from PIL import Image
from sqlalchemy import create_engine, text

from infra.eventlog.topics import UPLOADS
from serving.contract import MODELS
from serving.embedded.versions import on_disk
from tests.production.compose import DEPLOY, REPOSITORY, Compose, read_compose
from tests.production.machine import Machine
from tests.production.services import Services, running

SHIPPED = REPOSITORY / "serving" / "models"
FIGURES = REPOSITORY / "docs" / "scaling.json"
PARTITIONS = 8
SETTLE_SECONDS = 0.2
MIDDLE = (0.2, 0.8)
"""Of the pictures, in the order of their ends: between these, every consumer is at work."""


@dataclass(frozen=True)
class Series:
    """One kind of picture and of model, doubled by more and more consumers."""

    name: str
    side: int
    """Of the square pictures, in pixels."""
    call_seconds: float
    """That the model server takes for one call."""
    pictures: dict[int, int]
    """How many are doubled, by the number of consumers."""


SERIES = (
    Series("the model's time counts", 128, 1.0, {1: 16, 2: 32, 4: 64, 8: 128}),
    Series("decoding and encoding count", 1000, 0.02, {1: 40, 2: 60, 4: 60, 8: 60}),
)


@dataclass(frozen=True)
class Figure:
    """What one number of consumers did."""

    series: str
    megapixels: float
    call_seconds: float
    consumers: int
    pictures: int
    pictures_per_second: float
    cpu_seconds: dict[str, float]
    """Of each part, for one picture."""
    picture_bytes: int
    """Of one that was handed in."""
    result_bytes: float
    """Of one doubled picture."""
    database_rows: float
    """That were added to the database for one picture."""
    database_bytes: float
    """That the database grew by, for one picture."""
    load: float
    """The machine's, of the last minute: what else wanted its processor."""


def main() -> None:
    """Measure every series, and write the figures down."""
    compose = read_compose("cpu")
    for name in ("model-server-cpu", "consumer", "scheduler", "dashboard"):
        del compose.services[name]
    jars = Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "var" / "kafka-jars"
    with TemporaryDirectory(prefix="doublet-scaling-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        subprocess.run(["sh", str(DEPLOY / "secrets.sh"), str(root / "secrets")], check=True)
        (root / "secrets").chmod(0o755)
        with_partitions(compose)
        with running(compose, Machine(root, compose), jars) as services:
            figures = [
                measure(services, series, consumers, pictures)
                for series in SERIES
                for consumers, pictures in series.pictures.items()
            ]
    document = {
        "measured": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "gflop_per_megapixel": {name: gflop_per_megapixel(name) for name in MODELS},
        "figures": [asdict(figure) for figure in figures],
    }
    FIGURES.write_text(json.dumps(document, indent=1) + "\n")


def with_partitions(compose: Compose) -> None:
    """More partitions than consumers, so that nobody stands idle."""
    compose.services["migrations"].environment["PARTITIONS"] = str(PARTITIONS)


def measure(services: Services, series: Series, consumers: int, pictures: int) -> Figure:
    """Double so many pictures by so many consumers."""
    database = database_of(services)
    before_bytes, before_rows = database.size(), database.rows()
    with working(services, series.call_seconds, consumers) as processes:
        time.sleep(SETTLE_SECONDS)
        before = cpu_seconds(services, processes)
        started = database.done()
        publish(services, series.side, pictures)
        while database.done() < started + pictures:
            time.sleep(SETTLE_SECONDS)
        after = cpu_seconds(services, processes)
    ends = database.ends(pictures)
    first, last = (int(share * (pictures - 1)) for share in MIDDLE)
    figure = Figure(
        series=series.name,
        megapixels=series.side**2 / 1e6,
        call_seconds=series.call_seconds,
        consumers=consumers,
        pictures=pictures,
        pictures_per_second=(last - first) / (ends[last] - ends[first]),
        cpu_seconds={part: (after[part] - before[part]) / pictures for part in after},
        picture_bytes=len(jpeg(series.side)),
        result_bytes=database.result_bytes(pictures),
        database_rows=(database.rows() - before_rows) / pictures,
        database_bytes=(database.size() - before_bytes) / pictures,
        load=os.getloadavg()[0],
    )
    print(figure)  # noqa: T201
    return figure


@contextmanager
def working(
    services: Services, call_seconds: float, consumers: int
) -> Iterator[dict[str, list[subprocess.Popen[bytes]]]]:
    """So many consumers and the model server meanwhile; each has doubled a picture already."""
    migrations = services.wanted["migrations"]
    environment = services.machine.environment(migrations)
    address = f"{services.machine.address(migrations)}:8500"
    server = [sys.executable, str(REPOSITORY / "scripts" / "slow_model_server.py"), address]
    log = (services.machine.folder(migrations, "tmp") / "consumers.log").open("ab")
    processes = {
        "model server": [
            subprocess.Popen([*server, str(call_seconds)], env=environment, stderr=log)
        ],
        "consumers": [
            subprocess.Popen(
                [sys.executable, "-m", "consumers"],
                env=environment | {"MODEL_SERVER": address},
                stderr=log,
            )
            for _ in range(consumers)
        ],
    }
    try:
        await_members(services, consumers)
        yield processes
    finally:
        for process in processes["consumers"]:
            process.terminate()
        for process in processes["consumers"]:
            process.wait()
        processes["model server"][0].kill()


def await_members(services: Services, consumers: int) -> None:
    """Until every consumer has its partitions: they say so in Kafka's group."""
    from kafka.admin import KafkaAdminClient

    kafka = f"{services.machine.address(services.wanted['kafka'])}:9092"
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        while True:
            group = admin.describe_groups(["doublet"])["doublet"]
            if group["group_state"] == "Stable" and len(group["members"]) == consumers:
                return
            time.sleep(SETTLE_SECONDS)
    finally:
        admin.close()


def publish(services: Services, side: int, pictures: int) -> None:
    """Put different pictures onto the topic, as any Kafka client may, evenly over partitions."""
    kafka = f"{services.machine.address(services.wanted['kafka'])}:9092"
    producer = KafkaProducer(bootstrap_servers=kafka, max_request_size=32 * 1024 * 1024)
    for number in range(pictures):
        producer.send(UPLOADS, jpeg(side), partition=number % PARTITIONS)
    producer.flush()
    producer.close()


def jpeg(side: int) -> bytes:
    """A picture that compresses like a photograph: smooth, with some grain, none like another."""
    random = np.random.default_rng()
    coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
    smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.int16)
    grain = random.normal(0, 4, smooth.shape)
    buffer = io.BytesIO()
    pixels = np.clip(smooth + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "jpeg", quality=90)
    return buffer.getvalue()


def gflop_per_megapixel(model: str) -> float:
    """Of a shipped model, from its kernels: each works once at every pixel of the input."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(variables(model)))
    shapes = reader.get_variable_to_shape_map().values()
    multiplications = sum(math.prod(shape) for shape in shapes if len(shape) == 4)
    return float(2 * multiplications * 1e6 / 1e9)


def variables(model: str) -> Path:
    """The weights of a shipped model's newest version, as TensorFlow names them."""
    versions = on_disk(SHIPPED / model)
    return versions[max(versions)] / "variables" / "variables"


class MeasuredDatabase:
    """What the database knows of the run."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)

    def done(self) -> int:
        return int(self._ask("select count(*) from results"))

    def rows(self) -> int:
        """Ever added to any table; PostgreSQL counts them once their session has been idle."""
        time.sleep(2)
        return int(self._ask("select sum(n_tup_ins) from pg_stat_user_tables"))

    def size(self) -> int:
        return int(self._ask("select pg_database_size(current_database())"))

    def ends(self, pictures: int) -> list[float]:
        """Of the last so many pictures, in seconds."""
        with self._engine.connect() as connection:
            newest = text("select stored_at from results order by stored_at desc limit :pictures")
            rows = connection.execute(newest, {"pictures": pictures}).scalars()
            return sorted(row.timestamp() for row in rows)

    def result_bytes(self, pictures: int) -> float:
        newest = f"select bytes from results order by stored_at desc limit {pictures}"
        return float(self._ask(f"select avg(bytes) from ({newest}) as newest"))

    def _ask(self, question: str) -> float:
        with self._engine.connect() as connection:
            return float(connection.execute(text(question)).scalar_one())


def database_of(services: Services) -> MeasuredDatabase:
    return MeasuredDatabase((services.machine.root / "secrets" / "database_url").read_text())


def cpu_seconds(
    services: Services, processes: dict[str, list[subprocess.Popen[bytes]]]
) -> dict[str, float]:
    """The processor's time of each part until now, its children's included."""
    parts = processes | {name: [services.process(name)] for name in ("kafka", "postgres", "s3")}
    return {
        part: sum(tree_seconds(process.pid) for process in started)
        for part, started in parts.items()
    }


def tree_seconds(pid: int) -> float:
    """Of a process, those that it waited for, and those that it has."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # it ended just now, and its parent has its time
        return 0.0
    own = sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(tree_seconds(int(child)) for child in children)


if __name__ == "__main__":
    main()
