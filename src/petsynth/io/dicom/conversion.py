"""A series as one NIfTI, by dcm2niix, without what tells of the patient.

dcm2niix reads the makers' private fields, enhanced and compressed images better than we could. Each
series is converted by itself, so that one it cannot read costs no other.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.io.atomic import atomic_path
from petsynth.io.dicom.files import DEFLATED, text_of
from petsynth.io.dicom.libraries import dcm2niix_path, library, tolerant
from petsynth.io.dicom.series import Series
from petsynth.io.text import read_json

_LONGEST_S = 1800


@dataclass(frozen=True)
class Converted:
    """A series as NIfTI.

    Parameters
    ----------
    series : Series
        What it was made from.
    values : (X, Y, Z) or (X, Y, Z, T) array
        Voxels as dcm2niix orders them; scaled.
    affine : (4, 4) array
        From voxels to RAS+ in mm.
    fields : dict
        What dcm2niix writes of the header.
    """

    series: Series
    values: NDArray[Any]
    affine: NDArray[np.float64]
    fields: dict[str, Any]

    def save(self, path: str | Path) -> None:
        """Write the NIfTI, atomically; its header holds nothing but type, size and place."""
        image = nib.Nifti1Image(self.values, self.affine)
        image.set_sform(self.affine, code=1)
        image.set_qform(self.affine, code=1, strip_shears=True)
        image.header.set_xyzt_units("mm", "sec")
        with atomic_path(path) as temporary:
            nib.save(image, temporary)


def convert(series: Series, scratch: Path) -> Converted:
    """Convert a series.

    Parameters
    ----------
    series : Series
        Whole, with all slices.
    scratch : Path
        A folder for files in between; made if missing.

    Raises
    ------
    InputError
        If dcm2niix is not installed, or makes nothing or several images of it.
    """
    source, target = scratch / "in", scratch / "out"
    for folder in (source, target):
        folder.mkdir(parents=True, exist_ok=True)
    _stage(series, source)
    words = ["-g", "i", "-b", "y", "-ba", "y", "-z", "n", "-w", "1", "-m", "y", "-f", "image", "-o"]
    command = [str(dcm2niix_path()), *words, str(target), str(source)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_LONGEST_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InputError(f"dcm2niix had not finished it after {_LONGEST_S // 60} minutes") from None
    images = sorted(target.glob("*.nii"))
    if not images:
        raise InputError(f"dcm2niix cannot read it ({_reason(done.stdout + done.stderr)})")
    if len(images) > 1:
        raise InputError(f"dcm2niix makes {len(images)} images of it, needed is one")
    image: Any = nib.load(images[0])
    values = _values(image)
    sidecar = images[0].with_suffix(".json")
    fields = read_json(sidecar) if sidecar.exists() else {}
    return Converted(series, values, np.asarray(image.affine, dtype=float), fields)


def _stage(series: Series, folder: Path) -> None:
    """Link the series' files into a folder of its own; write those anew that are deflated."""
    pydicom = library("pydicom")
    for number, path in enumerate(series.files):
        staged = folder / f"{number:06}.dcm"
        meta = getattr(series.header, "file_meta", None)
        if meta is None or text_of(meta, "TransferSyntaxUID") != DEFLATED:
            os.symlink(path.absolute(), staged)
            continue
        with tolerant():
            try:
                whole = pydicom.dcmread(path)
                whole.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
                whole.save_as(staged)
            except Exception:  # a damaged file may make pydicom raise anything
                raise InputError(f"{path.name} cannot be inflated") from None


def _values(image: Any) -> NDArray[Any]:
    """Return the voxels: integers as they are, scaled ones as float32."""
    is_scaled = image.dataobj.slope != 1 or image.dataobj.inter != 0
    values: NDArray[Any] = np.asanyarray(image.dataobj)
    return values.astype(np.float32) if is_scaled or values.dtype.kind == "f" else values


def _reason(output: str) -> str:
    """Return the line in which dcm2niix says what is wrong, without paths."""
    lines = [line.strip() for line in output.splitlines()]
    told = [line for line in lines if re.match(r"(error|warning|unable|unsupported)", line, re.I)]
    text = next(iter(told), "it says no more")
    return re.sub(r"\S*/\S+", "", text)[:120].strip()
