"""The names of regions under the cursor: the subject's own labels, or the bundled atlas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from petsynth.errors import InputError
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.resampling import resample
from petsynth.regional.atlas import Atlas, bundled_atlas
from petsynth.regional.labels import label_names
from petsynth.simulation.labels import detect_scheme
from petsynth.viewer.encoding import encode
from petsynth.viewer.layers import Subject
from petsynth.volume import Volume

ATLAS_MM = 2.0
_LARGEST = 32_767


@dataclass(frozen=True)
class Regions:
    """A label image and the names of its labels.

    Parameters
    ----------
    image : bytes
        Encoded; see `petsynth.viewer.encoding`.
    names : dict of int to str
        By the numbers in the image.
    source : str
        Where they come from.
    """

    image: bytes
    names: dict[int, str]
    source: str


def find_regions(subject: Subject) -> Regions:
    """Return the regions of a subject in the world of its T1.

    The subject's own segmentation, or else the bundled atlas, which is brought to the T1 as
    ``petsynth regions`` does it; that takes half a minute.

    Raises
    ------
    InputError
        If there is neither a segmentation nor a T1.
    RegistrationError
        If the atlas cannot be brought to the T1.
    """
    if subject.labels is not None:
        labels = subject.labels()
        scheme = detect_scheme(np.rint(labels.data).astype(np.int32), subject.name)
        known = {number: each.name for number, each in label_names(scheme).items()}
        return _numbered(labels, known, "the subject's own segmentation")
    if subject.layer("t1") is None:
        raise InputError(
            f"{subject.name}: regions need the T1 or a segmentation; name one beside the PET"
        )
    atlas = bundled_atlas()
    return _numbered(_through_t1(subject, atlas), atlas.names, atlas.source)


def _through_t1(subject: Subject, atlas: Atlas) -> Volume:
    from petsynth.preprocessing.registration.deformable import warp_to_mni
    from petsynth.preprocessing.t1.alignment import align_t1

    layer = subject.layer("t1")
    assert layer is not None
    t1 = layer.read()
    mask = None if subject.mask is None else subject.mask()
    aligned = align_t1(t1.with_data(t1.data - min(0, float(t1.data.min()))), mask)
    warp = warp_to_mni(aligned.normalised, aligned.grid_to_t1)
    labels = warp.pull_labels(atlas.labels, model_grid(ATLAS_MM))
    return resample(labels, t1.grid, np.linalg.inv(aligned.grid_to_t1), order=0)


def _numbered(labels: Volume, names: Mapping[int, str], source: str) -> Regions:
    """Give the labels that occur numbers from 1 on, which 16 bits hold."""
    data = np.rint(labels.data).astype(np.int64)
    present, places = np.unique(data, return_inverse=True)
    numbers = np.cumsum(present > 0)
    numbers[present <= 0] = 0
    if numbers.max(initial=0) > _LARGEST:
        raise InputError(f"{source}: holds more than {_LARGEST} labels; is it a label image?")
    image = labels.with_data(numbers[places].reshape(data.shape).astype(np.int16))
    called = {
        int(number): str(names.get(int(label), f"label-{label}"))
        for number, label in zip(numbers, present, strict=True)
        if number
    }
    return Regions(encode(image), called, source)
