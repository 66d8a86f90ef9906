"""The jars that Apache Kafka runs from."""

from __future__ import annotations

import logging
import shutil
import subprocess
from pathlib import Path

from infra.broker.claim import BrokerCannotStart

POM = Path(__file__).with_name("pom.xml")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

logger = logging.getLogger(__name__)


def fetch(folder: Path) -> Path:
    """The folder with all jars in it; they are fetched only where they are not there yet.

    Raises:
        BrokerCannotStart: Maven is missing, or cannot fetch them.
    """
    fetched = folder / POM.name  # written last: it is there when all the jars are, and these jars
    if fetched.exists() and fetched.read_bytes() == POM.read_bytes():
        return folder
    if shutil.which("mvn") is None:
        raise BrokerCannotStart(
            "Apache Kafka's jars are fetched with Maven: install it (Debian: apt install maven;"
            " macOS: brew install maven), or use the embedded broker, which needs neither"
        )
    logger.info("fetching Apache Kafka's jars into %s, about 45 MB", folder)
    shutil.rmtree(folder, ignore_errors=True)
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(POM), COPY]
    outcome = subprocess.run(
        [*command, "-DincludeScope=runtime", f"-DoutputDirectory={folder.absolute()}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if outcome.returncode != 0:
        reason = next(
            (line for line in outcome.stdout.splitlines() if line.startswith("[ERROR]")),
            "no reason given",
        )
        raise BrokerCannotStart(f"Maven could not fetch Apache Kafka's jars: {reason}")
    shutil.copyfile(POM, fetched)
    return folder
