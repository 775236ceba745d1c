"""Regional uptake of a reference PET and of what each method predicts for it, subject by subject.

The atlas reaches a subject by the deformation of its T1, so both images of a subject are measured
in the same voxels. A region that has no value in the reference PET has none in the prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData, static_mean
from petsynth.evaluation.baselines import CLASSES, tissue_maps
from petsynth.evaluation.mni_space import SubjectWarps
from petsynth.metrics.coverage import unmeasured_voxels
from petsynth.preprocessing.pet.series import mark_unmeasured
from petsynth.preprocessing.pet.suvr import profile_of
from petsynth.preprocessing.pet.tracers import region
from petsynth.preprocessing.resampling import resample_mask
from petsynth.regional.atlas import Atlas
from petsynth.regional.composites import CompositeValue, measure_composite
from petsynth.regional.means import NAN, RegionMean, label_means, mask_mean
from petsynth.regional.references import needed_references
from petsynth.regional.table import Labelling
from petsynth.volume import BoolArray, Volume

COLUMNS = (
    "participant_id", "method", "kind", "region", "reference", "synthetic", "volume_ml",
    "grey_fraction", "covered_fraction", "centiloid_reference", "centiloid_synthetic",
    "positive_reference", "positive_synthetic", "note",
)  # fmt: skip


@dataclass(frozen=True)
class SubjectRegions:
    """Where the regions of one subject are, and what its reference PET has there.

    Parameters
    ----------
    labels : (X, Y, Z) int32 array
        On the grid of the prepared data.
    masks : mapping from str to (X, Y, Z) bool array
        Reference regions and masks of composites.
    covered : (X, Y, Z) bool array
        Where the reference PET was measured.
    means : Means
        Of the reference PET.
    grey : mapping from str to float
        Region -> mean probability of grey matter, from the T1 alone; NaN where it is not there.
    """

    labels: NDArray[np.int32]
    masks: Mapping[str, BoolArray]
    covered: BoolArray
    means: Means
    grey: Mapping[str, float]


@dataclass(frozen=True)
class Means:
    """Values of one image: regions in SUVR (or the data's unit), composites in SUVR."""

    regions: Mapping[str, RegionMean]
    values: Mapping[str, float]
    composites: Mapping[str, CompositeValue]


class RegionMeasurement:
    """Measures predictions of prepared subjects in the regions of an atlas.

    Parameters
    ----------
    data : PreparedData
        Aligned to MNI axes.
    atlas : Atlas
        In MNI space.
    warps : SubjectWarps
        Of the data's subjects.

    Attributes
    ----------
    atlas : Atlas
    reference : str
        What all values are divided by, each image's own; empty where the PET is in SUVR, or
        where no reference region is known for its tracer.
    """

    def __init__(self, data: PreparedData, atlas: Atlas, warps: SubjectWarps):
        self._data, self._warps, self.atlas = data, warps, atlas
        profile = profile_of(data.tracer)
        in_suvr = data.unit == "SUVR" or profile is None
        self.reference = "" if in_suvr or profile is None else profile.reference
        self._names = needed_references(data.tracer, self.reference)
        self._labelling = Labelling(atlas, data.tracer)
        self._voxel_ml = float(np.prod(data.grid.voxel_mm)) / 1000
        self._codes, self._label_of, self._bits_of = _encode(atlas.labels, self._names)

    def locate(self, participant: str) -> SubjectRegions:
        """Bring the atlas to a subject and measure its reference PET.

        Raises
        ------
        InputError
            If the subject's T1 cannot be brought to MNI space.
        """
        warp, grid = self._warps.find(participant), self._data.grid
        codes = warp.pull_labels(self._codes, grid).data
        labels, bits = self._label_of[codes], self._bits_of[codes]
        masks = {name: (bits & 1 << place) > 0 for place, name in enumerate(self._names)}
        left_out = unmeasured_voxels(self._data.pet(participant), self._data.mask(participant))
        shown = np.where(left_out, np.float32(np.nan), self._data.static_pet(participant))
        pet = mark_unmeasured(Volume(shown, grid.affine))
        means = self._means(labels, masks, pet.data)
        grey = self._grey(participant, labels)
        return SubjectRegions(labels, masks, np.isfinite(pet.data), means, grey)

    def rows(
        self, participant: str, method: str, where: SubjectRegions, synthetic: NDArray[Any]
    ) -> list[dict[str, Any]]:
        """Return a row per region and composite, for the table of `COLUMNS`.

        Parameters
        ----------
        participant, method : str
            Whose PET, and what made it.
        where : SubjectRegions
            From `locate`.
        synthetic : (X, Y, Z) or (X, Y, Z, T) array
            The prediction, in PET units.
        """
        pet = static_mean(synthetic, self._data.frame_durations if synthetic.ndim == 4 else None)
        found = self._means(where.labels, where.masks, np.where(where.covered, pet, np.nan))
        start = {"participant_id": participant, "method": method}
        rows = [
            start
            | {
                "kind": "region",
                "region": name,
                "reference": where.means.values[name],
                "synthetic": found.values[name],
                "volume_ml": mean.ml or float("nan"),
                "grey_fraction": where.grey[name],
                "covered_fraction": mean.covered_fraction,
                "note": mean.note,
            }
            for name, mean in where.means.regions.items()
        ]
        return rows + [
            start | {"kind": "composite", "region": name} | _pair(first, found.composites[name])
            for name, first in where.means.composites.items()
        ]

    def _grey(self, participant: str, labels: NDArray[np.int32]) -> dict[str, float]:
        mask = np.asarray(self._data.mask(participant))
        grey = tissue_maps(self._data.mri(participant), mask)[CLASSES.index("grey matter")]
        found = label_means(labels, grey, self._voxel_ml, self.atlas.names)
        return {name: found[label].mean for label, name in self.atlas.names.items()}

    def _means(
        self, labels: NDArray[np.int32], masks: Mapping[str, BoolArray], pet: NDArray[Any]
    ) -> Means:
        by_label = label_means(labels, pet, self._voxel_ml, self.atlas.names)
        regions = {name: by_label[label] for label, name in self.atlas.names.items()}
        references = {name: mask_mean(mask, pet, self._voxel_ml) for name, mask in masks.items()}
        divisor = references[self.reference].mean if self.reference else 1.0
        divisor = divisor if divisor > 0 else NAN
        return Means(
            regions,
            {name: mean.mean / divisor for name, mean in regions.items()},
            {
                each.name: measure_composite(
                    each, regions, references, self.atlas.scheme, is_own_segmentation=False
                )
                for each in self._labelling.composites
            },
        )


def _encode(
    labels: Volume, names: list[str]
) -> tuple[Volume, NDArray[np.int32], NDArray[np.int32]]:
    """Return labels and masks as one label image, so that they are warped once.

    Parameters
    ----------
    labels : Volume
        (X, Y, Z) int32, in MNI space.
    names : list of str
        Regions of MNI space that are shipped; they may overlap with labels and with each other.

    Returns
    -------
    codes : Volume
        (X, Y, Z) int32 on the labels' grid; 0 is neither.
    label_of, bits_of : (C,) int32 array
        By code: the label, and a bit per mask in the order of ``names``.
    """
    bits = np.zeros(labels.data.shape, np.int32)
    for place, name in enumerate(names):
        bits += resample_mask(region(name), labels.grid).astype(np.int32) << place
    pairs = np.stack([labels.data.ravel(), bits.ravel()], axis=1)
    known, codes = np.unique(np.vstack([[(0, 0)], pairs]), axis=0, return_inverse=True)
    shaped = codes[1:].reshape(labels.data.shape).astype(np.int32)
    return labels.with_data(shaped), known[:, 0].astype(np.int32), known[:, 1].astype(np.int32)


def tabulate(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as the table of `COLUMNS`."""
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _pair(first: CompositeValue, second: CompositeValue) -> dict[str, Any]:
    return {
        "reference": first.suvr,
        "synthetic": second.suvr,
        "centiloid_reference": first.centiloid,
        "centiloid_synthetic": second.centiloid,
        "positive_reference": _word(first.is_positive),
        "positive_synthetic": _word(second.is_positive),
        "note": first.note,
    }


def _word(positive: bool | None) -> str | None:
    return None if positive is None else ("yes" if positive else "no")
