"""How the system is, in the words of the Now page and of ``doublet status``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dashboard import words
from dashboard.probes import KafkaAnswer, ModelServerAnswer
from dashboard.queries.running import PartRow
from infra.books import Account
from infra.database.models import PartState
from infra.parts import SILENT_SECONDS
from infra.settings import Settings

AVAILABLE = "AVAILABLE"
"""The state of a model version that answers."""


class Health(StrEnum):
    """Whether somebody has to look."""

    WELL = "well"
    WAITING = "waiting"
    """It is there and does nothing, because something else is away; it goes on by itself."""
    AWAY = "away"


_HEALTH = {
    PartState.RUNNING: Health.WELL,
    PartState.STARTING: Health.WAITING,
    PartState.WAITING: Health.WAITING,
    PartState.RESTARTING: Health.AWAY,
    PartState.STOPPED: Health.AWAY,
}


@dataclass(frozen=True)
class PartHealth:
    """One part, as an operator wants to read it."""

    name: str
    health: Health
    says: str
    """One line: what it does, or why it does nothing."""
    restarts: int = 0
    version: str = ""
    seen_at: datetime | None = None
    """None for a part that was asked just now."""


def of_part(part: PartRow, now: datetime) -> PartHealth:
    """Judge a part by its last words, and by how long ago they were."""
    health, says = _HEALTH[part.state], part.detail or part.state.value
    silent = (now - part.seen_at).total_seconds()
    if part.state is not PartState.STOPPED and silent > SILENT_SECONDS:
        health, says = Health.AWAY, f"silent since {words.utc(part.seen_at)}"
    elif health is not Health.WELL:
        says = f"{says}, since {words.utc(part.changed_at)}"
    return PartHealth(part.name, health, says, part.restarts, part.version, part.seen_at)


def of_kafka(answer: KafkaAnswer, settings: Settings) -> PartHealth:
    """Judge Kafka by its answer."""
    if answer.trouble:
        return PartHealth("Kafka", Health.AWAY, answer.trouble)
    if not answer.offsets:
        return PartHealth("Kafka", Health.WAITING, "the topics do not exist yet: doublet topics")
    where = ",".join(settings.bootstrap_servers)
    partitions = words.plural(len(answer.offsets), "partition")
    return PartHealth("Kafka", Health.WELL, f"answers at {where}, {partitions}")


def of_model_server(answer: ModelServerAnswer, settings: Settings) -> PartHealth:
    """Judge the model server by its answer."""
    if answer.trouble:
        return PartHealth("Model server", Health.AWAY, answer.trouble)
    available = [version for version in answer.versions if version.state == AVAILABLE]
    if not available:
        states = ", ".join(f"{at.version} {at.state.lower()}" for at in answer.versions)
        says = f"no version of {settings.model_name} answers ({states or 'none known'})"
        return PartHealth("Model server", Health.WAITING, says)
    versions = ", ".join(_version(version.version, version.labels) for version in available)
    where = settings.model_server_address
    return PartHealth(
        "Model server", Health.WELL, f"answers at {where}, {settings.model_name} {versions}"
    )


def troubles(parts: Iterable[PartHealth]) -> list[PartHealth]:
    """The parts that are not well, those that are away first."""
    unwell = [part for part in parts if part.health is not Health.WELL]
    return sorted(unwell, key=lambda part: part.health is not Health.AWAY)


def imbalance(account: Account) -> str:
    """What a difference in the books means, in one sentence; empty where there is none."""
    sentences = []
    if account.missing:
        sentences.append(
            f"{words.plural(account.missing, 'record')} settled on Kafka, "
            "without an outcome in the database"
        )
    if account.unknown_to_kafka:
        sentences.append(
            f"{words.plural(account.unknown_to_kafka, 'record')} in the database "
            "that Kafka never had: was Kafka emptied or exchanged?"
        )
    return "; ".join(sentences)


def _version(number: int, labels: tuple[str, ...]) -> str:
    return f"version {number} ({', '.join(labels)})" if labels else f"version {number}"
