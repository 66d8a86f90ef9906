"""The official command line, read."""

from pathlib import Path

import pytest

from serving.embedded.flags import Flags, UsageError, parse
from serving.embedded.ports import channel_arguments

BASE = "--model_base_path=/m"


def test_the_official_syntax() -> None:
    flags, ignored = parse(
        [BASE, "--port=9000", "--enable_batching", "--enable_model_warmup=false", "--model_name=n"]
    )

    assert flags == Flags(
        model_base_path="/m",
        port=9000,
        enable_batching=True,
        enable_model_warmup=False,
        model_name="n",
    )
    assert ignored == []


def test_flags_without_effect_are_named() -> None:
    _, ignored = parse([BASE, "--flush_filesystem_caches=false", "--num_load_threads=4"])

    assert ignored == ["flush_filesystem_caches", "num_load_threads"]


def test_what_would_change_the_meaning_is_refused_unless_switched_off() -> None:
    parse([BASE, "--use_alts_credentials=false", "--prefer_tflite_model=false"])
    with pytest.raises(UsageError, match="use_alts_credentials"):
        parse([BASE, "--use_alts_credentials"])


def test_channel_arguments_that_look_like_numbers_are_numbers() -> None:
    assert channel_arguments("grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb") == [
        ("grpc.max_connection_age_ms", 2000),
        ("grpc.lb_policy_name", "grpclb"),
    ]


def test_sessions_are_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

    from serving.embedded import sessions

    file = tmp_path / "session.conf"
    file.write_text("allow_soft_placement: true inter_op_parallelism_threads: 7")
    flags = Flags(
        tensorflow_session_config_file=str(file),
        tensorflow_intra_op_parallelism=3,
        mixed_precision="bfloat16",
    )
    on = {
        True: RewriterConfig.ON,
        False: RewriterConfig.DEFAULT,
    }
    for able in (True, False):
        features = {"avx512_bf16"} if able else {"avx2"}
        monkeypatch.setattr(sessions, "_processor_features", lambda found=features: found)

        config = sessions.session_config(flags)

        assert config.allow_soft_placement
        assert config.intra_op_parallelism_threads == 3
        assert config.inter_op_parallelism_threads == 7
        rewrites = config.graph_options.rewrite_options
        assert rewrites.auto_mixed_precision_onednn_bfloat16 == on[able]
