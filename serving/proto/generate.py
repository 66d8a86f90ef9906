"""Regenerate the messages: ``python -m serving.proto.generate`` (needs grpcio-tools)."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent

STUB_HEADER = """\
# ruff: noqa
# fmt: off
# mypy: disable-error-code="type-arg"
"""
"""protoc's stubs follow rules of their own."""


def main() -> int:
    """Write ``*_pb2.py`` and their type stubs beside the ``.proto`` files.

    Returns:
        protoc's exit code: 0 when all were written.
    """
    from grpc_tools import protoc  # type: ignore[import-untyped]

    root = FOLDER.parent.parent
    protos = [str(path.relative_to(root)) for path in sorted(FOLDER.glob("*.proto"))]
    options = [f"--proto_path={root}", f"--python_out={root}", f"--pyi_out={root}"]
    code = int(protoc.main(["protoc", *options, *protos]))
    for stub in FOLDER.glob("*.pyi"):
        stub.write_text(STUB_HEADER + stub.read_text())
    return code


if __name__ == "__main__":
    sys.exit(main())
