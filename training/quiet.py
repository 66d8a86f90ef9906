"""TensorFlow's import, late and quietly."""

import os

from serving.embedded.hush import hushed


def import_tensorflow() -> None:
    """Once, by what needs it: it takes seconds, and says what matters to nobody here."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a missing GPU is not an error
    with hushed():
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")  # the Session's loader is deprecated, and what we need
