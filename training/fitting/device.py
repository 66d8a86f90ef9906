"""What the networks are fitted on: found out, not asked for."""

from dataclasses import dataclass

import keras

from training.processor import computes_in_bfloat16, processor


@dataclass(frozen=True)
class Device:
    """The device that Keras's backend has chosen."""

    name: str
    backend: str
    precision: str
    """The Keras dtype policy of convolutions that is fastest there without hurting quality."""


def device() -> Device:
    """A graphics processor where the backend sees one, else the processor."""
    backend = keras.config.backend()
    if gpu := _gpu(backend):
        return Device(gpu, backend, "mixed_bfloat16")
    precision = "mixed_bfloat16" if computes_in_bfloat16() else "float32"
    return Device(processor(), backend, precision)


def _gpu(backend: str) -> str:
    """The first graphics processor's name; empty without one."""
    if backend == "jax":
        import jax

        found = [each.device_kind for each in jax.devices() if each.platform == "gpu"]
    elif backend == "torch":
        import torch

        found = [torch.cuda.get_device_name(0)] if torch.cuda.is_available() else []
    else:
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        found = [each.get("device_name", "GPU") for each in details]
    return found[0] if found else ""
