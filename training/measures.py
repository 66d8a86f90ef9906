"""How close a picture is to the truth, in the literature's terms: on Y, borders shaved."""

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from training.features.degradation import Picture

SHAVED = 2
"""Pixels left out along every edge: the literature shaves as many as the factor."""

LUMA = (0.299, 0.587, 0.114)
"""BT.601's weights of R', G' and B'."""

STUDIO_RANGE = 219 / 255
"""What MATLAB's rgb2ycbcr scales the luma by: Y goes from 16 to 235."""


def luminance(picture: Picture, grey: bool = False) -> npt.NDArray[np.float64]:
    """Y [h, w] of uint8 [h, w, 3], borders shaved, not rounded, without an offset.

    The literature scores a picture from a greyscale file (`grey`) on its grey levels, and any
    other in studio range.
    """
    inside = slice(SHAVED, -SHAVED)
    luma: npt.NDArray[np.float64] = picture[inside, inside] @ np.array(LUMA)
    return luma if grey else luma * STUDIO_RANGE


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
