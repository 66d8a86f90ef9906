"""The optimiser of the compact members: Muon for their square kernels, Adam for the rest.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces the momentum of a
weight matrix by the nearest one whose singular values are all one, so that a step moves every
direction alike. Keras has it for matrices; a kernel [3, 3, from, to] is one of 3 * 3 * from rows.
"""

from typing import Any

import keras
from keras import ops

PIXEL_CHANNELS = {3, 12}
"""Red, green and blue of one pixel, or of four: where a kernel has them, Adam does better."""


@keras.saving.register_keras_serializable("doublet")
class KernelMuon(keras.optimizers.Muon):  # type: ignore[misc]  # Keras has no type hints
    """Muon for kernels from features to features, Adam for all else, without weight decay.

    Several members are stepped, and their gradients clipped, each as if it were alone.
    """

    def __init__(
        self, learning_rate: Any, clip: float | None, members: bool = False, **others: Any
    ) -> None:
        """Make one.

        Args:
            clip: the largest norm of all gradients of a member together; None: any.
            members: whether variables have an axis of members in front.
        """
        super().__init__(learning_rate, weight_decay=None, adam_weight_decay=None, **others)
        self.clip = clip
        self.members = members

    def _should_use_adamw(self, variable: Any) -> bool:
        shape = tuple(variable.shape)
        is_kernel = len(shape) - self.members == 4
        return not is_kernel or bool(PIXEL_CHANNELS & {*shape[-2:]})

    def _clip_gradients(self, gradients: list[Any]) -> list[Any]:
        if self.clip is None:
            return gradients
        squares = sum(self._square(gradient) for gradient in gradients)
        scale = self.clip / ops.maximum(ops.sqrt(squares), self.clip)
        return [
            gradient * ops.reshape(scale, (-1,) + (1,) * (len(gradient.shape) - 1))
            for gradient in gradients
        ]

    def _square(self, gradient: Any) -> Any:
        """The square of each member's norm, [m]; [1] for one alone."""
        members = gradient.shape[0] if self.members else 1
        return ops.sum(ops.square(ops.reshape(gradient, (members, -1))), axis=1)

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        ahead = ops.add(gradient, self.momentum * m)
        *members, height, width, entering, leaving = variable.shape
        rows = height * width * entering
        direction = self.zeropower_via_newtonschulz5(
            ops.reshape(ahead, (*members, rows, leaving)), self.ns_steps
        )
        # As large as Adam's step, whatever the shape: Liu et al. 2025, arXiv:2502.16982, eq. 4.
        size = self.rms_rate * max(rows, leaving) ** 0.5
        self.assign_sub(variable, lr * size * ops.reshape(direction, variable.shape))
