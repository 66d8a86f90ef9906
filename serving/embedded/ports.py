"""The server's ports, taken before anything slow happens, so that a clash is known at once."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc

from infra.errors import DoubletError
from serving.embedded.flags import Flags
from serving.embedded.text_files import ConfigError, read
from serving.proto.ssl_pb2 import SSLConfig

MAX_MESSAGE = 2**31 - 1
"""As in the official server: whatever protobuf can carry."""


class PortTaken(DoubletError):
    """Something else listens there already."""


class CertificateError(DoubletError):
    """What ``--ssl_config_file`` names is not usable."""


@dataclass(frozen=True)
class Ports:
    """Bound and not yet answering."""

    grpc: grpc.Server
    rest: socket.socket | None


def take(flags: Flags) -> Ports:
    """Bind the gRPC port, its UNIX socket and the REST port.

    Raises:
        PortTaken: naming the flag to change.
        CertificateError: the certificate is not usable.
    """
    rest = _rest(flags)
    options = [
        ("grpc.max_receive_message_length", MAX_MESSAGE),
        ("grpc.max_send_message_length", MAX_MESSAGE),
        # Otherwise two servers share a port in silence, and clients meet either.
        ("grpc.so_reuseport", 0),
        *channel_arguments(flags.grpc_channel_arguments),
    ]
    server = grpc.server(ThreadPoolExecutor(flags.grpc_max_threads, "grpc"), options=options)
    if flags.port:
        # gRPC would add a line of its own to the one that says what is wrong.
        _listen(flags.bind_address, flags.port, "--port").close()
        credentials = _credentials(flags.ssl_config_file) if flags.ssl_config_file else None
        _add(server, f"{flags.bind_address}:{flags.port}", "--port", credentials)
    if flags.grpc_socket_path:
        _add(server, f"unix:{flags.grpc_socket_path}", "--grpc_socket_path")
    return Ports(server, rest)


def channel_arguments(text: str) -> list[tuple[str, int | str]]:
    """``key=value,…`` as gRPC's options; what looks like a number is one."""
    pairs = (argument.partition("=") for argument in text.split(",") if argument)
    return [(key, int(value) if _is_int(value) else value) for key, _, value in pairs]


def _is_int(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _rest(flags: Flags) -> socket.socket | None:
    if not flags.rest_api_port:
        return None
    if flags.rest_api_port == flags.port:
        raise PortTaken("--rest_api_port cannot be the same as --port")
    return _listen(flags.bind_address, flags.rest_api_port, "--rest_api_port")


def _listen(address: str, port: int, flag: str) -> socket.socket:
    try:
        return socket.create_server((address, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise PortTaken(
            f"cannot listen on {address}:{port} ({reason}): choose another {flag}"
        ) from error


def _credentials(path: str) -> grpc.ServerCredentials:
    try:
        found = read(path, SSLConfig())
    except ConfigError:  # what it says may quote the key
        raise CertificateError(f"cannot read {path} as a text-format SSLConfig") from None
    try:
        return grpc.ssl_server_credentials(
            [(found.server_key.encode(), found.server_cert.encode())],
            root_certificates=found.custom_ca.encode() or None,
            require_client_auth=found.client_verify,
        )
    except ValueError as error:  # clients are to be verified, against nothing
        raise CertificateError(f"{path} is not usable: {error}") from error


def _add(
    server: grpc.Server,
    address: str,
    flag: str,
    credentials: grpc.ServerCredentials | None = None,
) -> None:
    try:
        if credentials:
            server.add_secure_port(address, credentials)
        else:
            server.add_insecure_port(address)
    except RuntimeError as error:
        if credentials:  # the port was free a moment ago
            raise CertificateError(
                "--ssl_config_file holds no certificate and key that fit together"
            ) from error
        raise PortTaken(f"cannot listen on {address}: choose another {flag}") from error
