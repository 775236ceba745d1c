"""Reference regions of one scan: from MNI space through the T1, or from the subject's labels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.pet.suvr import REGION_MM, profile_of
from petsynth.preprocessing.pet.tracers import region, region_names
from petsynth.preprocessing.registration.deformable import Warp
from petsynth.preprocessing.resampling import resample
from petsynth.regional.atlas import Atlas
from petsynth.regional.composites import composites_of
from petsynth.regional.means import RegionMean, mask_mean
from petsynth.regional.normative import REFERENCE, TRACER
from petsynth.simulation.labels import refine_regions, translate_labels
from petsynth.simulation.regions import CODES, Scheme, label_table
from petsynth.volume import BoolArray, FloatArray, Volume

ALIASES = {"cerebellum": "whole-cerebellum", "cerebellar-gray": "cerebellar-grey"}
_CEREBELLUM: dict[Scheme, dict[str, tuple[int, ...]]] = {
    "freesurfer": {"whole-cerebellum": (7, 8, 46, 47), "cerebellar-grey": (8, 47)},
    "muse": {
        "whole-cerebellum": (38, 39, 40, 41, 71, 72, 73),
        "cerebellar-grey": (38, 39, 71, 72, 73),
    },
}


def reference_name(tracer: str, wanted: str | None, unit: str) -> str:
    """Return the reference region to divide by; empty where a PET in SUVR stays as it is.

    Parameters
    ----------
    tracer : str
        Everyday name.
    wanted : str or None
        A name or an alias such as ``cerebellum``; the tracer's own if left out.
    unit : str
        Of the PET.

    Raises
    ------
    InputError
        If there is no such region, or none is named and the tracer is not known.
    """
    if wanted is not None:
        name = ALIASES.get(wanted, wanted)
        if name not in region_names():
            known = ", ".join([*region_names(), *ALIASES])
            raise InputError(f"--reference {wanted}: no such reference region; there are {known}")
        return name
    if unit == "SUVR":
        return ""
    profile = profile_of(tracer)
    if profile is None:
        raise InputError(
            f"no reference region is known for the tracer {tracer}: name the tracer with --tracer, "
            "or the region with --reference"
        )
    return profile.reference


def needed_references(tracer: str, reference: str) -> list[str]:
    """Return the regions of MNI space that a scan's table needs: reference, composites', masks."""
    names = [reference] if reference else []
    for composite in composites_of(tracer):
        names += [composite.reference, *([composite.mask] if composite.mask else [])]
    if tracer == TRACER:
        names.append(REFERENCE)
    return list(dict.fromkeys(names))


def references_through_t1(
    warp: Warp, pet: Volume, grid_to_pet: FloatArray, names: Iterable[str]
) -> dict[str, RegionMean]:
    """Return a PET's means in regions of MNI space.

    Parameters
    ----------
    warp : Warp
        From the subject's aligned space to MNI space.
    pet : Volume
        (X, Y, Z), on its own voxels; NaN where nothing was measured.
    grid_to_pet : (4, 4) float array
        From the aligned world to the PET's world (mm).
    names : iterable of str
        Names of regions that are shipped.
    """
    grid = model_grid(REGION_MM)
    values = resample(pet, grid, grid_to_pet, fill=np.nan).data
    voxel_ml = REGION_MM**3 / 1000
    return {
        name: mask_mean(warp.apply(region(name), grid).data, values, voxel_ml) for name in names
    }


def references_from_labels(
    atlas: Atlas, pet: NDArray[np.floating], names: Iterable[str]
) -> dict[str, RegionMean]:
    """Return a PET's means in those reference regions that a segmentation defines.

    The pons is FreeSurfer's own where it is there, else cut from the brain stem by its height.

    Parameters
    ----------
    atlas : Atlas
        The subject's segmentation.
    pet : (X, Y, Z) float array
        On its voxels; NaN where nothing was measured.
    names : iterable of str
        Names of reference regions; those that the labels do not define are left out.
    """
    found = {}
    voxel_ml = float(abs(np.linalg.det(atlas.labels.affine[:3, :3]))) / 1000
    for name in names:
        mask = _mask(atlas, name)
        if mask is not None:
            found[name] = mask_mean(mask, pet, voxel_ml)
    return found


def _mask(atlas: Atlas, name: str) -> BoolArray | None:
    if atlas.scheme is None:
        return None
    labels = _CEREBELLUM[atlas.scheme].get(name)
    if labels is not None:
        return np.isin(atlas.labels.data, labels)
    return _pons(atlas, atlas.scheme) if name == "pons" else None


def _pons(atlas: Atlas, scheme: Scheme) -> BoolArray | None:
    labels, known = atlas.labels.data, list(label_table(scheme))
    regions = translate_labels(
        np.where(np.isin(labels, known), labels, 0).astype(np.int32), scheme, atlas.source
    )
    try:
        refined = refine_regions(regions, atlas.labels.grid)
    except InputError:  # too few regions to find the height by
        refined = regions
    mask = refined == CODES["pons"]
    return mask if mask.any() else None
