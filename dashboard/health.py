"""How the system is, in the words of the Now page and of ``doublet status``."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from dashboard import words
from dashboard.probes import KafkaAnswer, ModelServerAnswer
from dashboard.queries.running import PartRow
from infra.books import Account
from infra.database.models import PartState
from infra.parts import SILENT_SECONDS
from infra.settings import Settings

BROKER, MODEL_SERVER = "broker", "model server"
"""What the local stack calls the two parts that are asked instead of beating themselves."""

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
    device: str = ""
    """What the models run on, and what was asked for."""
    on_another_device: bool = False
    """Whether that is not what was asked for."""


def of_part(part: PartRow, now: datetime) -> PartHealth:
    """Judge a part by its last words, and by how long ago they were."""
    health, says = _HEALTH[part.state], part.detail or part.state.value
    silent = (now - part.seen_at).total_seconds()
    if part.state is not PartState.STOPPED and silent > SILENT_SECONDS:
        health, says = Health.AWAY, f"silent since {words.utc(part.seen_at)}"
    elif health is not Health.WELL and part.state is not PartState.WAITING:
        # One that waits says itself for whom, and since when.
        says = f"{says}, since {words.utc(part.changed_at)}"
    return PartHealth(part.name, health, says, part.restarts, part.version, part.seen_at)


def of_kafka(answer: KafkaAnswer, settings: Settings, row: PartRow | None) -> PartHealth:
    """Judge Kafka by its answer; ``row`` is what the local stack says of its broker."""
    where = ",".join(settings.bootstrap_servers)
    if answer.trouble:
        return _asked("Kafka", Health.AWAY, answer.trouble, row)
    if not answer.offsets:
        return _asked("Kafka", Health.WAITING, f"no topics at {where} yet: `doublet topics`", row)
    partitions = words.plural(len(answer.offsets), "partition")
    return _asked("Kafka", Health.WELL, f"answers at {where}, {partitions}", row)


def of_model_server(
    answer: ModelServerAnswer, settings: Settings, row: PartRow | None
) -> PartHealth:
    """Judge the model server by its answer; ``row`` is what the local stack says of its own."""
    if answer.trouble:
        return _asked(MODEL_SERVER, Health.AWAY, answer.trouble, row)
    available = [version for version in answer.versions if version.state == AVAILABLE]
    if not available:
        states = ", ".join(f"{at.version} {at.state.lower()}" for at in answer.versions)
        says = f"no version of {settings.model_name} is available ({states or 'none known'})"
        return _asked(MODEL_SERVER, Health.WAITING, says, row)
    versions = ", ".join(_version(version.version, version.labels) for version in available)
    says = f"answers at {settings.model_server_address}, {settings.model_name} {versions}"
    device = answer.device or "not told by this server"
    return replace(
        _asked(MODEL_SERVER, Health.WELL, says, row),
        device=f"{device} (asked for: {settings.model_device})",
        on_another_device=answer.device is not None
        and settings.model_device != "auto"
        and not answer.device.lower().startswith(settings.model_device),
    )


def _asked(name: str, health: Health, says: str, row: PartRow | None) -> PartHealth:
    """A part that answers for itself: the stack's row adds its deaths, and the last one's cause."""
    if row is None:
        return PartHealth(name, health, says)
    if health is not Health.WELL and row.detail:
        says = f"{says}; {row.detail} ({words.utc(row.changed_at)})"
    return PartHealth(name, health, says, row.restarts, row.version)


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
