"""TLS as a client: whom we trust, and as whom we come; for Kafka, the model server and S3.

What can be seen from this side, such as a key that is another certificate's, is a `BadSetting` and
stops whoever starts. What the other side says, such as a certificate that has run out or a wrong
password, may be mended there: it counts as away, is named, and passes by itself.
"""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from infra.errors import BadSetting
from infra.settings import Settings

_HANDSHAKE_SECONDS = 2.0
"""A server that takes longer has other trouble than its certificate."""


@dataclass(frozen=True)
class Tls:
    """The PEM files of one way; empty: the system's authorities, and no certificate of ours."""

    setting: str
    """How the names of its settings begin."""
    ca_file: str
    certificate_file: str = ""
    key_file: str = ""

    def context(self) -> ssl.SSLContext:
        """What Python's own TLS needs; also the proof that the files fit together.

        Raises:
            BadSetting: with the setting's name.
        """
        context = ssl.create_default_context()
        if self.ca_file:
            try:
                context = ssl.create_default_context(cafile=self.ca_file)
            except OSError as error:
                raise self._unusable("CA_FILE", self.ca_file, error) from error
        if bool(self.certificate_file) != bool(self.key_file):
            raise BadSetting(
                f"{self.setting}_CERTIFICATE_FILE and {self.setting}_KEY_FILE go together: "
                "set both, or neither"
            )
        if self.certificate_file:
            try:
                # A password, though there is none: OpenSSL would ask the terminal for it.
                context.load_cert_chain(self.certificate_file, self.key_file, password="")
            except OSError as error:
                files = f"{self.certificate_file} with {self.key_file}"
                raise self._unusable("CERTIFICATE_FILE", files, error) from error
        return context

    def contents(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """Authorities, certificate and key as PEM, each None where no file is named.

        Raises:
            BadSetting: they are not usable.
        """
        self.context()
        files = (self.ca_file, self.certificate_file, self.key_file)
        authorities, certificate, key = (Path(it).read_bytes() if it else None for it in files)
        return authorities, certificate, key

    def objection(self, address: str) -> str:
        """Why TLS with a server does not come about, in one line; empty where it does.

        Clients tell their users of it late or not at all, so that it is tried once by hand.

        Args:
            address: ``host:port``.
        """
        host, _, port = address.rpartition(":")
        context = self.context()
        context.set_alpn_protocols(["h2"])  # gRPC hangs up without it, others take no notice
        try:
            with (
                socket.create_connection((host, int(port)), _HANDSHAKE_SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=host.strip("[]")) as secured,
            ):
                # TLS 1.3 refuses a client's certificate only after the handshake.
                return "" if _keeps(secured) else "it hangs up: does it trust our certificate?"
        except ssl.SSLCertVerificationError as error:
            return f"its certificate is not trusted: {error.verify_message}"
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).replace("_", " ").lower()
            return f"TLS with it fails: {reason}"
        except (OSError, ValueError):
            return ""

    def _unusable(self, name: str, files: str, error: OSError) -> BadSetting:
        # OpenSSL's errors are OSErrors that name no file.
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        return BadSetting(
            f"the setting {self.setting}_{name} is not usable: {files}: "
            f"{reason.replace('_', ' ').lower()}"
        )


def _keeps(connection: ssl.SSLSocket) -> bool:
    """Whether the other side speaks or waits, instead of hanging up."""
    connection.settimeout(_HANDSHAKE_SECONDS)
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def to_kafka(settings: Settings) -> Tls | None:
    """The way to Kafka; None where it is not encrypted."""
    if settings.kafka_security_protocol == "PLAINTEXT":
        return None
    return Tls(
        "KAFKA",
        settings.kafka_ca_file,
        settings.kafka_certificate_file,
        settings.kafka_key_file,
    )


def to_model_server(settings: Settings) -> Tls | None:
    """The way to the model server; None where it is not encrypted."""
    if not settings.model_server_ca_file:
        return None
    return Tls(
        "MODEL_SERVER",
        settings.model_server_ca_file,
        settings.model_server_certificate_file,
        settings.model_server_key_file,
    )


def to_blob_store(settings: Settings) -> Tls:
    """The way to an S3 store."""
    return Tls("BLOB_STORE", settings.blob_store_ca_file)
