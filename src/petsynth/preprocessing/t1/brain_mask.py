"""Where the brain is in a T1: a given mask, an already stripped image, or deepbet.

References
----------
Fisch et al., "deepbet: Fast brain extraction of T1-weighted MRI using Convolutional Neural
Networks", Computers in Biology and Medicine 179, 2024. Its weights come in its wheel, so nothing
is downloaded. Paper A has no such step; ours, since the template is a brain only.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from petsynth.errors import InputError
from petsynth.preprocessing.resampling import resample_mask
from petsynth.volume import BoolArray, Volume

Method = Literal["auto", "deepbet"]
Device = Literal["cpu", "auto", "cuda"]

STRIPPED_ZEROS = 0.4
"""Fraction of exact zeros from which a T1 counts as skull-stripped."""
LARGEST_ML, APART = 2200, 0.05
"""Volume below which its largest object is a brain, and the fraction of it that may lie apart."""
_PLAUSIBLE_ML = (400, 2500)


@dataclass(frozen=True)
class BrainMask:
    """A brain mask and where it comes from.

    Parameters
    ----------
    mask : Volume
        (X, Y, Z) bool, on the T1's grid.
    source : str
        ``"given"``, ``"skull-stripped"`` or ``"deepbet"``.
    """

    mask: Volume
    source: str


def find_brain(
    t1: Volume,
    given: Volume | None = None,
    method: Method = "auto",
    *,
    device: Device = "cpu",
) -> BrainMask:
    """Return the brain mask of a T1.

    Parameters
    ----------
    t1 : Volume
        (X, Y, Z), any unit.
    given : Volume, optional
        A mask to be used as it is; resampled to the T1's grid where it lies on another.
    method : {"auto", "deepbet"}
        Without a given mask: ``"auto"`` takes the nonzero voxels of a skull-stripped T1 and
        deepbet for any other.
    device : {"cpu", "auto", "cuda"}
        Where deepbet computes; anything but ``"cpu"`` takes a GPU where there is one.

    Raises
    ------
    InputError
        If deepbet is wanted and not installed, or the mask is implausibly small or large.
    """
    if given is not None:
        same = given.grid.matches(t1.grid)
        found = BrainMask(
            t1.with_data(given.data > 0 if same else resample_mask(given, t1.grid)), "given"
        )
    elif method == "auto" and is_skull_stripped(t1):
        found = BrainMask(t1.with_data(_solid(t1.data != 0)), "skull-stripped")
    else:
        found = BrainMask(t1.with_data(_deepbet(t1, device)), "deepbet")
    volume_ml = float(found.mask.data.sum() * abs(np.linalg.det(t1.affine[:3, :3])) / 1e3)
    low, high = _PLAUSIBLE_ML
    if not low <= volume_ml <= high and given is not None:
        raise InputError(
            f"the given brain mask holds {volume_ml:.0f} mL within the T1, plausible are {low} "
            f"to {high}: do mask and T1 overlap, and is the voxel size right?"
        )
    if not low <= volume_ml <= high:
        raise InputError(
            f"brain mask ({found.source}) holds {volume_ml:.0f} mL, plausible are {low} to "
            f"{high}: check the T1's voxel size, or give a mask with --masks"
        )
    return found


def is_skull_stripped(t1: Volume) -> bool:
    """Whether a T1 has a background of exact zeros around one object of brain size.

    A defaced or noise-suppressed head has exact zeros too, but it is larger than a brain, or
    has a scalp apart from it.
    """
    filled = t1.data != 0
    if 1 - filled.mean() < STRIPPED_ZEROS:
        return False
    voxel_ml = abs(np.linalg.det(t1.affine[:3, :3])) / 1e3
    if filled.sum() * voxel_ml >= (1 + APART) * LARGEST_ML:
        return False  # whatever its largest object is, too much is left over
    brain = _solid(filled)
    return bool(
        brain.sum() * voxel_ml < LARGEST_ML and (filled & ~brain).sum() < APART * brain.sum()
    )


def _solid(inside: BoolArray) -> BoolArray:
    """Return the largest connected object, opened by a voxel and without holes."""
    opened = ndimage.binary_opening(inside)
    labels, count = ndimage.label(opened if opened.any() else inside)
    if not count:
        return np.zeros_like(inside, dtype=bool)
    largest = np.bincount(labels.ravel())[1:].argmax() + 1
    return np.asarray(ndimage.binary_fill_holes(labels == largest))


def _deepbet(t1: Volume, device: Device) -> BoolArray:
    try:
        from deepbet.bet import BrainExtraction
    except ImportError:
        raise InputError(
            "no brain mask: deepbet cannot be imported; install it again (pip install deepbet), or "
            "give masks with --masks DIR"
        ) from None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit")  # deprecated, loudly from 2.15 on
        extraction = BrainExtraction(no_gpu=device == "cpu")
    try:
        probability = extraction.run_model(np.ascontiguousarray(t1.data, dtype=np.float32))
        return np.asarray(extraction.postprocess(probability > 0.5) > 0)
    except (AssertionError, ValueError):  # deepbet's ways of saying that it saw no brain
        raise InputError("deepbet found no brain in the T1; give a mask with --masks") from None
