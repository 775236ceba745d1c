"""The T1s of a DICOM folder as NIfTI files, to predict from, and the series that a T1 came from."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.io.dicom.conversion import convert
from petsynth.io.dicom.kinds import Found, recognise
from petsynth.io.dicom.lattice import follow_header, on_slices
from petsynth.io.dicom.series import Layout, Series, find_series
from petsynth.io.nifti import read_grid


@dataclass(frozen=True)
class DicomT1:
    """A T1 of a DICOM folder.

    Parameters
    ----------
    series, layout : Series, Layout
        What it is in DICOM.
    path : Path
        The NIfTI file.
    """

    series: Series
    layout: Layout
    path: Path


def t1s_of_folder(
    folder: Path, scratch: Path, say: Callable[[str], None], numbers: Collection[int] = ()
) -> list[DicomT1]:
    """Convert all T1s of a folder, which names the files.

    Parameters
    ----------
    folder : Path
        Of DICOM files; or one enhanced file.
    scratch : Path
        Where NIfTI files are written.
    say : function of str
        Is told of each T1 that cannot be used, and of files that cannot be read.
    numbers : collection of int
        Numbers of the series that are T1s; found by their headers if empty.

    Raises
    ------
    InputError
        If no T1 can be used.
    """
    taken = _t1_series(folder, say, numbers)
    found = []
    names: set[str] = set()
    for place, each in enumerate(taken):
        own = scratch / f"{place}"
        name = _name(folder, each.series, len(taken) > 1, names)
        assert each.layout is not None
        try:
            converted = follow_header(convert(each.series, own), each.layout, say)
            if converted.values.ndim > 3:
                raise InputError(f"dcm2niix makes {converted.values.shape[3]} volumes of it")
        except InputError as error:
            if len(taken) == 1:
                raise InputError(f"{folder}: {each.series.name}: {error}") from None
            say(f"{each.series.name}: {error}; left out")
            continue
        path = own / f"{name}.nii"
        converted.save(path)
        found.append(DicomT1(each.series, each.layout, path))
    if not found:
        raise InputError(f"{folder}: none of {len(taken)} T1 series can be converted")
    return found


def series_of_t1(
    t1: Path, folder: Path, say: Callable[[str], None], numbers: Collection[int] = ()
) -> tuple[Series, Layout]:
    """Return the series of a folder on whose slices the voxels of a T1 lie.

    Raises
    ------
    InputError
        If there is none, or there are several.
    """
    grid = read_grid(t1)
    nothing = np.broadcast_to(np.float32(0), grid.shape)
    fitting = []
    for each in _t1_series(folder, say, numbers):
        assert each.layout is not None
        try:
            on_slices(nothing, np.asarray(grid.affine, dtype=float), each.layout)
        except InputError:
            continue
        fitting.append((each.series, each.layout))
    if not fitting:
        raise InputError(
            f"{t1}: its voxels do not lie on the slices of a T1 series in {folder}; give the "
            "image as it was converted, or name the series with --t1-series"
        )
    if len(fitting) > 1:
        listed = ", ".join(str(series.number) for series, _ in fitting)
        raise InputError(
            f"{t1}: fits several T1 series of {folder}; name one with --t1-series ({listed})"
        )
    return fitting[0]


def values_on_series(pet: Path, layout: Layout) -> NDArray[Any]:
    """Return the voxels of a NIfTI in the order of a series' slices.

    Raises
    ------
    InputError
        If they do not lie on its slices.
    """
    image: nib.Nifti1Image = nib.load(pet)  # type: ignore[assignment]
    values = np.asanyarray(image.dataobj)
    return on_slices(values, np.asarray(image.affine, dtype=float), layout)


def _t1_series(folder: Path, say: Callable[[str], None], numbers: Collection[int]) -> list[Found]:
    found = [recognise(each, numbers) for each in find_series(folder, say)]
    mri = [each for each in found if each.series.modality == "MR"]
    taken = [each for each in mri if each.kind == "T1w"]
    for each in mri:
        if each.is_unusable and taken:
            say(f"{each.series.name}: {each.reason}; left out")
    if taken:
        return taken
    told = "; ".join(f"{each.series.name}: {each.reason}" for each in mri[:3])
    more = f"; and {len(mri) - 3} more" if len(mri) > 3 else ""
    can_name = mri and not any(each.is_unusable for each in mri)
    hint = "; --t1-series N names one" if can_name else ""
    raise InputError(f"{folder}: no series is a T1 ({told or 'no MRI'}{more}){hint}")


def _name(folder: Path, series: Series, is_one_of_several: bool, names: set[str]) -> str:
    """Return how the files of a T1 are called: as the folder, with the series if need be."""
    stem = re.sub(r"[^\w .-]", "_", folder.resolve().name.removesuffix(".dcm")).strip(" .") or "T1"
    name = f"{stem}_series-{series.number}" if is_one_of_several else stem
    number, free = 1, name
    while free in names:
        number += 1
        free = f"{name}-{number}"
    names.add(free)
    return free
