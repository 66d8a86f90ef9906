"""What a consumer counts and measures of itself; the books are the scheduler's to audit."""

from collections.abc import Mapping

from infra.database.models import Outcome
from infra.eventlog.topics import INTAKE
from infra.metrics import Metrics

CONSUMER = Metrics("consumer")

RECORDS_ENDED = CONSUMER.counter(
    "doublet_records_ended_total",
    "Records that this consumer brought to their end, by outcome and reason.",
    "records",
    ("outcome", "reason"),
)
STAGE_SECONDS = CONSUMER.histogram(
    "doublet_stage_seconds",
    "Time that a doubled picture spent in each stage, queue included.",
    ("stage",),
)
MEGAPIXELS = CONSUMER.counter(
    "doublet_megapixels_total", "Pixels of the pictures that were doubled.", "megapixels"
)
TILE_CALLS = CONSUMER.counter(
    "doublet_tile_calls_total",
    "Calls that asked the model server for tiles, by what came of them.",
    "calls",
    ("outcome",),
)
TILE_RETRIES = CONSUMER.counter(
    "doublet_tile_retries_total", "Tiles asked for once more after a call failed.", "tiles"
)
PICTURE_RETRIES = CONSUMER.counter(
    "doublet_picture_retries_total",
    "Attempts at pictures that failed and were repeated.",
    "attempts",
)
BREAKER_OPEN = CONSUMER.gauge(
    "doublet_breaker_open_seconds",
    "For how long a part has been waited for; 0: it answers.",
    "seconds",
    ("waits_for",),
)
PARTITIONS = CONSUMER.gauge(
    "doublet_partitions",
    "Partitions that are this consumer's (assigned), and those of them that it takes nothing from "
    "at the moment (paused).",
    "partitions",
    ("state",),
)
STALLS = CONSUMER.counter(
    "doublet_stalls_total",
    "Partitions that stood still although there was something to take.",
    "stalls",
    ("topic",),
)
IN_HAND = CONSUMER.gauge(
    "doublet_records_in_hand", "Records taken off Kafka and not settled.", "records", ("topic",)
)
MEMORY = CONSUMER.gauge(
    "doublet_memory_bytes",
    "Memory given out to pictures at hand (pictures), taken by records as they came (records), "
    "and what both may take together (limit).",
    "bytes",
    ("kind",),
)
DISK_FREE = CONSUMER.gauge(
    "doublet_disk_free_bytes",
    "Room on the disks that are written to: blobs, scratch, database; those of this machine.",
    "bytes",
    ("disk",),
)
DISK_SIZE = CONSUMER.gauge("doublet_disk_size_bytes", "Size of the same disks.", "bytes", ("disk",))
MODEL_VERSION = CONSUMER.gauge(
    "doublet_model_version",
    "Version that doubled the last picture, by the model's name.",
    "number",
    ("model",),
)

# What is counted from 0 on is seen to rise by Prometheus at its first time, too.
for _topic in INTAKE:
    STALLS.labels(_topic)
for _end in (Outcome.DONE, Outcome.DUPLICATE):
    RECORDS_ENDED.labels(_end, "")
for _outcome in ("ok", "misbehaved", "slow", "refused", "gone", "away"):
    TILE_CALLS.labels(_outcome)


def count_doubling(
    outcome: Outcome, model: str, version: int, pixels: int, seconds: Mapping[str, float]
) -> None:
    """One picture was doubled by a version of a model, in so many seconds for each stage."""
    RECORDS_ENDED.labels(outcome, "").inc()
    MODEL_VERSION.labels(model).set(version)
    MEGAPIXELS.inc(pixels / 1e6)
    for stage, spent in seconds.items():
        STAGE_SECONDS.labels(stage).observe(spent)
