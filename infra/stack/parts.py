"""Which parts the local stack is made of, and how each is started and known to be ready."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from socket import gethostname

import httpx

from infra.clock import utc_now
from infra.database.engine import Database, DatabaseUnavailable
from infra.database.models import Part as PartRow
from infra.database.models import PartState
from infra.errors import DoubletError
from infra.eventlog.clients import EventLogUnavailable, open_admin
from infra.parts import FOLDER_WATCH
from infra.settings import Settings

_PROBE_SECONDS = 2.0
"""How long a part may take to say that it is ready."""


@dataclass(frozen=True)
class Port:
    """A port that a part opens, and the setting that moves it."""

    number: int
    setting: str


@dataclass(frozen=True)
class Part:
    """One part of the stack."""

    name: str
    command: list[str]
    ready: Callable[[], bool]
    """Whether it can be used now; never raises, answers within a few seconds."""
    ready_within_s: float
    ports: tuple[Port, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def broker(settings: Settings) -> Part | None:
    """The local broker, unless KAFKA_BOOTSTRAP_SERVERS names another one."""
    if settings.kafka_bootstrap_servers:
        return None
    port = Port(settings.broker_port, "BROKER_PORT")
    return Part(
        name="broker",
        command=[
            *_module(f"infra.broker.{settings.local_broker}"),
            "--data",
            str(settings.doublet_home / "broker" / settings.local_broker),
            "--port",
            str(port.number),
        ],
        environment={"LOG_FORMAT": settings.log_format},
        ready=lambda: _broker_answers(settings),
        # Apache Kafka's first start fetches its jars.
        ready_within_s=300 if settings.local_broker == "apache" else 30,
        ports=(port,),
    )


def model_server(settings: Settings) -> Part | None:
    """The embedded model server with every shipped model, unless MODEL_SERVER names another one.

    Raises:
        DoubletError: no such model is shipped.
    """
    if settings.model_server:
        return None
    folder = _models() / settings.model_name
    if not folder.is_dir():
        raise DoubletError(f"there is no model {settings.model_name!r} in {folder.parent}")
    ports = (
        Port(settings.model_server_port, "MODEL_SERVER_PORT"),
        Port(settings.model_server_rest_port, "MODEL_SERVER_REST_PORT"),
    )
    status = f"http://127.0.0.1:{ports[1].number}/v1/models/{settings.model_name}"
    return Part(
        name="model server",
        command=[
            *_module("serving.embedded"),
            "--bind_address=127.0.0.1",
            f"--port={ports[0].number}",
            f"--rest_api_port={ports[1].number}",
            f"--model_config_file={_model_config(settings)}",
            "--enable_serialization_as_tensor_content=true",
            f"--monitoring_config_file={_monitoring_config(settings)}",
            # Nearly twice as fast where the processor has it, at most one grey level apart.
            "--mixed_precision=bfloat16",
        ],
        ready=lambda: "AVAILABLE" in _page(status),
        ready_within_s=120,
        ports=ports,
        environment={"CUDA_VISIBLE_DEVICES": "-1"} if settings.model_device == "cpu" else {},
    )


def workers(settings: Settings, database: Database) -> list[Part]:
    """Consumer, scheduler and dashboard; the folder watch where there is a folder to watch."""
    since = utc_now()
    # The name survives a restart, and the partitions with it. On a Kafka that others use as well,
    # it must be this machine's.
    local = "consumer" if not settings.kafka_bootstrap_servers else f"consumer-{gethostname()}"
    consumer = settings.consumer_name or local

    def beats(name: str) -> Callable[[], bool]:
        def running() -> bool:
            try:
                with database.reading() as session:
                    row = session.get(PartRow, name)
            except DatabaseUnavailable:
                return False
            # One that waits for a part elsewhere has started; it says itself for whom it waits.
            started = (PartState.RUNNING, PartState.WAITING)
            return row is not None and row.seen_at >= since and row.state in started

        return running

    page = f"http://127.0.0.1:{settings.dashboard_port}/_stcore/health"
    folder_watch = Part(
        name=FOLDER_WATCH,
        command=[*_module("doublet"), "watch"],
        ready=beats(FOLDER_WATCH),
        ready_within_s=60,
    )
    return [
        *([folder_watch] if settings.watch_folder else []),
        Part(
            name="consumer",
            command=_module("consumers"),
            ready=beats(consumer),
            ready_within_s=60,
            environment={"CONSUMER_NAME": consumer},
        ),
        Part(
            name="scheduler",
            command=_module("producers"),
            ready=beats("scheduler"),
            ready_within_s=60,
        ),
        Part(
            name="dashboard",
            command=_module("dashboard"),
            ready=lambda: _page(page) == "ok",
            ready_within_s=60,
            ports=(Port(settings.dashboard_port, "DASHBOARD_PORT"),),
        ),
    ]


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _model_config(settings: Settings) -> Path:
    """Write down what is shipped, in the official server's text format."""
    models = "".join(
        f"""  config {{
    name: {json.dumps(folder.name)}
    base_path: {json.dumps(str(folder))}
    model_platform: "tensorflow"
    model_version_policy {{ all {{}} }}
  }}
"""
        for folder in sorted(path for path in _models().iterdir() if path.is_dir())
    )
    file = settings.doublet_home.absolute() / "models.config"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"model_config_list {{\n{models}}}\n")
    return file


def _monitoring_config(settings: Settings) -> Path:
    """Switch the metrics on, as in the official server, at their usual path."""
    file = settings.doublet_home.absolute() / "monitoring.config"
    file.write_text("prometheus_config { enable: true }\n")
    return file


def _models() -> Path:
    # Found without importing: the stack starts the rooms and uses none of them.
    spec = find_spec("serving")
    if spec is None or not spec.submodule_search_locations:
        raise DoubletError("the package `serving` is not installed")
    return Path(next(iter(spec.submodule_search_locations))).absolute() / "models"


def _broker_answers(settings: Settings) -> bool:
    try:
        with open_admin(settings) as admin:
            admin.list_topics()
    except EventLogUnavailable:
        return False
    return True


def _page(address: str) -> str:
    try:
        return httpx.get(address, timeout=_PROBE_SECONDS, trust_env=False).text
    except httpx.HTTPError:
        return ""
