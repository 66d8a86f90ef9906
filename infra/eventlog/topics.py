"""The topics: their names, their policies, and their creation."""

from dataclasses import dataclass

from kafka.admin import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from infra.settings import Settings

UPLOADS = "doublet.uploads.v1"
APOD = "doublet.apod.v1"
BACKFILL = "doublet.backfill.v1"
RESULTS = "doublet.results.v1"
DEAD_LETTERS = "doublet.dead-letters.v1"

INTAKE = (UPLOADS, APOD, BACKFILL)
"""The topics that carry pictures to double, the most urgent first. The backfill of APOD has a
topic of its own: within a partition, nothing can overtake."""

GROUP = "doublet"
"""The consumer group that doubles."""

ENVELOPE_ROOM = 64 * 1024
"""Bytes of a message beside the picture: headers, key, and the record batch's own frame."""

_DAY_MS = 24 * 60 * 60 * 1000
_ANY_TIME_MS = 2**63 - 1


@dataclass(frozen=True)
class Topic:
    """What a topic is created with."""

    name: str
    partitions: int
    retention_ms: int
    message_limit: int
    """Largest record batch in bytes."""

    def configs(self) -> dict[str, str]:
        """In Kafka's own words."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.message_limit),
            # By default Kafka refuses what a clock sends that is an hour ahead of its own: a
            # consumer with such a clock could tell nobody what it did.
            "message.timestamp.after.max.ms": str(_ANY_TIME_MS),
        }


def topics(settings: Settings) -> list[Topic]:
    """Every topic that Doublet uses, as the settings want it."""
    retention = int(settings.topic_retention_days * _DAY_MS)
    limit = settings.message_limit_bytes + ENVELOPE_ROOM
    wide = settings.partitions
    return [
        Topic(UPLOADS, wide, retention, limit),
        Topic(APOD, wide, retention, limit),
        Topic(BACKFILL, wide, retention, limit),
        Topic(RESULTS, wide, retention, limit),
        # One partition: an operator reads dead letters in the order in which they failed. Room
        # for the error headers on top of the largest event.
        Topic(DEAD_LETTERS, 1, retention, limit + ENVELOPE_ROOM),
    ]


def ensure_topics(admin: KafkaAdminClient, settings: Settings) -> list[str]:
    """Create the topics that are missing, and answer their names.

    Existing ones are left as they are: changing retention is an operator's decision.
    """
    existing = set(admin.list_topics())
    missing = [topic for topic in topics(settings) if topic.name not in existing]
    for topic in missing:
        _create(admin, topic, settings.replication_factor)
    return [topic.name for topic in missing]


def _create(admin: KafkaAdminClient, topic: Topic, replicas: int) -> None:
    wanted = {
        "num_partitions": topic.partitions,
        "replication_factor": replicas,
        "configs": topic.configs(),
    }
    try:
        admin.create_topics({topic.name: wanted}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return  # another process was quicker
