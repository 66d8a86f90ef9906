"""The embedded server as versions come and go, and as it starts and stops itself."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from serving import contract
from serving.client import GrpcModelServer
from serving.errors import ModelServerError, ModelServerUnavailable, VersionGone
from tests.fixtures.model_servers import (
    REPOSITORY,
    START_DEADLINE_S,
    RunningModelServer,
    running_model_server,
)
from tests.fixtures.saved_models import add_warmup

TILES = np.zeros((1, 8, 8, 3), np.uint8)


@dataclass(frozen=True)
class Rig:
    """A server of these tests' own, whose models they change."""

    server: RunningModelServer
    folder: Path
    original: Path
    """A version that works, to be copied."""
    unix_socket: str

    def publish(self, model: str, version: int) -> Path:
        """Put a working version where the server looks, as one does: complete, by renaming."""
        target = self.folder / model / str(version)
        return self.prepare(model, version).rename(target)

    def prepare(self, model: str, version: int) -> Path:
        """A working version beside the others, under a name that is not yet a number."""
        target = self.folder / model / f"incoming-{version}"
        shutil.copytree(self.original, target)
        return target


@pytest.fixture(scope="module")
def rig(model_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("lifecycle")
    original = model_folders / contract.DOUBLET / "1"
    (folder / contract.DOUBLET).mkdir()
    shutil.copytree(original, folder / contract.DOUBLET / "1")
    unix_socket = f"{folder}/grpc.sock"
    with running_model_server(
        folder,
        f"--model_name={contract.DOUBLET}",
        f"--model_base_path={folder / contract.DOUBLET}",
        "--max_num_load_retries=0",
        f"--grpc_socket_path={unix_socket}",
    ) as server:
        server.wait_for(contract.DOUBLET, 1)
        yield Rig(server, folder, original, unix_socket)


@contextlib.contextmanager
def client(rig: Rig, model: str = contract.DOUBLET, **more: Any) -> Iterator[GrpcModelServer]:
    connected = GrpcModelServer(rig.server.address, model, deadline_s=30, **more)
    try:
        yield connected
    finally:
        connected.close()


def reload(rig: Rig, *models: str) -> None:
    """Serve these models as well, each given as text-format ModelConfig without its platform."""
    from google.protobuf import text_format
    from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
    from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub

    kept = f'name: "{contract.DOUBLET}" base_path: "{rig.folder / contract.DOUBLET}"'
    configs = "".join(
        f'config {{ {model} model_platform: "tensorflow" }} ' for model in (kept, *models)
    )
    request = text_format.Parse(
        f"config {{ model_config_list {{ {configs} }} }}", ReloadConfigRequest()
    )
    with grpc.insecure_channel(rig.server.address) as channel:
        ModelServiceStub(channel).HandleReloadConfigRequest(request, timeout=30)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, or fail."""
    deadline = time.monotonic() + START_DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited in vain for {what}")
        time.sleep(0.01)


def test_a_new_version_takes_over_without_an_error_under_load(rig: Rig) -> None:
    old, new = 1, 2
    answers: list[int] = []
    failures: list[ModelServerError] = []
    enough = threading.Event()

    def load() -> None:
        with client(rig) as server:
            while not enough.is_set() and not failures:
                try:
                    version = server.describe().version
                    answers.append(server.double(TILES, version=version, spread=True).version)
                except VersionGone:
                    continue  # pinned just before it went: what the pipeline starts again after
                except ModelServerError as error:
                    failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: old in answers or failures, "an answer of the old version")
    rig.publish(contract.DOUBLET, new)
    until(lambda: new in answers or failures, "an answer of the new version")
    rig.server.wait_for(contract.DOUBLET, old, "END")
    enough.set()
    for thread in threads:
        thread.join()

    assert not failures
    assert set(answers) == {old, new}
    with client(rig) as server, pytest.raises(VersionGone):
        server.double(TILES, version=old, spread=False)


def test_a_broken_version_leaves_the_old_one_serving(rig: Rig) -> None:
    with client(rig) as server:
        before = server.describe().version
        broken = rig.prepare(contract.DOUBLET, 50)
        shutil.rmtree(broken / "variables")
        broken.rename(rig.folder / contract.DOUBLET / "50")

        status = rig.server.wait_for(contract.DOUBLET, 50, "END")

        assert "variables" in status.error
        assert server.describe().version == before


def test_a_failing_warmup_request_fails_the_load(rig: Rig) -> None:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest()
    request.model_spec.signature_name = "no such signature"
    with client(rig) as server:
        before = server.describe().version
        cold = rig.prepare(contract.DOUBLET, 51)
        add_warmup(cold, request)
        cold.rename(rig.folder / contract.DOUBLET / "51")

        status = rig.server.wait_for(contract.DOUBLET, 51, "END")

        assert status.error == 'Serving signature key "no such signature" not found.'
        assert server.describe().version == before


def test_warmup_requests_run_before_the_version_serves(rig: Rig) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    (rig.folder / "warm").mkdir()
    warm = rig.prepare("warm", 1)
    add_warmup(warm, PredictRequest(inputs={contract.TILES: tf.make_tensor_proto(TILES)}))
    warm.rename(rig.folder / "warm" / "1")

    reload(rig, f'name: "warm" base_path: "{rig.folder / "warm"}"')

    assert "Ran 1 warm-up requests of warm 1" in rig.server.log.read_text()
    reload(rig)


def test_reload_adds_models_with_policies_and_labels(rig: Rig) -> None:
    (rig.folder / "many").mkdir()
    for version in (1, 2, 3, 4):
        rig.publish("many", version)
    many = f'name: "many" base_path: "{rig.folder / "many"}"'

    reload(rig, f"{many} model_version_policy {{ specific {{ versions: 1 versions: 3 }} }}")
    with client(rig, "many") as server:
        assert [v.version for v in server.status() if v.state == "AVAILABLE"] == [3, 1]

    labelled = f'{many} version_labels {{ key: "{contract.STABLE}" value: 1 }}'
    policy = "model_version_policy { specific { versions: 1 versions: 3 } }"
    reload(rig, f"{labelled} {policy}")
    with client(rig, "many", label=contract.STABLE) as server:
        assert server.describe().version == 1
    with (
        client(rig, "many", label=contract.CANARY) as server,
        pytest.raises(ModelServerUnavailable, match="canary"),
    ):
        server.describe()

    reload(rig, f"{many} model_version_policy {{ latest {{ num_versions: 2 }} }}")
    with client(rig, "many") as server:
        assert [v.version for v in server.status() if v.state == "AVAILABLE"] == [4, 3]

    reload(rig)
    with client(rig, "many") as server, pytest.raises(ModelServerUnavailable, match="Latest"):
        server.describe()


@pytest.mark.parametrize(
    ("models", "code", "text"),
    [
        (
            ['name: "a" base_path: "/a"', 'name: "a" base_path: "/b"'],
            "INVALID_ARGUMENT",
            "Illegal to list model a multiple times in config list",
        ),
        (
            ['name: "a" base_path: "b/c"'],
            "INVALID_ARGUMENT",
            "Expected model a to have an absolute path or URI; got base_path()=b/c",
        ),
        (
            ['name: "a" base_path: "/a" version_labels { key: "x" value: 7 }'],
            "FAILED_PRECONDITION",
            "Request to assign label to version 7 of model a, "
            "which is not currently available for inference",
        ),
        (
            ['name: "a" base_path: "/nowhere"'],
            "UNKNOWN",
            "1 model(s) did not become available: {{name: a}, }",
        ),
    ],
    ids=["twice", "relative", "label", "nowhere"],
)
def test_reload_refuses(rig: Rig, models: list[str], code: str, text: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        reload(rig, *models)
    error: Any = caught.value

    assert (error.code().name, error.details()) == (code, text)
    with client(rig) as server:
        assert server.describe().name == contract.DOUBLET
    reload(rig)


def test_reload_refuses_what_is_no_list_of_models(rig: Rig) -> None:
    from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
    from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub

    with (
        grpc.insecure_channel(rig.server.address) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        ModelServiceStub(channel).HandleReloadConfigRequest(ReloadConfigRequest(), timeout=30)
    error: Any = caught.value

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().endswith("Only ModelConfigList is currently supported")


def test_it_answers_on_a_unix_socket(rig: Rig) -> None:
    server = GrpcModelServer(f"unix:{rig.unix_socket}")
    try:
        assert server.describe().radius == 1
    finally:
        server.close()


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    """The command line, for starts that fail before TensorFlow is imported."""
    command = [sys.executable, "-m", "serving.embedded", *flags]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=START_DEADLINE_S
    )


@pytest.mark.parametrize("flag", ["--port", "--rest_api_port"])
def test_a_port_in_use_is_one_clear_line(flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(
            "--bind_address=127.0.0.1",
            "--port=0",
            "--grpc_socket_path=/dev/null/x",
            "--model_base_path=/m",
            f"{flag}={port}",
        )

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in line
    assert f"choose another {flag}" in line


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ((), "give --model_base_path or --model_config_file"),
        (("--model_base_path=/m", "--port=x"), "--port"),
        (("--model_base_path=/m", "--no_such_flag=1"), "--no_such_flag"),
        (("--model_base_path=/m", "--use_alts_credentials"), "needs TensorFlow Serving itself"),
        (("--model_base_path=/m", "--enable_batching=maybe"), "neither true nor false"),
        (("--model_base_path=/m", "--batching_parameters_file=/b"), "needs --enable_batching"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(flags: tuple[str, ...], text: str) -> None:
    done = run(*flags)

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert text in line


def test_it_follows_its_configuration_file_and_stops_when_told(
    model_folders: Path, tmp_path: Path
) -> None:
    configuration = tmp_path / "models.conf"

    def write(name: str) -> None:
        configuration.write_text(
            f'model_config_list {{ config {{ name: "{name}" model_platform: "tensorflow" '
            f'base_path: "{model_folders / contract.DOUBLET}" }} }}'
        )

    write("first")
    with running_model_server(
        tmp_path,
        f"--model_config_file={configuration}",
        "--model_config_file_poll_wait_seconds=1",
    ) as server:
        server.wait_for("first", 1)
        write("second")
        server.wait_for("second", 1)
        server.wait_for("first", 1, "END")
        # Without --enable_serialization_as_tensor_content: the typed fields are read as well.
        typed = GrpcModelServer(server.address, "second")
        assert typed.double(TILES + 9, version=1, spread=True).doubled.any()
        typed.close()
        configuration.write_text("rubbish")

        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(10) == 0
