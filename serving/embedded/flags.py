"""The official server's command line: ``--port=8500 --model_name=doublet …``."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from infra.errors import DoubletError

THREADS_PER_CPU = 4
"""The official default of ``grpc_max_threads`` for each processor."""


def _flag(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Flags:
    """Every flag that has an effect here, by its official name."""

    # Where to listen
    port: int = _flag(8500, "TCP port of the gRPC API; 0: none")
    rest_api_port: int = _flag(0, "port of the HTTP/REST API; 0: none")
    grpc_socket_path: str = _flag("", "UNIX socket to serve the gRPC API on as well")
    bind_address: str = _flag("0.0.0.0", "address to listen on (only this server has this flag)")
    grpc_channel_arguments: str = _flag("", "`key=value,…` for the gRPC server")
    grpc_max_threads: int = _flag(
        THREADS_PER_CPU * (os.cpu_count() or 1), "gRPC requests worked on at the same time"
    )
    rest_api_timeout_in_ms: int = _flag(30_000, "time that one REST request may take")
    rest_api_enable_cors_support: bool = _flag(False, "let pages of other sites use the REST API")
    enable_grpc_healthcheck_service: bool = _flag(
        True, "serve grpc.health.v1 (the official default is false)"
    )
    ssl_config_file: str = _flag(
        "", "text-format SSLConfig; the gRPC port is then encrypted, socket and REST stay open"
    )
    monitoring_config_file: str = _flag("", "text-format MonitoringConfig; switches metrics on")

    # What to serve
    model_name: str = _flag("default", "name of the model (ignored with --model_config_file)")
    model_base_path: str = _flag("", "folder of numbered versions")
    model_config_file: str = _flag("", "text-format ModelServerConfig")
    model_config_file_poll_wait_seconds: int = _flag(0, "how often to re-read it; 0: never")
    file_system_poll_wait_seconds: int = _flag(
        1, "how often to look for new versions; 0: only at the start"
    )
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "let a new label name a version that is not loaded yet"
    )
    max_num_load_retries: int = _flag(5, "tries at loading a version after the first")
    load_retry_interval_micros: int = _flag(60_000_000, "pause between these tries")
    saved_model_tags: str = _flag("serve", "tags of the graph to load, comma-separated")
    enable_model_warmup: bool = _flag(True, "run assets.extra/tf_serving_warmup_requests")
    num_request_iterations_for_warmup: int = _flag(0, "times to run each of them; 0: once")

    # How to compute
    tensorflow_session_parallelism: int = _flag(0, "threads in and between operations; 0: auto")
    tensorflow_intra_op_parallelism: int = _flag(0, "threads in an operation; 0: auto")
    tensorflow_inter_op_parallelism: int = _flag(0, "operations at the same time; 0: auto")
    tensorflow_session_config_file: str = _flag("", "text-format ConfigProto to start from")
    mixed_precision: str = _flag("", "`bfloat16`: compute in it where the processor can")
    enable_serialization_as_tensor_content: bool = _flag(
        False, "answer in tensor_content instead of the typed fields; much faster for uint8"
    )
    enable_signature_method_name_check: bool = _flag(
        False, "refuse signatures whose method name does not fit the request"
    )
    enable_batching: bool = _flag(False, "accepted; requests are still run one by one")
    batching_parameters_file: str = _flag("", "accepted with --enable_batching; not read")


IGNORED = (
    "enable_per_model_batching_parameters",
    "enable_profiler",
    "flush_filesystem_caches",
    "num_load_threads",
    "num_unload_threads",
    "per_process_gpu_memory_fraction",
    "remove_unused_fields_from_bundle_metagraph",
    "rest_api_num_threads",
    "skip_initialize_tpu",
    "thread_pool_factory_config_file",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
)
"""Official flags that change how fast an answer comes, or a device that is not there."""

UNSUPPORTED = (
    "platform_config_file",
    "prefer_tflite_model",
    "use_alts_credentials",
)
"""Official flags without which the answers, or who may read them, would not be what was meant."""


class UsageError(DoubletError):
    """The command line cannot be followed."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (--help lists the flags)")


def parse(arguments: Sequence[str]) -> tuple[Flags, list[str]]:
    """Read the command line.

    Returns:
        the flags, and the names of those given that have no effect here.

    Raises:
        UsageError: an unknown flag, a value of the wrong kind, or flags that contradict.
    """
    parser = _Parser(prog="python -m serving.embedded", allow_abbrev=False)
    for flag in fields(Flags):
        text = f"{flag.metadata['help']} (default: {flag.default!r})".replace("%", "%%")
        if flag.type is bool:
            parser.add_argument(
                f"--{flag.name}", type=_boolean, nargs="?", const=True, metavar="BOOL", help=text
            )
        else:
            parser.add_argument(f"--{flag.name}", type=flag.type, metavar="X", help=text)
    for name in (*IGNORED, *UNSUPPORTED):
        parser.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)
    given = {
        name: value
        for name, value in vars(parser.parse_args(arguments)).items()
        if value is not None
    }
    for name in UNSUPPORTED:
        if given.pop(name, "false").lower() not in ("", "false", "0"):
            raise UsageError(f"--{name} needs TensorFlow Serving itself")
    ignored = [name for name in IGNORED if given.pop(name, None) is not None]
    flags = Flags(**given)
    _require_sense(flags)
    return flags, ignored


def _require_sense(flags: Flags) -> None:
    if not flags.model_base_path and not flags.model_config_file:
        raise UsageError("give --model_base_path or --model_config_file")
    if not flags.port and not flags.grpc_socket_path:
        raise UsageError("give --port or --grpc_socket_path")
    if flags.batching_parameters_file and not flags.enable_batching:
        raise UsageError("--batching_parameters_file needs --enable_batching")
    if flags.mixed_precision not in ("", "bfloat16"):
        raise UsageError("--mixed_precision knows only bfloat16")


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "1", ""):
        return True
    if text.lower() in ("false", "0"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
