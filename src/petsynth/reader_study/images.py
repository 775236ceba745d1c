"""What makes real and synthetic images alike to whoever reads the traffic.

Every image is interpolated once onto one grid, scaled, cut at the same lower limit, rounded to the
same steps and written with one header. Sizes, headers and names are then equal for all; what
differs is what a reader should look at: the picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.errors import InputError
from petsynth.io.atomic import atomic_path
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.resampling import resample
from petsynth.reader_study.study import Case, Study
from petsynth.viewer.encoding import assemble
from petsynth.viewer.sources import read_scan
from petsynth.volume import FloatArray, Grid, Volume

Part = Literal["mri", "pet"]
FIELD_MM = (192.0, 232.0, 192.0)
"""What is seen, around the middle of the head."""
STEPS = 1000
"""Levels from 0 to the upper limit, whatever the image's own were."""
LOWEST = 0.05
"""Fraction of the upper limit below which an image is 0: background differs between scanners and
networks and says nothing of the brain."""
UPPER_PERCENTILE = 99.5
_HIGHEST = 1.2
_FORMAT = "1"


@dataclass(frozen=True)
class BlindedImages:
    """The images of a study as they are sent.

    Parameters
    ----------
    folder : Path
        Where they are kept; names there are hashes.
    paths : dict of (str, str) to Path
        By case and part.
    """

    folder: Path
    paths: dict[tuple[str, Part], Path]

    def parts(self, case: Case) -> list[Part]:
        """Return which images a case has."""
        return [part for part in ("mri", "pet") if (case.name, part) in self.paths]

    def read(self, case: Case, part: Part) -> bytes:
        """Return an image, all of it; nothing is kept between calls, so each costs the same."""
        return self.paths[case.name, part].read_bytes()


def blind_images(
    study: Study, folder: Path, advance: Callable[[str], None] = lambda name: None
) -> BlindedImages:
    """Write the images of a study as they are sent; those that are there already are kept.

    Parameters
    ----------
    study : Study
        Whose cases.
    folder : Path
        Made if missing.
    advance : function
        Called with the name of each case that is done.

    Raises
    ------
    InputError
        If an image cannot be read, or holds nothing where it is shown.
    OutputError
        If the folder cannot be written.
    """
    top = _common_top(study) if study.scale == "study" else None
    paths: dict[tuple[str, Part], Path] = {}
    for case in study.cases:
        for part in ("mri", "pet"):
            image = getattr(case, part)
            if image is None:
                continue
            path = folder / f"{_key(study, case, image, top)}.nii"
            if not path.exists():
                content = blind(case, part, study.voxel_mm, top if part == "pet" else None)
                with atomic_path(path) as temporary:
                    temporary.write_bytes(content)
            paths[case.name, part] = path
        advance(case.name)
    return BlindedImages(folder, paths)


def study_grid(voxel_mm: float) -> Grid:
    """Return the one grid of a study; its middle is the origin.

    Examples
    --------
    >>> study_grid(2.0).shape
    (96, 116, 96)
    """
    x, y, z = (round(edge / voxel_mm) for edge in FIELD_MM)
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = -voxel_mm * (np.array((x, y, z)) - 1) / 2
    return Grid((x, y, z), affine)


def blind(case: Case, part: Part, voxel_mm: float, top: float | None = None) -> bytes:
    """Return one image of a case as it is sent.

    Parameters
    ----------
    case : Case
        Its images lie in one space.
    part : {"mri", "pet"}
        Which one.
    voxel_mm : float
        Of the study's grid.
    top : float, optional
        Upper limit of the colours; the image's own if left out.

    Raises
    ------
    InputError
        If an image cannot be read, or holds nothing where it is shown.
    """
    path: Path = getattr(case, part)
    image, grid = read_scan(path), study_grid(voxel_mm)
    to_image = np.eye(4)
    to_image[:3, 3] = _middle(case)
    values = resample(image, grid, to_image).data
    if case.mask is not None:
        inside = resample(read_volume(case.mask, gaps="zero"), grid, to_image, order=0).data > 0
        values = np.where(inside, values, 0)
    if top is None:
        top = _top(values)
    if not top > 0:
        raise InputError(f"{path}: is empty where it would be shown; does it fit the mask?")
    return assemble(_rounded(values / top), grid.affine, 1.0, (0.0, float(STEPS)))


def _rounded(fractions: NDArray[np.floating]) -> NDArray[np.int16]:
    kept = np.where(fractions < LOWEST, 0, np.minimum(fractions, _HIGHEST))
    steps: NDArray[np.int16] = np.rint(kept * STEPS).astype(np.int16)
    return steps


def _top(values: NDArray[np.floating]) -> float:
    """Return the upper limit of an image's colours."""
    inside = values[values > LOWEST * values.max(initial=0)]
    return float(np.percentile(inside, UPPER_PERCENTILE)) if inside.size else 0.0


def _common_top(study: Study) -> float:
    tops = [_top(read_scan(case.pet).data) for case in study.cases if case.pet is not None]
    return float(np.median(tops)) if tops else 1.0


def _middle(case: Case) -> FloatArray:
    """Return the middle of the head in mm: of the mask, else of the MRI, else of the PET."""
    path = case.mask or case.mri or case.pet
    assert path is not None
    volume: Volume = read_scan(path)
    bright = volume.data > 0.2 * np.percentile(volume.data, 99)
    voxel = np.array([*ndimage.center_of_mass(bright), 1.0])
    place: FloatArray = (volume.affine @ voxel)[:3]
    return place


def _key(study: Study, case: Case, image: Path, top: float | None) -> str:
    """Return a name that changes with the files and with how they are shown."""
    said = [_FORMAT, str(study.voxel_mm), str(top)]
    for path in (image, case.mask, case.mri if case.mri is not None else case.pet):
        if path is not None:
            status = path.stat()
            said.append(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]
