"""What the networks are fitted on: found out, not asked for."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import keras

CPU_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
"""The instruction sets with which oneDNN computes in bfloat16 faster than in float32."""


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
    quick = bool(CPU_BFLOAT16 & processor_flags())
    return Device(processor(), backend, "mixed_bfloat16" if quick else "float32")


def processor() -> str:
    """The processor's name and its threads."""
    return f"{_cpuinfo('model name') or platform.machine()}, {os.cpu_count()} threads"


def processor_flags() -> set[str]:
    """The processor's instruction sets, by Linux's names; none elsewhere."""
    return set(_cpuinfo("flags").split())


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    values = [line.partition(":")[2].strip() for line in lines if line.startswith(key)]
    return values[0] if values else ""


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
