"""The numbered folders of a model, and which of them are wanted."""

from collections.abc import Mapping
from pathlib import Path

from tensorflow_serving.config.file_system_storage_path_source_pb2 import (
    FileSystemStoragePathSourceConfig,
)


def on_disk(base_path: Path) -> dict[int, Path]:
    """The version folders below a base path, by number; leading zeros do not count.

    Raises:
        OSError: the base path cannot be listed.
    """
    return {
        int(folder.name): folder
        for folder in sorted(base_path.iterdir())
        if folder.name.isascii() and folder.name.isdigit() and folder.is_dir()
    }


def wanted(
    policy: FileSystemStoragePathSourceConfig.ServableVersionPolicy, found: Mapping[int, Path]
) -> dict[int, Path]:
    """Those of the versions found that the policy asks for; by default the highest one."""
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return dict(found)
    if choice == "specific":
        asked = set(policy.specific.versions)
        return {version: path for version, path in found.items() if version in asked}
    count = policy.latest.num_versions or 1
    return {version: found[version] for version in sorted(found, reverse=True)[:count]}
