"""The synthetic PET of ``petsynth predict`` as a DICOM series in its T1's study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from petsynth.io.dicom.series import Layout, Series
    from petsynth.io.dicom.writing import PetDescription

FOLDER = "dicom"
"""Where series stand, in the folder of predictions."""
_END = "_space-T1w_desc-synth_pet.nii.gz"


def write_dicom(pet: Path, series: Series, layout: Layout, out: Path) -> str:
    """Write a synthetic PET as DICOM unless that is done already, and say where it stands.

    Parameters
    ----------
    pet : Path
        The synthetic PET on its T1's grid, with its sidecar.
    series, layout : Series, Layout
        The T1.
    out : Path
        Folder of predictions.

    Raises
    ------
    InputError
        If the PET does not lie on the T1's slices.
    OutputError
        If something else is there, or the folder cannot be written.
    """
    from petsynth.errors import OutputError
    from petsynth.io.dicom.t1s import values_on_series
    from petsynth.io.dicom.writing import is_written, series_uid, write_pet

    values = values_on_series(pet, layout)
    frames = [values] if values.ndim == 3 else [values[..., n] for n in range(values.shape[3])]
    told = []
    for number, frame in enumerate(frames, start=1):
        of_several = f"frame {number} of {len(frames)}" if len(frames) > 1 else ""
        folder = out / FOLDER / pet.name.replace(_END, "_desc-synth")
        if of_several:
            folder = folder.with_name(f"{folder.name}_frame-{number}")
        about = _description(pet, of_several)
        if is_written(folder, series_uid(frame, series, about), frame.shape[2]):
            told.append(f"DICOM: {folder} (kept)")
            continue
        others = [each for each in folder.glob("*") if not each.match("IM?????.dcm")]
        if others or (folder.exists() and not folder.is_dir()):
            raise OutputError(f"{folder}: holds something else; nothing was replaced: remove it")
        count = len(write_pet(frame, series, layout, folder, about))
        told.append(f"DICOM: {folder} ({count} files, with the patient's name and ID)")
    return "; ".join(told)


def _description(pet: Path, frame: str) -> PetDescription:
    from petsynth.io.bids.metadata import read_sidecar
    from petsynth.io.dicom.writing import PetDescription

    sidecar: dict[str, Any] = read_sidecar(pet)
    unit = str(sidecar.get("Units", "arbitrary"))
    return PetDescription(
        tracer=str(sidecar.get("SyntheticTracer", "")),
        unit=unit,
        model=str(sidecar.get("Model", "petsynth")),
        reference=str(sidecar.get("ReferenceRegion", "")),
        simulated=sidecar.get("SimulatedTraining") is True,
        frame=frame,
    )
