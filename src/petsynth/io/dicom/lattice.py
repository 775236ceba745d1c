"""Where the voxels of a NIfTI are in the DICOM slices it was made from, and whether they agree.

dcm2niix flips and exchanges axes, and it may take the frames of an enhanced image for slices. So
each voxel is looked up by its place, and compared with what the file holds, as far as pydicom can
decode that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.io.dicom.conversion import Converted
from petsynth.io.dicom.files import Frame, first_item, number_of, value_of
from petsynth.io.dicom.libraries import library, tolerant
from petsynth.io.dicom.series import Layout, Series

_OFF_BY = 0.02
"""How far from a voxel's middle a pixel's may be, in voxels."""
_CLOSE = 1e-3
"""How far values may differ, relative to the largest: half a step of 16 bits is far less."""


def on_slices(values: NDArray[Any], affine: NDArray[np.float64], layout: Layout) -> NDArray[Any]:
    """Return the values of a NIfTI in the order of the DICOM's columns, rows and slices.

    Parameters
    ----------
    values : (X, Y, Z) or (X, Y, Z, T) array
        Voxels of the NIfTI.
    affine : (4, 4) array
        From them to RAS+ in mm.
    layout : Layout
        The slices.

    Returns
    -------
    (columns, rows, slices[, T]) array
        The same values; nothing is interpolated.

    Raises
    ------
    InputError
        If the voxels of the two do not coincide.
    """
    rows, columns = layout.volumes[0][0].shape
    shape = (columns, rows, len(layout.volumes[0]))
    step = np.linalg.inv(affine) @ layout.affine
    order = np.abs(step[:3, :3]).argmax(axis=0)
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in shape])).reshape(3, -1)
    places = step[:3, :3] @ corners + step[:3, 3:]
    sizes = tuple(values.shape[axis] for axis in order)
    is_same = len(set(order.tolist())) == 3 and sizes == shape
    if not is_same or np.abs(places - places.round()).max() > _OFF_BY or places.round().min() < 0:
        raise InputError("its voxels do not lie on the slices of the DICOM series")
    turned = np.moveaxis(values, order, (0, 1, 2))
    for axis in range(3):
        if step[order[axis], axis] < 0:
            turned = np.flip(turned, axis)
    return turned


def stored_values(layout: Layout) -> NDArray[np.float64] | None:
    """Return what the files hold, rescaled, (columns, rows, slices, T); None if undecodable."""
    pixels: dict[Path, Any] = {}
    volumes = []
    for volume in layout.volumes:
        slices = []
        for frame in volume:
            if frame.path not in pixels:
                if len(pixels) > 0 and frame.index == 0:
                    pixels.clear()  # one file at a time: an enhanced one is large
                pixels[frame.path] = _decode(frame.path)
            decoded = pixels[frame.path]
            if decoded is None:
                return None
            header, values = decoded
            slope, intercept = _rescaling(header, frame)
            slices.append(values[frame.index].T * slope + intercept)
        volumes.append(np.stack(slices, axis=2))
    return np.stack(volumes, axis=3)


def follow_header(converted: Converted, layout: Layout, say: Callable[[str], None]) -> Converted:
    """Return a converted series whose values are those that its files hold at each place.

    Parameters
    ----------
    converted : Converted
        From dcm2niix.
    layout : Layout
        Where the files say that the slices lie.
    say : function of str
        Is told if dcm2niix had to be corrected.

    Raises
    ------
    InputError
        If dcm2niix puts voxels elsewhere and the files' own cannot be decoded.
    """
    stored = stored_values(layout)
    try:
        found = on_slices(converted.values, converted.affine, layout)
    except InputError:
        found = None
    if stored is None:
        if found is None:
            raise InputError("dcm2niix puts its voxels elsewhere than its header says")
        return converted
    if found is not None and _agree(found.reshape(*found.shape[:3], -1), stored, converted.series):
        return converted
    say("dcm2niix orders its slices otherwise than its header says; the header was followed")
    values = stored.astype(np.float32)
    return dataclasses.replace(
        converted, values=values[..., 0] if values.shape[3] == 1 else values, affine=layout.affine
    )


def _agree(found: NDArray[Any], stored: NDArray[np.float64], series: Series) -> bool:
    """Whether values are the same; those of an MRI but for a scale, as makers have several."""
    if found.shape != stored.shape:
        return False
    if series.modality == "MR":
        slope, intercept = np.polyfit(stored.ravel(), found.ravel().astype(float), 1)
        stored = slope * stored + intercept
    limit = _CLOSE * max(float(np.abs(stored).max()), 1e-12)
    return bool(np.abs(found - stored).max() <= limit)


def _decode(path: Path) -> tuple[Any, NDArray[Any]] | None:
    """Return header and pixels (frames, rows, columns) of a file; None if they cannot be read."""
    with tolerant():
        try:
            dataset = library("pydicom").dcmread(path)
            pixels = np.asarray(dataset.pixel_array)
        except Exception:  # a syntax without a decoder, or a damaged file: anything
            return None
    return dataset, pixels[None] if pixels.ndim == 2 else pixels


def _rescaling(header: Any, frame: Frame) -> tuple[float, float]:
    groups = value_of(header, "PerFrameFunctionalGroupsSequence")
    place = header
    if groups:
        own = first_item(groups[frame.index], "PixelValueTransformationSequence")
        shared = first_item(
            header, "SharedFunctionalGroupsSequence", "PixelValueTransformationSequence"
        )
        place = own if value_of(own, "RescaleSlope") is not None else shared
    slope, intercept = (number_of(place, name) for name in ("RescaleSlope", "RescaleIntercept"))
    return (1.0 if slope is None else slope), (intercept or 0.0)
