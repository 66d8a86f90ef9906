"""Measures the whole local stack on this machine; the README's figures are from it.

    python scripts/measure.py

Starts the stack in a folder of its own, waits for its first picture, hands in three different
JPEGs of one megapixel, one after the other, and says how long each took and where.
"""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from sqlalchemy import select

from infra.database.engine import Database
from infra.database.models import Result
from infra.settings import Settings

SIDE = 1000
"""Of the JPEGs: one megapixel."""
PORTS = ("BROKER_PORT", "MODEL_SERVER_PORT", "MODEL_SERVER_REST_PORT", "DASHBOARD_PORT")
DOUBLET = [sys.executable, "-m", "doublet"]


def main() -> None:
    """Measure, and print one line for each figure."""
    with TemporaryDirectory(prefix="doublet-measure-") as folder:
        ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        environment = os.environ | ports | {"DOUBLET_HOME": folder}
        began = time.monotonic()
        stack = subprocess.Popen(
            [*DOUBLET, "up"], env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            wait_for_welcome(stack)
            say(f"from `doublet up` to the first doubled picture: {time.monotonic() - began:.1f} s")
            for number in range(3):
                submit(Path(folder) / f"{number}.jpg", number, environment)
        finally:
            stack.send_signal(signal.SIGINT)
            began = time.monotonic()
            stack.wait()
            say(f"from Ctrl-C to the end of all parts: {time.monotonic() - began:.1f} s")


def submit(file: Path, number: int, environment: dict[str, str]) -> None:
    """Hand in one JPEG, and say how long it took and the share of the model."""
    file.write_bytes(jpeg(number))
    began = time.monotonic()
    told = subprocess.run(
        [*DOUBLET, "submit", "--json", str(file)],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    seconds = time.monotonic() - began
    assert json.loads(told.stdout)["state"] == "done"
    database = Database(Settings(doublet_home=Path(environment["DOUBLET_HOME"])).database)
    with database.reading() as session:
        result = session.scalars(select(Result).order_by(Result.id.desc()).limit(1)).one()
    database.close()
    say(
        f"from `doublet submit` of a JPEG of one megapixel to done: {seconds:.1f} s, "
        f"{result.model_s / seconds:.0%} of it in the model"
    )


def jpeg(number: int) -> bytes:
    """One megapixel of the Hubble Deep Field, a different part each time."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    with Image.open(Path(spec.origin).parent / "data" / "hubble_deep_field.jpg") as picture:
        box = (10 * number, 10 * number, 800 + 10 * number, 800 + 10 * number)
        part = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box)
    file = io.BytesIO()
    part.save(file, "JPEG", quality=92)
    return file.getvalue()


def wait_for_welcome(stack: "subprocess.Popen[str]") -> None:
    """Pass on what the stack says until it is up."""
    assert stack.stdout is not None
    for line in stack.stdout:
        say(f"  {line.rstrip()}")
        if "Doublet is up" in line:
            return
    sys.exit("the stack did not come up")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


def say(line: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
