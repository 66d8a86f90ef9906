"""TensorFlow Serving's API from Python, for a machine without its binary.

``python -m serving.embedded --model_base_path=/models/doublet --model_name=doublet`` takes the
official command line and gives the official answers: the same methods, paths, status codes and
texts. It is for development and tests; what production runs is ``tensorflow/serving``.
"""
