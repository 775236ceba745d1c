"""Images in other formats than NIfTI, in memory, or with several volumes: one NIfTI of each.

What is read elsewhere is always a NIfTI file, whose header `petsynth.io.nifti_header` checks. Here
FreeSurfer's ``.mgz``, pairs of ``.hdr`` and ``.img``, NRRD, MetaImage and the T1 of a DICOM folder
become one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError, PetsynthError, PetsynthWarning
from petsynth.io.dicom.files import holds_dicom, is_dicom
from petsynth.io.nifti import read_shape
from petsynth.io.nifti_header import check_shape
from petsynth.io.text import check_file

NIFTI = (".nii.gz", ".nii")
NIBABEL = (".mgz", ".mgh", ".hdr", ".img")
ITK = (".nrrd", ".nhdr", ".mha", ".mhd")
EXTENSIONS = (*NIFTI, *NIBABEL, *ITK)
"""Ends of the names of files that are read."""
_SMALLEST_VOXEL = 1e-9
_SIZE = """
import json, sys, SimpleITK
reader = SimpleITK.ImageFileReader()
reader.SetFileName(sys.argv[1])
reader.ReadImageInformation()
print(json.dumps([reader.GetSize(), reader.GetNumberOfComponents()]))
"""
_CONVERT = """
import sys, SimpleITK
SimpleITK.WriteImage(SimpleITK.ReadImage(sys.argv[1]), sys.argv[2])
print(0)
"""
ArrayImage = tuple[NDArray[np.generic], NDArray[np.generic]]
"""Voxels, and the affine from voxels to RAS+ in millimetres."""
AnyImage = str | Path | nib.spatialimages.SpatialImage | ArrayImage
"""An image as it comes: a file, nibabel's, or voxels with their affine."""


def name_as_nifti(path: str | Path) -> str:
    """Return the name of the NIfTI file that `as_nifti` makes of a file.

    Examples
    --------
    >>> name_as_nifti("sub-01/mri/T1.mgz"), name_as_nifti("sub-01_T1w.nii.gz")
    ('T1.nii', 'sub-01_T1w.nii.gz')
    """
    name = Path(path).name
    extension = _extension(name)
    return name if extension in (*NIFTI, "") else f"{name[: -len(extension)]}.nii"


def as_nifti(
    image: AnyImage, folder: str | Path, *, volume: int | None = None, name: str = "image"
) -> Path:
    """Return a NIfTI file of one volume: the file itself, or one that is written.

    Parameters
    ----------
    image : str, Path, nibabel image, or (array, affine)
        A file that ends in one of `EXTENSIONS`, or a DICOM folder or file; or an image in memory.
    folder : str or Path
        Where a file is written if need be.
    volume : int, optional
        Which volume of a series, from 0 on; a file of one volume has volume 0 only.
    name : str
        What messages call an image in memory.

    Returns
    -------
    Path
        A file that ends in ``.nii`` or ``.nii.gz``.

    Raises
    ------
    InputError
        If it is missing, damaged, in another format, or holds several volumes and none is chosen.
    """
    if isinstance(image, str | Path):
        path = Path(image)
        if _is_dicom(path):
            return _from_dicom(path, Path(folder))
        _check_format(path)
        if path.name.endswith(NIFTI):
            shape = read_shape(path)
            if _volumes(shape) <= 1 and volume in (None, 0):
                return path
            opened = load_image(path) if _chosen(path, shape, volume) is not None else None
        else:
            opened = _open(path, Path(folder))
        target, told = Path(folder) / name_as_nifti(path).removesuffix(".gz"), str(path)
    else:
        opened, target, told = _in_memory(image, name), Path(folder) / f"{name}.nii", name
    assert opened is not None
    chosen = _chosen(told, tuple(opened.shape), volume)
    with damage_named(told):
        one = _one_volume(opened, chosen)
    nib.save(one, target)
    return target


def save_image(
    image: nib.spatialimages.SpatialImage | ArrayImage, folder: str | Path, name: str
) -> Path:
    """Write an image in memory, with all its volumes, as ``NAME.nii`` into a folder.

    Raises
    ------
    InputError
        If it is no image.
    """
    opened, path = _in_memory(image, name), Path(folder) / f"{name}.nii"
    nib.save(nib.Nifti1Image(_storable(np.asanyarray(opened.dataobj)), opened.affine), path)
    return path


def _is_dicom(path: Path) -> bool:
    if path.is_dir():
        return holds_dicom(path)
    return not path.name.endswith(EXTENSIONS) and is_dicom(path)


def _from_dicom(path: Path, folder: Path) -> Path:
    """Return the one T1 of a DICOM folder as NIfTI."""
    from petsynth.io.dicom.t1s import t1s_of_folder

    def warn(message: str) -> None:
        warnings.warn(message, PetsynthWarning, stacklevel=4)

    found = t1s_of_folder(path, folder, warn)
    if len(found) > 1:
        listed = ", ".join(each.series.name for each in found)
        raise InputError(f"{path}: holds {len(found)} T1s ({listed}); name a folder of one series")
    return found[0].path


def _check_format(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    check_file(path)
    if path.name.endswith(EXTENSIONS):
        return
    raise InputError(
        f"{path}: not a format that is read; convert it to NIfTI (.nii.gz); others are "
        f"{', '.join((*NIBABEL, *ITK))}"
    )


@contextlib.contextmanager
def damage_named(path: str | Path) -> Iterator[None]:
    """Turn whatever a library says of a damaged file into one line that names it.

    Raises
    ------
    InputError
        For any error but petsynth's own; readers of other formats raise errors of all kinds.
    """
    level = nib.imageglobals.logger.level
    nib.imageglobals.logger.setLevel(logging.CRITICAL)  # it repeats what the error says
    try:
        yield
    except PetsynthError:
        raise
    except MemoryError:
        raise InputError(f"{path}: its voxels do not fit into the memory") from None
    except Exception as error:
        told = " ".join(str(error).split())[-120:] or type(error).__name__
        raise InputError(
            f"{path}: cannot be read ({told}); is it damaged, or another format than its name says?"
        ) from None
    finally:
        nib.imageglobals.logger.setLevel(level)


def load_image(path: str | Path) -> nib.spatialimages.SpatialImage:
    """Open an image of a format of `NIBABEL` or `NIFTI`; its voxels are still to be read.

    Raises
    ------
    InputError
        If it is missing, damaged or too large.
    """
    check_file(path)
    with damage_named(path):
        image: nib.spatialimages.SpatialImage = nib.load(path)  # type: ignore[assignment]
        shape, affine = tuple(image.shape), np.asarray(image.affine, dtype=float)
    check_shape(path, shape)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < _SMALLEST_VOXEL:
        raise InputError(f"{path}: affine is singular, so voxels have no place in space")
    return image


def _open(path: Path, folder: Path) -> nib.spatialimages.SpatialImage:
    if path.name.endswith(NIBABEL):
        image = load_image(path)
        if isinstance(image, nib.AnalyzeImage) and not isinstance(image, nib.Nifti1Pair):
            warnings.warn(
                f"{path}: Analyze files do not say which side is left; assumed (as nibabel does) "
                "that the first axis runs to the left",
                PetsynthWarning,
                stacklevel=3,
            )
        return image
    size, components = _run_itk(_SIZE, path)
    check_shape(path, tuple(size))
    if components != 1:
        raise InputError(f"{path}: each voxel has several values; needed is one")
    converted = folder / f".{path.name}.nii"
    _run_itk(_CONVERT, path, converted)
    return load_image(converted)


def _run_itk(program: str, *paths: Path) -> Any:
    """Return what a program prints as JSON; its own process, since damaged files crash ITK."""
    words = [sys.executable, "-c", program, *map(str, paths)]
    done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode == 0:
        return json.loads(done.stdout)
    told = " ".join(done.stderr.decode(errors="replace").split())[-120:] or "its reader crashed"
    raise InputError(f"{paths[0]}: cannot be read ({told}); convert it to NIfTI")


def _in_memory(
    image: nib.spatialimages.SpatialImage | ArrayImage, name: str
) -> nib.spatialimages.SpatialImage:
    if isinstance(image, nib.spatialimages.SpatialImage):
        return image
    try:
        voxels, affine = image
        voxels, affine = np.asarray(voxels), np.asarray(affine, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{name}: is no file, no nibabel image and no (array, affine)") from None
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise InputError(f"{name}: its affine is no 4 x 4 matrix of finite numbers")
    return nib.Nifti1Image(_storable(voxels), affine)


def _one_volume(image: nib.spatialimages.SpatialImage, chosen: int) -> nib.Nifti1Image:
    voxels = np.asanyarray(image.dataobj)
    if voxels.ndim > 3:
        voxels = voxels.reshape(*voxels.shape[:3], -1)[..., chosen]
    one = nib.Nifti1Image(_storable(voxels), image.affine)
    one.set_sform(image.affine, code=1)
    one.header.set_xyzt_units("mm", "sec")
    return one


def _chosen(told: str | Path, shape: tuple[int, ...], volume: int | None) -> int:
    """Return which volume is read.

    Raises
    ------
    InputError
        If there are several and none is chosen, or there is none of that number.
    """
    count = _volumes(shape)
    if volume is None and count > 1:
        raise InputError(
            f"{told}: holds {count} volumes ({' x '.join(map(str, shape))}); say which one is the "
            f"T1: --volume 0 (to {count - 1})"
        )
    if not 0 <= (volume or 0) < max(count, 1):
        raise InputError(f"{told}: has no volume {volume}; there are 0 to {count - 1}")
    return volume or 0


def _volumes(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape[3:], dtype=int))


def _storable(voxels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return voxels in a type that NIfTI has and other programs read."""
    if voxels.dtype == bool:
        return voxels.astype(np.uint8)
    is_fine = voxels.dtype in (np.uint8, np.int16, np.int32, np.uint16, np.float32, np.float64)
    return voxels if is_fine else voxels.astype(np.float32)


def _extension(name: str) -> str:
    return next((each for each in EXTENSIONS if name.endswith(each)), "")
