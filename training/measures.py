"""How close a picture is to the truth, in the literature's terms: on Y, borders shaved."""

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from training.degradation import Picture

SHAVED = 2
"""Pixels left out along every edge: the literature shaves as many as the factor."""

FULL_RANGE = np.array([0.299, 0.587, 0.114])
"""BT.601's luma of R', G', B'."""

STUDIO_RANGE = np.array([65.481, 128.553, 24.966]) / 255
"""The same in 16..235, without the offset: MATLAB's rgb2ycbcr."""


def luminances(
    picture: Picture, truth: Picture
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Y [h, w] of two uint8 [h, w, 3], borders shaved, not rounded.

    The literature scores a grey picture on its grey levels, a coloured one in studio range; which
    of them it is, the truth says.
    """
    grey = bool((truth == truth[..., :1]).all())
    weights = FULL_RANGE if grey else STUDIO_RANGE
    inside = slice(SHAVED, -SHAVED)
    return picture[inside, inside] @ weights, truth[inside, inside] @ weights


def psnr(picture: Picture, truth: Picture) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 [h, w, 3]; infinite where they are equal."""
    ours, theirs = luminances(picture, truth)
    error = np.mean((ours - theirs) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def ssim(picture: Picture, truth: Picture) -> float:
    """Structural similarity of two uint8 [h, w, 3] (Wang et al. 2004: 11x11 Gaussian, 1.5 px)."""
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]  # scikit-image has no type hints
            *luminances(picture, truth),
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )
