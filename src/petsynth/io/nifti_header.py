"""The header of a NIfTI file, checked before anything else of the file is read.

A header says how many bytes are read, how they are turned into numbers and where voxels lie; so
none of that is believed before it is checked. Small mistakes that leave no doubt are put right:
an sform of zeros beside a good qform, and a quaternion that is longer than 1 by rounding.

References
----------
NIfTI-1.1 (nifti1.h) and NIfTI-2 (nifti2.h), https://nifti.nimh.nih.gov: fields and their meaning.
"""

from __future__ import annotations

import gzip
import logging
import math
import warnings
import zlib
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.text import check_file
from petsynth.volume import FloatArray

LONGEST_AXIS = 1024
"""Voxels along one axis, and frames, that an image may have."""
MOST_VOXELS = 512 * 1000**2
"""Voxels that one frame may have."""
MOST_VALUES = 2 * 1000**3
"""Voxels that all frames together may have."""
SMALLEST_VOXEL_MM, LARGEST_VOXEL_MM = 0.05, 100.0
"""Edge lengths that voxels in millimetres may have."""
_FARTHEST_MM = 1e6
_MOST_OFFSET = 1 << 28
_SIZES: dict[int, Any] = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_LONGEST_HEADER = 544
_LAST_CODE = 4
_SILENT = logging.Logger("petsynth.io.nifti_header")
_SILENT.addHandler(logging.NullHandler())
_NEVER = 1000
_ROUNDING = 1e-3
_ORDERS: tuple[tuple[Literal["little", "big"], str], ...] = (("little", "<"), ("big", ">"))
_STARTS = [size.to_bytes(4, order) for size in _SIZES for order, _ in _ORDERS]


def read_header(path: str | Path) -> Any:
    """Read and check the header of ``.nii`` or ``.nii.gz``.

    Returns
    -------
    nibabel.Nifti1Header or nibabel.Nifti2Header
        Whose ``get_best_affine`` is the image's affine.

    Raises
    ------
    InputError
        If it is no NIfTI file, or its header says what cannot be; one line that names the file.
    """
    path = check_file(path)
    header = _parse(path, _first_bytes(path))
    _check_shape(path, header)
    _check_values(path, header)
    _know_codes(header)
    _check_place(path, header)
    header["magic"] = header.single_magic
    header.check_fix(_SILENT, _NEVER)  # what is left cannot change voxels or their place
    return header


def _first_bytes(path: Path) -> bytes:
    if not path.name.endswith((".nii", ".nii.gz")):
        raise InputError(
            f"{path}: not a NIfTI file (.nii or .nii.gz); convert DICOM with dcm2niix, .mgz with "
            "mri_convert"
        )
    try:
        with open(path, "rb") as file:
            start = file.read(_LONGEST_HEADER)
        if path.suffix == ".nii" and start[:2] == b"\x1f\x8b":
            raise InputError(f"{path}: is gzip-compressed; rename it to {path.name}.gz")
        if path.suffix == ".gz" and start[:4] in _STARTS:
            raise InputError(f"{path}: is not compressed; rename it to {path.stem}")
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                start = file.read(_LONGEST_HEADER)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as NIfTI ({error})") from None
    return start


def _parse(path: Path, start: bytes) -> Any:
    for order, sign in _ORDERS:
        size = int.from_bytes(start[:4], order)
        kind = _SIZES.get(size)
        if kind is not None and len(start) >= size:
            header = kind(start[:size], endianness=sign, check=False)
            break
    else:
        raise InputError(f"{path}: cannot be read as NIfTI (it does not begin with a header)")
    magic = bytes(header["magic"])[:3]
    if magic[:2] == b"ni":
        raise InputError(
            f"{path}: cannot be read as NIfTI (its voxels are in another file, .img); convert it "
            "to one file"
        )
    if magic[:2] != b"n+":
        raise InputError(f"{path}: cannot be read as NIfTI (no magic number n+1 or n+2)")
    return header


def _check_shape(path: Path, header: Any) -> None:
    dim = [int(size) for size in header["dim"]]
    if not 1 <= dim[0] <= 7:
        raise InputError(f"{path}: header says {dim[0]} axes, possible are 1 to 7")
    check_shape(path, tuple(dim[1 : dim[0] + 1]))


def check_shape(path: str | Path, shape: tuple[int, ...]) -> None:
    """Refuse an image that is too large to be read, or has fewer than three axes.

    Raises
    ------
    InputError
        With the name of the file.
    """
    text = " x ".join(map(str, shape))
    if len(shape) < 3:
        raise InputError(f"{path}: image has {len(shape)} axes {tuple(shape)}, needed are 3")
    if min(shape) < 0:
        raise InputError(f"{path}: header says {text} voxels")
    if max(shape) > LONGEST_AXIS:
        raise InputError(
            f"{path}: header says {text} voxels, at most {LONGEST_AXIS} along an axis are read"
        )
    if math.prod(shape[:3]) > MOST_VOXELS or math.prod(shape) > MOST_VALUES:
        raise InputError(
            f"{path}: header says {text} voxels, at most {MOST_VOXELS // 10**6} million per frame "
            f"and {MOST_VALUES // 10**6} million in all are read; cut it to the head"
        )


def _check_values(path: Path, header: Any) -> None:
    try:
        dtype = header.get_data_dtype()
    except (nib.spatialimages.HeaderDataError, KeyError, TypeError):
        raise InputError(f"{path}: unknown data type {int(header['datatype'])}") from None
    if dtype.kind == "V":
        raise InputError(
            f"{path}: voxels are of data type {int(header['datatype'])}, needed is one real number"
        )
    if dtype.kind not in "iuf" or dtype.itemsize not in (1, 2, 4, 8):
        raise InputError(f"{path}: voxels are {dtype}, needed is one real number")
    offset, least = float(header["vox_offset"]), header.single_vox_offset
    if not least <= offset <= _MOST_OFFSET or offset != int(offset):
        raise InputError(
            f"{path}: header says that voxels begin at byte {offset:g} (vox_offset), possible are "
            f"{least} and more"
        )
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    # A slope of 0 or NaN means that values are not scaled; nibabel writes NaN.
    is_scaled = slope != 0 and not math.isnan(slope)
    if is_scaled and not (math.isfinite(slope) and math.isfinite(intercept)):
        raise InputError(
            f"{path}: voxels are scaled by {slope:g} and shifted by {intercept:g} (scl_slope, "
            "scl_inter); repair the header"
        )


def _check_place(path: Path, header: Any) -> None:
    """See to it that the affine is that of a head in millimetres, or say that it is not."""
    _shorten_quaternion(header)
    has_qform = int(header["qform_code"]) > 0
    if int(header["sform_code"]) > 0 and has_qform and not header.get_sform()[:3].any():
        warnings.warn(
            f"{path}: its sform is zero; its qform is used instead", PetsynthWarning, stacklevel=5
        )
        header["sform_code"] = 0
    try:
        affine = np.asarray(header.get_best_affine())
    except ValueError:  # a quaternion that is much longer than 1
        affine = np.zeros((4, 4))
    if _is_plausible(affine):
        return
    raise InputError(
        f"{path}: affine is singular, or not in millimetres, so voxels have no place in "
        "space; repair the header"
    )


def _know_codes(header: Any) -> None:
    """Turn codes of spaces that do not exist into a known one: what is above 0 is to be used."""
    for field, known in (("qform_code", 1), ("sform_code", 2)):
        code = int(header[field])
        if not 0 <= code <= _LAST_CODE:
            header[field] = known if code > 0 else 0


def _shorten_quaternion(header: Any) -> None:
    fields = ("quatern_b", "quatern_c", "quatern_d")
    length = math.sqrt(sum(float(header[field]) ** 2 for field in fields))
    if 1 < length < 1 + _ROUNDING:
        for field in fields:
            header[field] = float(header[field]) / (length * (1 + 1e-7))


def _is_plausible(affine: FloatArray) -> bool:
    if not np.isfinite(affine).all() or np.abs(affine).max() > _FARTHEST_MM:
        return False
    edges = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if not SMALLEST_VOXEL_MM <= edges.min() <= edges.max() <= LARGEST_VOXEL_MM:
        return False
    return bool(abs(np.linalg.det(affine[:3, :3])) > 1e-3 * edges.prod())
