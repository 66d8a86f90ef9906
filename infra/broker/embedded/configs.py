"""The topic settings that this broker acts upon, with Kafka's names and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from kafka.errors import InvalidConfigurationError


class ConfigType(IntEnum):
    """DescribeConfigs' types (KIP-569)."""

    STRING = 2
    INT = 3
    LONG = 5
    LIST = 7


@dataclass(frozen=True)
class TopicConfig:
    """One setting: `lowest` for a number, `only` for a word that has no alternative here."""

    name: str
    default: str
    type: ConfigType
    lowest: int = 0
    only: bool = False
    broker_name: str | None = None  # what the broker-wide default of it is called

    def check(self, value: str) -> None:
        """Raises InvalidConfigurationError when `value` cannot be used."""
        if self.only:
            if value != self.default:
                raise InvalidConfigurationError(
                    f"{self.name}={value}: the embedded broker knows only {self.default}"
                )
        elif not (value.removeprefix("-").isdigit() and int(value) >= self.lowest):
            raise InvalidConfigurationError(
                f"Invalid value {value} for configuration {self.name}:"
                f" it must be a whole number, at least {self.lowest}"
            )


MAX_MESSAGE_BYTES = "max.message.bytes"
RETENTION_MS = "retention.ms"
RETENTION_BYTES = "retention.bytes"
MAX_AHEAD_MS = "message.timestamp.after.max.ms"

# The defaults are Apache Kafka 4.3's.
TOPIC_CONFIGS = {
    config.name: config
    for config in (
        TopicConfig(MAX_MESSAGE_BYTES, "1048588", ConfigType.INT, broker_name="message.max.bytes"),
        TopicConfig(
            RETENTION_MS, "604800000", ConfigType.LONG, lowest=-1, broker_name="log.retention.ms"
        ),
        TopicConfig(
            RETENTION_BYTES, "-1", ConfigType.LONG, lowest=-1, broker_name="log.retention.bytes"
        ),
        TopicConfig("cleanup.policy", "delete", ConfigType.LIST, only=True),
        TopicConfig("compression.type", "producer", ConfigType.STRING, only=True),
        TopicConfig("message.timestamp.type", "CreateTime", ConfigType.STRING, only=True),
        TopicConfig(
            MAX_AHEAD_MS,
            "3600000",
            ConfigType.LONG,
            broker_name="log.message.timestamp.after.max.ms",
        ),
        TopicConfig("min.insync.replicas", "1", ConfigType.INT, only=True),
    )
}

BROKER_CONFIGS = {
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "default.replication.factor": "1",
} | {c.broker_name: c.default for c in TOPIC_CONFIGS.values() if c.broker_name}


def check(configs: Mapping[str, str | None]) -> dict[str, str]:
    """The settings that were given a value, each one checked.

    Raises:
        InvalidConfigurationError: an unknown name or a value that cannot be used.
    """
    given = {name: value for name, value in configs.items() if value is not None}
    for name, value in given.items():
        if name not in TOPIC_CONFIGS:
            raise InvalidConfigurationError(f"Unknown topic config name: {name}")
        TOPIC_CONFIGS[name].check(value)
    return given
