"""Read and write NIfTI images.

Everything inside the package is RAS+ (nibabel's closest canonical orientation); what is
written back for a user lies on the grid of the user's own file.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import warnings
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from isal import igzip
from numpy.typing import NDArray

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.atomic import atomic_path
from petsynth.io.nifti_header import read_header
from petsynth.volume import Grid, Volume

_PLACE_FIELDS = (
    "pixdim", "xyzt_units", "sform_code", "srow_x", "srow_y", "srow_z", "qform_code",
    "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z",
)  # fmt: skip
_DAMAGED = "file is truncated or damaged ({}); copy it again"
_MOST_BEHIND = 1 << 20
"""Bytes behind the last voxel that are read to reach a file's checksum."""
_SLAB_VOXELS = 1 << 22
"""Voxels that are converted at a time."""
Gaps = Literal["refuse", "zero", "keep"]
"""What becomes of voxels that are NaN."""


def read_volume(
    path: str | Path, *, unit: str = "arbitrary", frames: bool = False, gaps: Gaps = "refuse"
) -> Volume:
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
    gaps : {"refuse", "zero", "keep"}
        What becomes of voxels that are NaN: an error, zeros and a warning, or what they are.

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
    return _to_volume(_load(path), path, unit, frames=frames, gaps=gaps, is_file=True)


def volume_of(
    image: nib.spatialimages.SpatialImage,
    name: str,
    *,
    unit: str = "arbitrary",
    frames: bool = False,
    gaps: Gaps = "refuse",
) -> Volume:
    """Return an image in memory, checked and reoriented to RAS+ as `read_volume` does.

    Parameters
    ----------
    image : nibabel image
        With an affine in millimetres.
    name : str
        What messages call it.
    unit, frames, gaps
        As for `read_volume`.

    Raises
    ------
    InputError
        As `read_volume`.
    """
    affine = np.asarray(image.affine, dtype=float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError(f"{name}: affine is singular, so voxels have no place in space")
    return _to_volume(image, name, unit, frames=frames, gaps=gaps, is_file=False)


def read_grid(path: str | Path) -> Grid:
    """Read where an image's voxels lie, in its own orientation, without reading the voxels.

    Raises
    ------
    InputError
        As `read_volume`, for what the header alone shows.
    """
    image = _load(path)
    _warn_without_forms(image, path)
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
    with atomic_path(path) as temporary, _open_to_write(temporary) as file:
        image.to_stream(file)


def write_on_grid_of(
    path: str | Path,
    slabs: Iterable[NDArray[Any]],
    reference: str | Path,
    *,
    frames: int = 1,
    description: str = "",
) -> None:
    """Write an image atomically with exactly the place in space that another file's header gives.

    No more than a slab is in memory at a time.

    Parameters
    ----------
    path : str or Path
        Ends in ``.nii`` or ``.nii.gz``.
    slabs : iterable of (X, Y, n) arrays
        Intensities in the axis order of ``reference`` on disk, all of the first frame along the
        last axis, then the next frame; written as float32.
    reference : str or Path
        File whose sform, qform, their codes and voxel sizes are copied.
    frames : int
        Of the image.
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
    shape = tuple(source.shape[:3])
    header = type(source.header)()
    header.set_data_dtype(np.float32)
    header.set_data_shape((*shape, frames) if frames > 1 else shape)
    for field in _PLACE_FIELDS:
        header[field] = source.header[field]
    header["descrip"] = _described(description)
    planes = 0
    with atomic_path(path) as temporary, _open_to_write(temporary) as file:
        header.set_data_offset(header.single_vox_offset)
        header.write_to(file)
        file.write(bytes(header.single_vox_offset - file.tell()))
        for slab in slabs:
            if slab.shape[:2] != shape[:2]:
                raise ValueError(f"slab {slab.shape} is not of {reference}, {shape}")
            values = np.asarray(slab, dtype=np.float32)
            _check_finite(values, path)
            file.write(values.tobytes(order="F"))
            planes += slab.shape[2]
        if planes != shape[2] * frames:
            raise ValueError(f"{planes} planes are not those of {reference}, {shape}, {frames}")


@contextlib.contextmanager
def _open_to_write(path: Path) -> Iterator[Any]:
    """Open a file, compressed if its name ends so; the same voxels give the same bytes."""
    with open(path, "wb") as file:
        if path.suffix != ".gz":
            yield file
            return
        compressed: Any = igzip.IGzipFile(  # type: ignore[no-untyped-call]
            "", "wb", compresslevel=1, fileobj=file, mtime=0
        )
        with compressed:
            yield compressed


def _to_volume(
    image: Any, path: str | Path, unit: str, *, frames: bool, gaps: Gaps, is_file: bool
) -> Volume:
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
    if is_file:
        _warn_without_forms(image, path)
    try:
        voxels = _voxels(Path(path), image.dataobj) if is_file else image.dataobj
        data = _read_by_slabs(voxels, image.affine, gaps, path)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        told = " ".join(str(error).split())
        raise InputError(f"{path}: {_DAMAGED.format(told)}") from None
    except MemoryError:
        raise InputError(f"{path}: {shape} voxels do not fit into the memory") from None
    orientation = nib.io_orientation(image.affine)
    affine = image.affine @ nib.orientations.inv_ornt_aff(orientation, image.shape[:3])
    return Volume(data.reshape(*data.shape[:3], *shape[3:]), np.asarray(affine, float), unit)


def _read_by_slabs(
    voxels: Any, affine: NDArray[Any], gaps: Gaps, path: str | Path
) -> NDArray[np.float32]:
    """Return the voxels in RAS+ as float32, with little memory beside the result.

    Raises
    ------
    InputError
        If voxels are NaN or infinite and may not be, or all are zero.
    """
    shape = voxels.shape
    data = np.empty(shape, dtype=np.float32, order="F")
    orientation = nib.io_orientation(affine)
    flipped = tuple(slice(None, None, -1 if flip < 0 else 1) for _, flip in orientation)
    as_on_disk = data[flipped]
    missing = infinite = too_large = 0
    anything = False
    step = max(1, _SLAB_VOXELS // max(math.prod(shape[:2]), 1))
    for start in range(0, shape[2], step):
        part = (slice(None), slice(None), slice(start, start + step))
        stored = np.asanyarray(voxels[part])
        if stored.dtype.kind == "f":
            missing += int(np.isnan(stored).sum())
            infinite += int(np.isinf(stored).sum())
        with np.errstate(over="ignore"):
            slab = stored.astype(np.float32)
        too_large += int(np.isinf(slab).sum())
        if gaps == "zero":
            np.nan_to_num(slab, copy=False)
        anything = anything or bool((slab[~np.isnan(slab)] != 0).any())
        as_on_disk[part] = slab
    _check_gaps(missing, infinite, data.size, gaps, path)
    if too_large:
        raise InputError(f"{path}: values are beyond 3.4e38, too large for float32; rescale them")
    if not anything:
        raise InputError(f"{path}: image is zero everywhere")
    order = np.argsort(orientation[:, 0])
    return data.transpose(*order, *range(3, data.ndim))


def _check_finite(data: NDArray[Any], path: str | Path) -> None:
    bad = int(data.size - np.isfinite(data).sum())
    if bad:
        raise InputError(f"{path}: {bad} voxels would be NaN or infinite; not written")


def _load(path: str | Path) -> nib.Nifti1Image:
    """Return an image whose header is checked and whose voxels are still to be read."""
    header = read_header(path)
    proxy = nib.arrayproxy.ArrayProxy(str(path), header, mmap=False)
    # Nifti2Header is a kind of Nifti1Header.
    if isinstance(header, nib.Nifti2Header):
        return nib.Nifti2Image(proxy, header.get_best_affine(), header)
    return nib.Nifti1Image(proxy, header.get_best_affine(), header)


def _check_gaps(missing: int, infinite: int, voxels: int, gaps: Gaps, path: str | Path) -> None:
    if infinite or (missing and gaps == "refuse") or missing == voxels:
        raise InputError(
            f"{path}: {missing + infinite} voxels are NaN or infinite; replace them (for example "
            "by 0) first"
        )
    if missing and gaps == "zero":
        warnings.warn(
            f"{path}: {missing} of {voxels} voxels are NaN; they count as 0, which is right "
            "outside the head only",
            PetsynthWarning,
            stacklevel=4,
        )


def _voxels(path: Path, proxy: Any) -> Any:
    """Return what the voxels are read from; a compressed file is decompressed here, once.

    A file that is shorter than its header says, or does not end there, is refused.
    """
    size = proxy.offset + math.prod(proxy.shape) * proxy.dtype.itemsize
    if path.suffix != ".gz":
        if path.stat().st_size < size:
            raise InputError(f"{path}: {_DAMAGED.format('it is shorter than its header says')}")
        return proxy
    # To the end of the file, where its checksum is.
    with gzip.open(path) as file:
        content = file.read(size + _MOST_BEHIND + 1)
    if len(content) > size + _MOST_BEHIND:
        raise InputError(f"{path}: {_DAMAGED.format('it is longer than its header says')}")
    if len(content) < size:
        raise InputError(f"{path}: {_DAMAGED.format('it is shorter than its header says')}")
    place = (proxy.shape, proxy.dtype, proxy.offset, proxy.slope, proxy.inter)
    return nib.arrayproxy.ArrayProxy(io.BytesIO(content), place)


def _described(description: str) -> bytes:
    return description.encode("ascii", "replace")[:79]


def _warn_without_forms(image: nib.Nifti1Image, path: str | Path) -> None:
    if int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0:
        # nibabel's default affine: first axis flipped, origin in the middle of the image.
        warnings.warn(
            f"{path}: neither sform nor qform is set; assumed (as nibabel does) that the axes run "
            "to the left, to the front and upwards (LAS) and that the origin is in the middle; "
            "if left is right in the result, set the header's sform",
            PetsynthWarning,
            stacklevel=3,
        )
