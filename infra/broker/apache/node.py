"""One Kafka node, broker and controller in one process (KRaft's combined mode)."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import NoReturn

from infra.broker.claim import HOST, BrokerCannotStart

OLDEST_JAVA = 17  # Kafka 4's brokers
LOGGING = Path(__file__).with_name("log4j2.xml")

# A development machine's share: the whole node fits in about 350 MB, and starts in seconds.
JVM = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]

PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{advertised}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller_port}
log.dirs={logs}
# One node: whatever Kafka would replicate has one copy.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# The defaults, 50 each, are for a cluster's load, and each is a folder to create.
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.num.partitions=1
# The default, 128 MB, is half of the heap.
log.cleaner.dedupe.buffer.size=2097152
# The default, 9 s, is how long a node that was killed is refused when it comes back.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
# Kafka waits 3 s for more members before a group's first rebalance: a stack that starts is waiting.
group.initial.rebalance.delay.ms=0
# The default, 6 s, is the shortest time in which a dead member can be noticed.
group.min.session.timeout.ms=1000
"""

logger = logging.getLogger(__name__)


def require_java() -> None:
    """Raises BrokerCannotStart where there is no Java, or one that is too old."""
    hint = (
        f"Apache Kafka needs Java {OLDEST_JAVA} or newer: install it (Debian: apt install"
        " default-jre-headless; macOS: brew install openjdk), or use the embedded broker"
    )
    if shutil.which("java") is None:
        raise BrokerCannotStart(hint)
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < OLDEST_JAVA:
        raise BrokerCannotStart(f"{hint} (found: {said.splitlines()[0] if said else 'nothing'})")


def configure(data: Path, port: int, advertised: int) -> Path:
    """Write the node's configuration, with the port that clients are sent to; returns its path."""
    properties = data / "server.properties"
    properties.write_text(
        PROPERTIES.format(
            host=HOST,
            port=port,
            advertised=advertised,
            controller_port=_free_port(besides=port),
            logs=(data / "logs").absolute(),
        )
    )
    return properties


def prepare(data: Path, jars: Path, properties: Path) -> None:
    """Format the data folder, once in its life.

    Raises:
        BrokerCannotStart: Kafka's own storage tool refuses.
    """
    if (data / "logs" / "meta.properties").exists():
        return
    tool = _java(jars, "kafka.tools.StorageTool", "format", "--standalone")
    # With "=", because one id in 64 begins with "-" and would be taken for an option.
    command = [*tool, f"--cluster-id={_cluster_id()}", "--config", str(properties)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        said = (outcome.stderr or outcome.stdout).strip().splitlines()
        raise BrokerCannotStart(f"cannot format {data}: {said[0] if said else 'no reason given'}")


def become(jars: Path, properties: Path) -> NoReturn:
    """Let this process be Kafka from here on, so that signals reach it without a go-between."""
    command = _java(jars, "kafka.Kafka", str(properties))
    os.execvp(command[0], command)


def _java(jars: Path, *arguments: str) -> list[str]:
    options = [*JVM, f"-Dlog4j2.configurationFile={LOGGING}", "-cp", f"{jars.absolute()}/*"]
    return ["java", *options, *arguments]


def _free_port(besides: int) -> int:
    """For the controller, to which only this node itself speaks: any will do, anew each time.

    The broker's own port is free as well at this moment, and must not be the one.
    """
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port != besides:
            return port


def _cluster_id() -> str:
    """Sixteen random bytes in URL-safe base64, as Kafka writes its ids."""
    return urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
