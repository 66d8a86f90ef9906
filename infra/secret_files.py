"""Secrets that lie in files, as containers hand them in: NAME_FILE names the file of NAME."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from infra.errors import BadSetting


def secret_names(settings: type[BaseSettings]) -> list[str]:
    """The settings whose values nobody may see."""
    fields = settings.model_fields.items()
    return [name for name, field in fields if field.annotation is SecretStr]


class SecretFiles(PydanticBaseSettingsSource):
    """Reads every secret setting whose NAME_FILE is set."""

    def __init__(
        self, settings_cls: type[BaseSettings], variables: Mapping[str, str | None]
    ) -> None:
        """The variables of the environment, their names in small letters."""
        super().__init__(settings_cls)
        self._variables = variables

    def __call__(self) -> dict[str, Any]:
        """The secrets by their settings' names.

        Raises:
            BadSetting: a file cannot be read, or the secret is given twice.
        """
        return {
            name: self._read(name, file)
            for name in secret_names(self.settings_cls)
            if (file := self._variables.get(f"{name}_file"))
        }

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Of one field; `__call__` reads all."""
        return self().get(field_name), field_name, False

    def _read(self, name: str, file: str) -> str:
        variable = f"{name.upper()}_FILE"
        if self._variables.get(name):
            raise BadSetting(f"{name.upper()} and {variable} are both set: take one away")
        try:
            # Editors and `echo` end a file with a newline that is no part of the secret.
            return Path(file).read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise BadSetting(f"the setting {variable} is not usable: {file}: {reason}") from error
