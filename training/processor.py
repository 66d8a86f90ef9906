"""The machine's processor, as Linux describes it."""

import os
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")

BFLOAT16 = {"avx512_bf16", "amx_bf16"}
"""The instruction sets with which oneDNN computes in bfloat16 faster than in float32."""


def processor(cpuinfo: Path = CPUINFO) -> str:
    """Its name and its threads."""
    return f"{_value('model name', cpuinfo) or platform.machine()}, {os.cpu_count()} threads"


def computes_in_bfloat16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether it has instructions for it; elsewhere bfloat16 is emulated, and slower."""
    return bool(BFLOAT16 & set(_value("flags", cpuinfo).split()))


def _value(key: str, cpuinfo: Path) -> str:
    """The first thread's; empty where there is none."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
