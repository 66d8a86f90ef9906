"""What a client and a served model have agreed on: names, tensors and their dtypes.

Nothing heavy is imported here, so that the consumer, the exporter and the tests can all share it.

``serving_default``
    ========= ================== ====================================================
    tensor    dtype, shape       meaning
    ========= ================== ====================================================
    tiles     uint8 [n,h,w,3]    sRGB
    doubled   uint8 [n,2h,2w,3]  mean of the members
    spread    uint8 [n,2h,2w]    standard deviation of the members' luma, in quarter
                                 grey levels, saturating; ``doublet-fast`` has none
    ========= ================== ====================================================

``describe``
    Answers, once for each tile (TensorFlow Serving's batching needs the shared first dimension):
    ``radius`` int32 [n], the receptive radius in input pixels; ``stride`` int32 [n], the alignment
    of the input in pixels; ``card`` string [n], a JSON object of which ``members`` (a number) is
    required.
"""

DOUBLET = "doublet"
"""The ensemble."""

DOUBLET_FAST = "doublet-fast"
"""One network distilled from the ensemble; it has no ``spread``."""

MODELS = (DOUBLET, DOUBLET_FAST)
"""What an event may ask for by name, where the server has it."""

STABLE = "stable"
CANARY = "canary"
LABELS = (STABLE, CANARY)

SERVING_DEFAULT = "serving_default"
DESCRIBE = "describe"

TILES = "tiles"
DOUBLED = "doubled"
SPREAD = "spread"

RADIUS = "radius"
STRIDE = "stride"
CARD = "card"
MEMBERS = "members"

DEVICE_HEADER = "doublet-device"
"""gRPC header of the embedded server's ``GetModelStatus``: what its sessions compute on.
TensorFlow Serving has no way of saying it."""

SCALE = 2
"""How many times longer each side of the answer is."""

CHANNELS = 3
"""Red, green and blue."""

SPREAD_STEPS_PER_GREY_LEVEL = 4
"""``spread`` counts quarters of a grey level, so that small disagreements survive in uint8."""
