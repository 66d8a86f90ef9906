"""How sessions compute: device, threads and precision."""

import logging
import os
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from serving.embedded.flags import Flags
from serving.embedded.text_files import read

log = logging.getLogger(__name__)

BFLOAT16_FEATURES = {"avx512_bf16", "amx_bf16"}
"""Without one of these a processor emulates bfloat16, which is slower than float32."""


def session_config(flags: Flags) -> ConfigProto:
    """The sessions' configuration that the command line asks for.

    Raises:
        ConfigError: ``--tensorflow_session_config_file`` cannot be read.
    """
    config = ConfigProto()
    if flags.tensorflow_session_config_file:
        read(flags.tensorflow_session_config_file, config)
    intra = flags.tensorflow_intra_op_parallelism or flags.tensorflow_session_parallelism
    inter = flags.tensorflow_inter_op_parallelism or flags.tensorflow_session_parallelism
    if intra:
        config.intra_op_parallelism_threads = intra
    if inter:
        config.inter_op_parallelism_threads = inter
    if flags.mixed_precision:
        if BFLOAT16_FEATURES & _processor_features():
            rewrites = config.graph_options.rewrite_options
            rewrites.auto_mixed_precision_onednn_bfloat16 = RewriterConfig.ON
        else:
            log.warning("this processor has no bfloat16 instructions: computing in float32")
    return config


def device(config: ConfigProto) -> str:
    """What a session of this configuration has, whatever was hoped for."""
    with tf.compat.v1.Session(config=config) as session:
        kinds = [device.device_type for device in session.list_devices()]
    if "GPU" in kinds:
        details = tf.config.experimental.get_device_details(
            tf.config.list_physical_devices("GPU")[0]
        )
        return f"GPU, {details.get('device_name', 'of an unknown kind')}"
    threads = config.intra_op_parallelism_threads or os.cpu_count() or 1
    rewrites = config.graph_options.rewrite_options
    half = rewrites.auto_mixed_precision_onednn_bfloat16 == RewriterConfig.ON
    return f"CPU, {threads} threads, {'bfloat16' if half else 'float32'}"


def _processor_features() -> set[str]:
    """What Linux says of the first processor; nothing on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())
