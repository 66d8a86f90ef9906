"""What Linux says of the processor."""

from pathlib import Path

import pytest

from training.processor import computes_in_bfloat16, processor

ZEN = """processor	: 0
model name	: AMD EPYC 9R45
flags		: fpu avx2 avx512_bf16

processor	: 1
model name	: another
flags		: fpu
"""


def test_the_first_threads_lines_count(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(ZEN)
    assert processor(tmp_path / "cpuinfo").startswith("AMD EPYC 9R45, ")
    assert computes_in_bfloat16(tmp_path / "cpuinfo")


@pytest.mark.parametrize("content", ["", "flags : fpu avx512_bf16x\n"])
def test_without_the_instructions(tmp_path: Path, content: str) -> None:
    (tmp_path / "cpuinfo").write_text(content)
    assert not computes_in_bfloat16(tmp_path / "cpuinfo")


def test_without_linux(tmp_path: Path) -> None:
    assert "threads" in processor(tmp_path / "absent")
    assert not computes_in_bfloat16(tmp_path / "absent")
