"""Read and write NIfTI images.

Everything inside the package is RAS+ (nibabel's closest canonical orientation); what is
written back for a user lies on the grid of the user's own file.
"""

from __future__ import annotations

import gzip
import warnings
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.atomic import atomic_path
from petsynth.volume import Grid, Volume

_PLACE_FIELDS = (
    "pixdim", "xyzt_units", "sform_code", "srow_x", "srow_y", "srow_z", "qform_code",
    "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z",
)  # fmt: skip
_HEADER_SIZES = [size.to_bytes(4, order) for size in (348, 540) for order in ("little", "big")]
"""What an uncompressed NIfTI file begins with."""


def read_volume(path: str | Path, *, unit: str = "arbitrary", frames: bool = False) -> Volume:
    """Read an image, checked and reoriented to RAS+.

    Parameters
    ----------
    path : str or Path
        ``.nii`` or ``.nii.gz`` in any orientation and voxel size.
    unit : str
        Unit of the intensities, taken as it is.
    frames : bool
        Whether a fourth axis is allowed. One frame of shape (X, Y, Z, 1) is always read
        as (X, Y, Z).

    Returns
    -------
    Volume
        float32 data of shape (X, Y, Z), or (X, Y, Z, T) with ``frames``.

    Raises
    ------
    InputError
        If the file is missing, damaged, no NIfTI, has the wrong number of axes, holds NaN
        or infinity, is zero everywhere, or its affine is singular.
    """
    image = _load(path)
    shape = image.shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 and not (frames and len(shape) == 4):
        allowed = "3 axes, or 4 with frames" if frames else "3 axes"
        raise InputError(
            f"{path}: image has {len(image.shape)} axes {tuple(image.shape)}, needed are {allowed}"
        )
    if 0 < min(shape[:3]) < 2:
        raise InputError(f"{path}: shape {tuple(shape)} is a single slice, a volume is needed")
    if 0 in shape:
        raise InputError(f"{path}: shape {tuple(shape)} holds no voxels")
    if image.get_data_dtype().kind not in "iuf":
        raise InputError(f"{path}: voxels are {image.get_data_dtype()}, needed is one real number")
    _check_affine(image, path)
    try:
        _check_sum(Path(path))
        canonical = nib.as_closest_canonical(image)
        stored = np.asanyarray(canonical.dataobj)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"{path}: file is truncated or damaged ({error}); copy it again") from None
    bad = int(stored.size - np.isfinite(stored).sum())
    if bad:
        raise InputError(
            f"{path}: {bad} voxels are NaN or infinite; replace them (for example by 0) first"
        )
    with np.errstate(over="ignore"):
        data = stored.astype(np.float32).reshape(*canonical.shape[:3], *shape[3:])
    if not np.isfinite(data).all():
        raise InputError(f"{path}: values are beyond 3.4e38, too large for float32; rescale them")
    if not data.any():
        raise InputError(f"{path}: image is zero everywhere")
    return Volume(data, np.asarray(canonical.affine, dtype=float), unit)


def read_grid(path: str | Path) -> Grid:
    """Read where an image's voxels lie, in its own orientation, without reading the voxels.

    Raises
    ------
    InputError
        As `read_volume`, for what the header alone shows.
    """
    image = _load(path)
    _check_affine(image, path)
    x, y, z = image.shape[:3]
    return Grid((x, y, z), np.asarray(image.affine, dtype=float))


def read_shape(path: str | Path) -> tuple[int, ...]:
    """Read an image's shape as it is on disk, (X, Y, Z[, T, ...]), without reading the voxels.

    Raises
    ------
    InputError
        If the file is missing or no NIfTI.
    """
    return tuple(_load(path).shape)


def write_volume(
    path: str | Path, volume: Volume, *, dtype: type = np.float32, description: str = ""
) -> None:
    """Write an image atomically, with sform and qform set to its affine.

    Parameters
    ----------
    path : str or Path
        Ends in ``.nii`` or ``.nii.gz``.
    volume : Volume
        What to write.
    dtype : numpy type
        On disk; label images and masks are written as ``np.uint8`` or ``np.int16``.
    description : str
        Stands in the header's ``descrip``, cut at 79 bytes.

    Raises
    ------
    InputError
        If a voxel is NaN or infinite.
    OutputError
        If the disk is full or the folder cannot be written.
    """
    data: NDArray[Any] = np.asarray(volume.data, dtype=dtype)
    _check_finite(data, path)
    image = nib.Nifti1Image(data, volume.affine)
    image.set_sform(volume.affine, code=1)
    # A qform cannot hold shears; nibabel then stores the closest rotation.
    image.set_qform(volume.affine, code=1, strip_shears=True)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = _described(description)
    with atomic_path(path) as temporary:
        nib.save(image, temporary)


def write_on_grid_of(
    path: str | Path, data: NDArray[Any], reference: str | Path, *, description: str = ""
) -> None:
    """Write an image atomically with exactly the place in space that another file's header gives.

    Parameters
    ----------
    path : str or Path
        Ends in ``.nii`` or ``.nii.gz``.
    data : (X, Y, Z) or (X, Y, Z, T) array
        Intensities in the axis order of ``reference`` on disk; written as float32.
    reference : str or Path
        File whose sform, qform, their codes and voxel sizes are copied.
    description : str
        Stands in the header's ``descrip``, cut at 79 bytes.

    Raises
    ------
    InputError
        If ``reference`` cannot be read, or a voxel is NaN or infinite.
    OutputError
        If the disk is full or the folder cannot be written.
    ValueError
        If the shapes differ.
    """
    source = _load(reference)
    if data.shape[:3] != source.shape[:3]:
        raise ValueError(f"shape {data.shape} is not that of {reference}, {source.shape[:3]}")
    header = type(source.header)()
    for field in _PLACE_FIELDS:
        header[field] = source.header[field]
    header["descrip"] = _described(description)
    values = np.asarray(data, dtype=np.float32)
    _check_finite(values, path)
    image = type(source)(values, source.affine, header)
    with atomic_path(path) as temporary:
        nib.save(image, temporary)


def _check_finite(data: NDArray[Any], path: str | Path) -> None:
    bad = int(data.size - np.isfinite(data).sum())
    if bad:
        raise InputError(f"{path}: {bad} voxels would be NaN or infinite; not written")


def _load(path: str | Path) -> nib.Nifti1Image:
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a NIfTI file (.nii or .nii.gz)")
    if not path.name.endswith((".nii", ".nii.gz")):
        raise InputError(
            f"{path}: not a NIfTI file (.nii or .nii.gz); convert DICOM with dcm2niix, .mgz with "
            "mri_convert"
        )
    try:
        _check_name(path)
        image = nib.load(path)
    except (nib.filebasedimages.ImageFileError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as NIfTI ({error})") from None
    if not isinstance(image, nib.Nifti1Image | nib.Nifti2Image):
        raise InputError(f"{path}: not a NIfTI image but {type(image).__name__}")
    if len(image.shape) < 3:
        raise InputError(f"{path}: image has {len(image.shape)} axes {image.shape}, needed are 3")
    return image


def _check_name(path: Path) -> None:
    with open(path, "rb") as file:
        start = file.read(4)
    if path.suffix == ".nii" and start[:2] == b"\x1f\x8b":
        raise InputError(f"{path}: is gzip-compressed; rename it to {path.name}.gz")
    if path.suffix == ".gz" and start in _HEADER_SIZES:
        raise InputError(f"{path}: is not compressed; rename it to {path.stem}")


def _check_sum(path: Path) -> None:
    # nibabel stops after the last voxel and so never sees the checksum behind it.
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            while file.read(1 << 22):
                pass


def _described(description: str) -> bytes:
    return description.encode("ascii", "replace")[:79]


def _check_affine(image: nib.Nifti1Image, path: str | Path) -> None:
    affine = image.affine
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        raise InputError(
            f"{path}: affine is singular, or not in millimetres, so voxels have no place in "
            "space; repair the header"
        )
    if int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0:
        # nibabel's default affine: first axis flipped, origin in the middle of the image.
        warnings.warn(
            f"{path}: neither sform nor qform is set; assumed (as nibabel does) that the axes run "
            "to the left, to the front and upwards (LAS) and that the origin is in the middle; "
            "if left is right in the result, set the header's sform",
            PetsynthWarning,
            stacklevel=3,
        )
