"""Configuration files in protobuf's text format; loads nothing of TensorFlow's."""

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from infra.errors import DoubletError

Config = TypeVar("Config", bound=Message)


class ConfigError(DoubletError):
    """A configuration file cannot be read."""


def read(path: str, message: Config) -> Config:
    """Fill a message from a text-format file.

    Raises:
        ConfigError: no such file, or it does not parse; the text begins as protobuf's own does.
    """
    try:
        text_format.Parse(Path(path).read_text(), message)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        name = message.DESCRIPTOR.full_name
        raise ConfigError(f"Error parsing text-format {name} in {path}: {error}") from error
    return message
