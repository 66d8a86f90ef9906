"""Messages of TensorFlow Serving's API under our own package name, without TensorFlow."""
