"""Which models to serve: TensorFlow Serving's ModelServerConfig."""

import logging
from collections.abc import Mapping
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import (
    ModelConfig,
    ModelConfigList,
    ModelServerConfig,
    ModelType,
)

from serving.embedded.refusal import invalid

log = logging.getLogger(__name__)

TENSORFLOW = "tensorflow"
"""The only platform there is."""


def single_model(name: str, base_path: str) -> ModelServerConfig:
    """The configuration that ``--model_name`` and ``--model_base_path`` stand for."""
    model = ModelConfig(
        name=name, base_path=str(Path(base_path).absolute()), model_platform=TENSORFLOW
    )
    return ModelServerConfig(model_config_list=ModelConfigList(config=[model]))


def validated(
    config: ModelServerConfig, current: Mapping[str, ModelConfig]
) -> dict[str, ModelConfig]:
    """The models of a configuration, by name.

    Args:
        config: what is asked for.
        current: what is served now.

    Raises:
        Refusal: as TensorFlow Serving refuses it, see server_core.cc.
    """
    if config.WhichOneof("config") == "custom_model_config":
        raise invalid("ModelServer does not yet support custom model config.")
    models: dict[str, ModelConfig] = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        models[model.name] = model
    for model in models.values():
        if not Path(model.base_path).is_absolute():
            raise invalid(
                f"Expected model {model.name} to have an absolute path or URI; "
                f"got base_path()={model.base_path}"
            )
    for model in models.values():
        platform = _platform(model)
        if model.name in current and platform != _platform(current[model.name]):
            raise invalid(
                f"Illegal to change a model's platform. For model {model.name} platform was "
                f"{_platform(current[model.name])} and new platform requested is {platform}"
            )
        if platform != TENSORFLOW:
            raise invalid(f"Model {model.name} requests unsupported platform {platform}")
    return models


def _platform(model: ModelConfig) -> str:
    if model.model_type:
        if model.model_platform:
            raise invalid(
                "Illegal setting both ModelServerConfig::model_type (deprecated) "
                "and ModelServerConfig::model_platform."
            )
        if model.model_type != ModelType.TENSORFLOW:
            raise invalid(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
        return TENSORFLOW
    if not model.model_platform:
        raise invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) "
            "nor ModelServerConfig::model_platform."
        )
    platform: str = model.model_platform
    return platform
