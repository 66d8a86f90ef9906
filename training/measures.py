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


def luminance(picture: Picture, grey: bool = False) -> npt.NDArray[np.float64]:
    """Y [h, w] of uint8 [h, w, 3], borders shaved, not rounded, without an offset.

    The literature scores a picture from a greyscale file (`grey`) on its grey levels, and any
    other in studio range.
    """
    inside = slice(SHAVED, -SHAVED)
    luminance: npt.NDArray[np.float64] = picture[inside, inside] @ (
        FULL_RANGE if grey else STUDIO_RANGE
    )
    return luminance


def psnr(picture: Picture, truth: Picture, grey: bool = False) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 [h, w, 3]; infinite where they are equal."""
    error = np.mean((luminance(picture, grey) - luminance(truth, grey)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def ssim(picture: Picture, truth: Picture, grey: bool = False) -> float:
    """Structural similarity of two uint8 [h, w, 3] (Wang et al. 2004: 11x11 Gaussian, 1.5 px)."""
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]  # scikit-image has no type hints
            luminance(picture, grey),
            luminance(truth, grey),
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )
