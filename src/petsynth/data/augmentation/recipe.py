"""Which changes a subject goes through, in which order, how often.

Everything is drawn from one generator, so that whoever has its key gets the same pair.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from petsynth.data.augmentation.contrast import add_noise, add_shading, change_contrast, quantise
from petsynth.data.augmentation.field_of_view import cut_field_of_view, deface, strip_skull
from petsynth.data.augmentation.geometry import transform_volume
from petsynth.data.augmentation.pair import VolumePair
from petsynth.data.augmentation.sampling import blur, cut_thick_slices, sharpen

Change = Callable[[np.random.Generator, VolumePair], VolumePair]

RECIPE: tuple[tuple[Change, float], ...] = (
    (transform_volume, 1.0),
    (change_contrast, 0.9),
    (add_shading, 0.8),
    (sharpen, 0.25),
    (blur, 0.35),
    (cut_thick_slices, 0.35),
    (add_noise, 0.7),
    (deface, 0.12),
    (strip_skull, 0.2),
    (cut_field_of_view, 0.2),
    (quantise, 0.25),
)
"""Each change with its probability, from the anatomy to the file."""

SMALLEST_BRAIN = 1000
"""Voxels of brain that must be left; a change that leaves fewer is taken back."""


def augment(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Choose which changes are made, and make them in order."""
    for change, probability in RECIPE:
        if random.random() < probability:
            changed = change(random, pair)
            if changed.mask.sum() >= SMALLEST_BRAIN:
                pair = changed
    return pair
