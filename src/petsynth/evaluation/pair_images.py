"""Two PET images of anyone's, a reference and a synthetic one, brought onto one grid.

What a sidecar says of unit, tracer and frames is used and compared; nothing is assumed in silence:
`PetImage.notes` tell what was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK
from scipy import ndimage

from petsynth.errors import InputError
from petsynth.io.bids.metadata import read_metadata
from petsynth.io.bids.names import parse_entities
from petsynth.io.bids.tracers import UNKNOWN, pet_tracer, tracer_of
from petsynth.io.nifti import read_volume, volume_of
from petsynth.preprocessing.pet.acquisition import decay_factors, read_acquisition
from petsynth.preprocessing.pet.units import parse_unit
from petsynth.preprocessing.resampling import resample, resample_mask
from petsynth.preprocessing.t1.brain_mask import find_brain, is_skull_stripped
from petsynth.preprocessing.t1.reading import read_t1
from petsynth.volume import BoolArray, FloatArray, Grid, Volume

ImageLike = str | Path | nib.spatialimages.SpatialImage
"""A file, or an image in memory."""
UNKNOWN_UNIT = "arbitrary"
_LEAST_OVERLAP = 0.01


@dataclass(frozen=True)
class PetImage:
    """A static PET and what is known of it.

    Parameters
    ----------
    name : str
        Of the file, or what an image in memory is called.
    volume : Volume
        (X, Y, Z) float32, RAS+; NaN where nothing was measured.
    tracer : str
        Short name; empty if unknown.
    space : str
        The ``space-`` of its name; empty if it has none.
    notes : tuple of str
        What was done to it, and what was assumed.
    """

    name: str
    volume: Volume
    tracer: str = ""
    space: str = ""
    notes: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """Unit of its values; ``"arbitrary"`` if unknown."""
        return self.volume.unit

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest value."""
        data = self.volume.data
        return float(np.nanmin(data)), float(np.nanmax(data))


def read_pet_image(image: ImageLike, role: str) -> PetImage:
    """Read a PET; a dynamic one as its mean over frames, weighted by their durations.

    Parameters
    ----------
    image : str, Path or nibabel image
        A file's sidecar (BIDS, with inheritance) tells unit, tracer and frames.
    role : str
        What an image in memory is called in messages.

    Raises
    ------
    InputError
        If it cannot be read, or its sidecar says what cannot be.
    """
    if isinstance(image, str | Path):
        path = Path(image)
        name, volume = str(path), read_volume(path, frames=True, gaps="keep")
        fields: Mapping[str, Any] = read_metadata(path)
        entities = parse_entities(path.name)
    else:
        name, fields, entities = role, {}, {}
        volume = volume_of(image, role, frames=True, gaps="keep")
    acquisition = read_acquisition(fields, volume.frames, name=name)
    factors = decay_factors(acquisition, volume.frames) * acquisition.unit_factor
    notes = []
    if acquisition.unit_factor != 1:
        notes.append(f"{role} multiplied by {acquisition.unit_factor:g} to be in Bq/mL")
    data = volume.data
    if data.ndim == 4:
        durations = acquisition.durations_s
        how = "weighted by FrameDuration" if durations else "FrameDuration is unknown: all alike"
        notes.append(f"{role}: mean of {volume.frames} frames, {how}")
        weights = np.array(durations) if durations else np.ones(volume.frames)
        data = ((data * factors) @ (weights / weights.sum())).astype(np.float32)
    elif factors[0] != 1:
        data = (data * factors[0]).astype(np.float32)
    return PetImage(
        name,
        volume.with_data(data, acquisition.unit),
        tracer_in(fields, entities),
        entities.get("space", ""),
        tuple(notes),
    )


def tracer_in(fields: Mapping[str, Any], entities: Mapping[str, str]) -> str:
    """Return the short name of the tracer that a sidecar or a file's name tells; else empty."""
    synthetic = fields.get("SyntheticTracer")
    if isinstance(synthetic, str) and synthetic.strip():
        return tracer_of(synthetic)
    found = pet_tracer(fields, entities)
    return "" if found == UNKNOWN else found


def kind_of(reference: Path, synthetic: Path, tracer: str, unit: str) -> tuple[str, str]:
    """Return tracer and unit of a pair by sidecars and names alone, as `unite` does by images."""
    return unite(_told(reference), _told(synthetic), tracer_of(tracer), unit)


def _told(path: Path) -> PetImage:
    """Return what a sidecar and a name tell, without the voxels."""
    fields = read_metadata(path)
    unit = parse_unit(str(fields.get("Units") or UNKNOWN_UNIT)).name
    nothing = Volume(np.zeros((1, 1, 1), np.float32), np.eye(4), unit)
    return PetImage(str(path), nothing, tracer_in(fields, parse_entities(path.name)))


def unite(reference: PetImage, synthetic: PetImage, tracer: str, unit: str) -> tuple[str, str]:
    """Return tracer and unit of both images.

    Parameters
    ----------
    reference, synthetic : PetImage
        The pair.
    tracer, unit : str
        As given by the user, for images that do not tell it; empty if not given.

    Raises
    ------
    InputError
        If the images, or an image and what was given, differ.
    """
    given = parse_unit(unit).name if unit else UNKNOWN_UNIT
    return (
        _one("tracer", reference, synthetic, (reference.tracer, synthetic.tracer), tracer, ""),
        _one("unit", reference, synthetic, (reference.unit, synthetic.unit), given, UNKNOWN_UNIT),
    )


def onto_grid(synthetic: PetImage, grid: Grid, grid_to_image: FloatArray | None = None) -> PetImage:
    """Return the synthetic image on the reference's grid, resampled once where its own differs.

    Voxels outside its field of view are NaN.

    Parameters
    ----------
    synthetic : PetImage
        The image.
    grid : Grid
        The reference's.
    grid_to_image : (4, 4) float array, optional
        From the grid's world to the image's world, in mm; one world if left out.

    Raises
    ------
    InputError
        If hardly anything of the grid lies in its field of view.
    """
    if grid_to_image is None and synthetic.volume.grid.matches(grid):
        return synthetic
    moved = resample(synthetic.volume, grid, grid_to_image, fill=np.nan)
    covered = float(np.isfinite(moved.data).mean())
    if covered < _LEAST_OVERLAP:
        raise InputError(
            f"{synthetic.name}: lies elsewhere than the reference (of whose voxels {covered:.1%} "
            "lie in its field of view); register it to the reference first"
        )
    note = (
        f"synthetic image resampled once, linearly, from {synthetic.volume.grid} onto the "
        f"reference's grid, {grid}"
    )
    return replace(synthetic, volume=moved, notes=(*synthetic.notes, note))


def find_reference_brain(
    reference: PetImage, mask: ImageLike | None, t1: ImageLike | None
) -> tuple[BoolArray, str]:
    """Return the brain on the reference's grid, and how it was found.

    Parameters
    ----------
    reference : PetImage
        Whose grid is meant.
    mask : str, Path or nibabel image, optional
        Positive inside the brain, on any grid in the reference's world.
    t1 : str, Path or nibabel image, optional
        In the reference's world; its brain is found as `petsynth predict` finds it.

    Returns
    -------
    (X, Y, Z) bool array
        Without a mask and a T1: the voxels of the reference that are not 0, where its background is
        exact zeros around one object; else its largest object above Otsu's threshold, holes filled.
    str
        What was used.

    Raises
    ------
    InputError
        If the mask is empty on the reference's grid, or no brain was found.
    """
    grid = reference.volume.grid
    if mask is not None:
        given = _read_mask(mask)
        brain = given.data > 0 if given.grid.matches(grid) else resample_mask(given, grid)
        source = "the given mask"
    elif t1 is not None:
        scan = read_t1(t1) if isinstance(t1, str | Path) else volume_of(t1, "T1", gaps="zero")
        found = find_brain(scan)
        brain, source = resample_mask(found.mask, grid), f"found in the T1 ({found.source})"
    else:
        brain, source = _object_in(reference.volume)
    if not brain.any():
        raise InputError(
            f"{reference.name}: no voxel of it lies in the brain ({source}); are mask or T1 "
            "aligned to it?"
        )
    return np.asarray(brain, dtype=bool), source


def _object_in(volume: Volume) -> tuple[BoolArray, str]:
    data = np.nan_to_num(volume.data)
    if is_skull_stripped(volume.with_data(data)):
        return data != 0, "the reference's voxels that are not 0"
    threshold = SimpleITK.OtsuThresholdImageFilter()
    threshold.Execute(SimpleITK.GetImageFromArray(data))
    level = float(threshold.GetThreshold())
    labels, count = ndimage.label(data > level)
    if not count:
        return np.zeros(data.shape, bool), f"the reference above {level:.3g} (Otsu)"
    largest = np.bincount(labels.ravel())[1:].argmax() + 1
    brain = np.asarray(ndimage.binary_fill_holes(labels == largest))
    return brain, (
        f"the reference's largest object above {level:.3g} (Otsu's threshold), not a brain mask: "
        "give --mask or --t1 for one"
    )


def _read_mask(mask: ImageLike) -> Volume:
    if isinstance(mask, str | Path):
        return read_volume(mask, gaps="zero")
    return volume_of(mask, "mask", gaps="zero")


def _one(
    what: str,
    reference: PetImage,
    synthetic: PetImage,
    found: tuple[str, str],
    given: str,
    unknown: str,
) -> str:
    first, second = found
    if unknown not in (first, second) and first != second:
        raise InputError(
            f"{synthetic.name}: its {what} is {second}, that of {reference.name} is {first}; bring "
            f"both to one {what} (or correct the sidecar) and measure again"
        )
    known = first if first != unknown else second
    if given != unknown and known not in (unknown, given):
        raise InputError(
            f"{reference.name}: --{what} {given}, but the sidecar or name says {known}; leave out "
            f"--{what}, or correct the sidecar"
        )
    return given if known == unknown else known
