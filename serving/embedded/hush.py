"""Quiet while TensorFlow is imported."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


@contextmanager
def hushed() -> Iterator[None]:
    """Hold back what the block writes to standard error; show it after all if the block fails.

    TensorFlow's C++ half logs half a page on every import, before it heeds any setting.
    """
    stderr = os.dup(STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, STDERR)
            os.close(stderr)
