"""The model server's port by TLS, with TensorFlow Serving's own flag and file."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from infra.errors import BadSetting
from infra.settings import Settings
from infra.tls import to_model_server
from serving import contract
from serving.client import GrpcModelServer
from serving.embedded.flags import Flags
from serving.embedded.ports import CertificateError, take
from serving.errors import ModelServerUnavailable
from tests.fixtures.certificates import Authority
from tests.fixtures.model_servers import RunningModelServer, running_model_server
from tests.fixtures.ports import free_ports


@pytest.fixture(scope="module")
def server(
    authority: Authority, model_folders: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningModelServer]:
    """One that wants a certificate of the authority from everybody."""
    folder = tmp_path_factory.mktemp("secure")
    file = folder / "ssl.conf"
    file.write_text(ssl_config(authority, client_verify=True))
    with running_model_server(
        folder,
        "--model_name=doublet",
        f"--model_base_path={model_folders / contract.DOUBLET}",
        f"--ssl_config_file={file}",
    ) as running:
        running.wait_for(contract.DOUBLET, 1, tls=to_model_server(trusting(authority)))
        yield running


def ssl_config(authority: Authority, *, client_verify: bool) -> str:
    """As TensorFlow Serving reads it: PEM as strings of text-format protobuf."""
    ours = authority.certify()
    texts = {
        "server_key": ours.key_file.read_text(),
        "server_cert": ours.file.read_text(),
        "custom_ca": authority.file.read_text(),
    }
    lines = [f'{name}: "{text}"'.replace("\n", "\\n") for name, text in texts.items()]
    return "\n".join([*lines, f"client_verify: {client_verify}".lower()])


def trusting(authority: Authority, *, certified_by: Authority | None = None) -> Settings:
    """Trusts an authority, and comes with a certificate of the same or another one."""
    ours = (certified_by or authority).certify("client")
    return Settings(
        _env_file=None,
        model_server_ca_file=str(authority.file),
        model_server_certificate_file=str(ours.file),
        model_server_key_file=str(ours.key_file),
    )


def refusal(server: RunningModelServer, settings: Settings, address: str = "") -> str:
    """What somebody is told who asks for a doubled tile and gets none."""
    client = GrpcModelServer(
        address or server.address, deadline_s=30, tls=to_model_server(settings)
    )
    with closing(client), pytest.raises(ModelServerUnavailable) as refused:
        client.describe()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_tiles_are_doubled_by_tls_with_certificates_on_both_sides(
    server: RunningModelServer, authority: Authority
) -> None:
    tls = to_model_server(trusting(authority))
    with closing(GrpcModelServer(server.address, deadline_s=60, tls=tls)) as client:
        tiles = np.zeros((1, 16, 16, 3), np.uint8)
        answer = client.double(tiles, version=client.describe().version, spread=False)
    assert answer.doubled.shape == (1, 32, 32, 3)


def test_an_authority_that_we_do_not_trust_is_named(
    server: RunningModelServer, authority: Authority, stranger: Authority
) -> None:
    settings = trusting(stranger, certified_by=authority)
    assert "its certificate is not trusted" in refusal(server, settings)


def test_a_certificate_of_another_host_is_not_taken(
    server: RunningModelServer, authority: Authority
) -> None:
    address = server.address.replace("127.0.0.1", "localhost")
    assert "not valid for 'localhost'" in refusal(server, trusting(authority), address)


def test_a_certificate_that_the_server_does_not_trust_is_said(
    server: RunningModelServer, authority: Authority, stranger: Authority
) -> None:
    settings = trusting(authority, certified_by=stranger)
    assert "our certificate" in refusal(server, settings)


def test_a_missing_certificate_is_said(server: RunningModelServer, authority: Authority) -> None:
    settings = Settings(_env_file=None, model_server_ca_file=str(authority.file))
    assert "our certificate" in refusal(server, settings)


def test_nobody_comes_in_without_encryption(server: RunningModelServer) -> None:
    assert "the model server at" in refusal(server, Settings(_env_file=None))


def test_files_that_are_no_certificates_stop_at_the_start(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, model_server_ca_file=str(tmp_path / "absent.pem"))
    with pytest.raises(BadSetting, match=r"MODEL_SERVER_CA_FILE.*no such file"):
        GrpcModelServer("127.0.0.1:1", tls=to_model_server(settings))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('server_key: "----SECRET', "as a text-format SSLConfig"),
        ("client_verify: true", "require client auth"),
        ('server_key: "SECRET" server_cert: "nonsense"', "no certificate and key that fit"),
    ],
)
def test_a_server_with_an_unusable_file_does_not_start(
    content: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "ssl.conf"
    file.write_text(content)
    [port] = free_ports(1)
    with pytest.raises(CertificateError, match=said) as refused:
        take(Flags(model_base_path="/m", port=port, ssl_config_file=str(file)))
    assert "SECRET" not in str(refused.value)
