"""How close a doubled picture is to the truth, and to what it was made from."""

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from training.features.degradation import Picture, resized

SHAVED = 2
"""Pixels left out along every edge: the literature shaves as many as the factor."""

LUMA = (0.299, 0.587, 0.114)
"""BT.601's weights of R', G' and B'."""

STUDIO_RANGE = 219 / 255
"""What MATLAB's rgb2ycbcr scales the luma by: Y goes from 16 to 235."""

KERAS_EPSILON = 1e-7
"""How far Keras keeps probabilities from 0 and 1."""

_LOGS = np.log(np.clip(np.arange(256) / 255, KERAS_EPSILON, 1 - KERAS_EPSILON))
"""Of every grey level as a probability."""


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
    return decibels(luminance(picture, grey) - luminance(truth, grey))


def rgb_psnr(picture: Picture, truth: Picture) -> float:
    """As `psnr`, but of all three colours, 2 px shaved; in dB."""
    inside = slice(SHAVED, -SHAVED)
    return decibels(picture[inside, inside].astype(np.float64) - truth[inside, inside])


def consistency(doubled: Picture, given: Picture) -> float:
    """PSNR in dB, all colours, of uint8 [2h, 2w, 3] halved by antialiased bicubic, and its input.

    It needs no truth: a doubled picture that does not halve to what came in has changed it.
    """
    return decibels(resized(doubled, 0.5).astype(np.float64) - given)


def decibels(differences: npt.NDArray[np.float64]) -> float:
    """PSNR of grey-level differences; infinite where there are none."""
    error = np.mean(differences**2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def binary_cross_entropy(picture: Picture, truth: Picture) -> float:
    """The original project's loss, in nats: every colour value of the truth is a probability.

    It is clipped as Keras clips. Its least value for a truth, the floor, is
    `binary_cross_entropy(truth, truth)`, the truth's own entropy; what says something is the
    excess over it.
    """
    probable = truth / 255
    return float(-np.mean(probable * _LOGS[picture] + (1 - probable) * _LOGS[255 - picture]))


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
