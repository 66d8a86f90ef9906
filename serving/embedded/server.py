"""The server as a whole: what loads, what answers, and how it stops."""

import logging
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import tensorflow as tf
import uvicorn
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from infra.errors import DoubletError
from serving.embedded import config, services
from serving.embedded.api import Api
from serving.embedded.flags import Flags
from serving.embedded.metrics import Metrics
from serving.embedded.models import Load, Models, Retries, State, did_not_become_available
from serving.embedded.ports import Ports
from serving.embedded.refusal import Refusal
from serving.embedded.rest import application
from serving.embedded.servable import Servable, load
from serving.embedded.sessions import device, session_config
from serving.embedded.text_files import ConfigError, read
from serving.embedded.warmup import warm
from serving.proto.monitoring_pb2 import MonitoringConfig

log = logging.getLogger(__name__)

TICK_S = 0.2
"""How often to look whether something is due."""

GRACE_S = 1.0
"""What running requests are given to finish."""


class StartError(DoubletError):
    """The server cannot start."""


def serve(flags: Flags, ports: Ports) -> None:
    """Serve until SIGTERM or SIGINT.

    As the official server does, it answers only when every configured model is available.

    Raises:
        StartError: the configuration is not acceptable, or a model does not load.
        ConfigError: a configuration file cannot be read.
    """
    # Otherwise its Python half deprecates the very loader that TensorFlow Serving's resembles.
    tf.get_logger().setLevel(logging.ERROR)
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server = Server(flags, ports, stopping)
    # Signals reach the main thread only between two of its steps, so that it takes none itself.
    work = ThreadPoolExecutor(1, "work").submit(server.run)
    work.add_done_callback(lambda _: stopping.set())
    stopping.wait()
    log.info("Stopping")
    server.stop()
    if work.done():
        work.result()


class Server:
    """One process's server."""

    def __init__(self, flags: Flags, ports: Ports, stopping: threading.Event) -> None:
        """Prepare; nothing is read or loaded before `run`."""
        self._flags = flags
        self._ports = ports
        self._stopping = stopping
        self._rest: uvicorn.Server | None = None

    def run(self) -> None:
        """Load, start to answer, and keep up with the folders and the configuration."""
        flags = self._flags
        models = Models(
            _loader(flags),
            Retries(flags.max_num_load_retries, flags.load_retry_interval_micros / 1e6),
            any_label=flags.allow_version_labels_for_unavailable_models,
        )
        metrics = Metrics()
        api = Api(
            models,
            metrics,
            as_content=flags.enable_serialization_as_tensor_content,
            check_method=flags.enable_signature_method_name_check,
        )
        if self._load(models):
            self._answer(api, metrics)
            self._keep_up(models)

    def stop(self) -> None:
        """Refuse new requests and give the running ones a moment."""
        if self._rest is not None:
            self._rest.should_exit = True
        self._ports.grpc.stop(GRACE_S).wait(GRACE_S)

    def _load(self, models: Models) -> bool:
        """Wait until every model is available; False when told to stop before."""
        try:
            models.configure(_configured(self._flags))
        except Refusal as refusal:
            raise StartError(f"Failed to start server. Error: {refusal}") from refusal
        while missing := models.unavailable():
            failed = {
                name: found
                for name, found in missing.items()
                if found and all(version.state is State.END for version in found.values())
            }
            if failed:
                reason = did_not_become_available(failed)
                raise StartError(f"Failed to start server. Error: {reason}")
            if self._stopping.wait(TICK_S):
                return False
            models.reconcile()
        return not self._stopping.is_set()

    def _answer(self, api: Api, metrics: Metrics) -> None:
        flags = self._flags
        services.add(
            self._ports.grpc,
            api,
            device=device(session_config(flags)),
            with_health=flags.enable_grpc_healthcheck_service,
        )
        self._ports.grpc.start()
        log.info("Running gRPC ModelServer at %s:%d", flags.bind_address, flags.port)
        if self._ports.rest is None:
            return
        monitoring = MonitoringConfig()
        if flags.monitoring_config_file:
            read(flags.monitoring_config_file, monitoring)
        prometheus = monitoring.prometheus_config
        app = application(
            api,
            timeout_s=flags.rest_api_timeout_in_ms / 1000,
            cors=flags.rest_api_enable_cors_support,
            metrics=metrics if prometheus.enable else None,
            metrics_path=prometheus.path,
        )
        self._rest = uvicorn.Server(
            uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None)
        )
        sockets = [self._ports.rest]
        threading.Thread(target=self._rest.run, args=(sockets,), name="rest", daemon=True).start()
        log.info("Exporting HTTP/REST API at %s:%d", flags.bind_address, flags.rest_api_port)

    def _keep_up(self, models: Models) -> None:
        flags = self._flags
        folders = Interval(flags.file_system_poll_wait_seconds)
        configuration = Interval(
            flags.model_config_file_poll_wait_seconds if flags.model_config_file else 0
        )
        while not self._stopping.wait(TICK_S):
            if configuration.is_over():
                _reconfigure(models, flags)
            if folders.is_over():
                models.reconcile()


class Interval:
    """A pause of some seconds, over and over; one of 0 seconds never ends."""

    def __init__(self, seconds: float) -> None:
        """Begin the first pause."""
        self._seconds = seconds
        self._begun = time.monotonic()

    def is_over(self) -> bool:
        """Whether the pause is over; if so, the next one begins."""
        now = time.monotonic()
        if self._seconds <= 0 or now - self._begun < self._seconds:
            return False
        self._begun = now
        return True


def _configured(flags: Flags) -> ModelServerConfig:
    if flags.model_config_file:
        return read(flags.model_config_file, ModelServerConfig())
    return config.single_model(flags.model_name, flags.model_base_path)


def _reconfigure(models: Models, flags: Flags) -> None:
    """Follow the configuration file; what is wrong with it is logged and changes nothing."""
    try:
        models.require_available(models.configure(_configured(flags)))
    except (ConfigError, Refusal) as error:
        log.error("Could not follow %s: %s", flags.model_config_file, error)  # noqa: TRY400


def _loader(flags: Flags) -> Load:
    settings = session_config(flags)
    tags = flags.saved_model_tags.split(",")
    iterations = max(1, flags.num_request_iterations_for_warmup)

    def load_and_warm(name: str, version: int, path: Path) -> Servable:
        servable = load(name, version, path, tags, settings)
        if flags.enable_model_warmup:
            count = warm(servable, path, iterations)
            log.info("Ran %d warm-up requests of %s %d", count, name, version)
        return servable

    return load_and_warm
