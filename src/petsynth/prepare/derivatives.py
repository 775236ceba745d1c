"""The files of one prepared subject: arrays, BIDS derivatives, pictures and record.

The record ``arrays/sub-001.json`` is written last, so that a later run knows whether the subject
is finished. The pictures are shown on the subject's page, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from petsynth.figures.quality import draw_alignment, draw_intensities, draw_regions
from petsynth.figures.save import save_png
from petsynth.io.atomic import write_json
from petsynth.io.bids.index import Scan
from petsynth.io.bids.metadata import read_metadata, sidecar_path
from petsynth.io.bids.names import SPACES, SPATIAL_REFERENCES, pet_stem
from petsynth.io.bids.privacy import allowed_fields, bids_uri
from petsynth.io.nifti import write_volume
from petsynth.prepare.quality_control import flags_of, qc_row
from petsynth.prepare.records import Record, write_array, write_record
from petsynth.preprocessing.resampling import resample_mask
from petsynth.preprocessing.subject import PreparedSubject, PreprocessingSettings

# The pictures of one prepared subject, shown on its page and kept as files.

DOTS_PER_INCH = 100


def write_pictures(
    root: Path,
    scan: Scan,
    subject: PreparedSubject,
    *,
    simulated: bool,
    replaced: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write alignment, histograms and, where there are any, regions; return their paths.

    ``replaced`` is that of `petsynth.prepare.quality_control.qc_row`.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    stem = root / scan.folder / "figures" / scan.stem
    unit = subject.pet.unit
    figures = {
        "alignment": draw_alignment(
            subject.mri,
            {
                "as the file headers say": subject.unaligned_pet.data,
                "registered" if subject.aligned else "centred": subject.static_pet().data,
            },
            subject.mask,
            title=_title(scan, subject),
            warning="; ".join(flag.text for flag in flags_of(scan, subject, replaced)),
            simulated=simulated,
        ),
        "histograms": draw_intensities(
            subject.mri, subject.pet.data, subject.mask, unit=unit, simulated=simulated
        ),
    }
    regions = [] if subject.uptake is None else [subject.uptake.reference, subject.uptake.target]
    masks = {
        each.name: resample_mask(each.mask, subject.pet.grid)
        for each in regions
        if each is not None
    }
    if masks:
        figures["regions"] = draw_regions(
            subject.static_pet().data, masks, unit=unit, simulated=simulated
        )
    paths = []
    for name, figure in figures.items():
        paths.append(Path(f"{stem}_desc-{name}_pet.png"))
        save_png(figure, paths[-1], dots_per_inch=DOTS_PER_INCH)
    return paths


def _title(scan: Scan, subject: PreparedSubject) -> str:
    quality, name = subject.quality, f"{scan.stem}, {scan.tracer}"
    if quality.pet_shift_mm is None:
        return f"{name}: T1 and PET are centred, not aligned"
    return (
        f"{name}: moved {quality.pet_shift_mm:.1f} mm and {quality.pet_rotation_deg:.1f}°, local "
        f"correlation ratio {quality.local_correlation_ratio:.2f} "
        f"(flipped {quality.local_correlation_ratio_flipped:.2f})"
    )


# The files of one prepared subject: arrays, BIDS derivatives, pictures and record.

_T1_HOW = {"rigid": "rigidly aligned to MNI axes", "none": "centred, not aligned,"}
_PET_HOW = {"rigid": "rigidly aligned to the T1-weighted MRI", "none": "centred, not aligned,"}


def write_subject(
    folder: str | Path,
    scan: Scan,
    subject: PreparedSubject,
    settings: PreprocessingSettings,
    key: dict[str, Any],
    *,
    notes: Sequence[str] = (),
    replaced: Mapping[str, str] | None = None,
    simulated: bool = False,
) -> Record:
    """Write everything of one subject.

    Parameters
    ----------
    folder : str or Path
        Of the prepared data.
    scan : Scan
        The raw images.
    subject : PreparedSubject
        What is written.
    settings : PreprocessingSettings
        How the subject was prepared, for the sidecars.
    key : dict
        See `petsynth.prepare.records.Record`.
    notes : sequence of str
        What was assumed about the scans.
    replaced : mapping of str to str, optional
        Names of images that could not be used, in whose place the scan's are -> why.
    simulated : bool
        Whether the scans are simulated; sidecars and pictures then say so.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    root = Path(folder)
    written = [
        *_write_arrays(root, scan.name, subject),
        *_write_anat(root, scan, subject, settings, simulated),
        *_write_pet(root, scan, subject, settings, simulated),
        *write_pictures(root, scan, subject, simulated=simulated, replaced=replaced),
    ]
    record = Record(
        participant=scan.participant,
        session=scan.session,
        key=key,
        files=[path.relative_to(root).as_posix() for path in written],
        unit=subject.pet.unit,
        frames=subject.pet.frames,
        qc=qc_row(scan, subject, replaced),
        notes=list(notes),
        frame_durations=list(subject.frame_times[1]),
        replaced=dict(replaced or {}),
    )
    write_record(root, scan.name, record)
    return record


def _write_arrays(root: Path, name: str, subject: PreparedSubject) -> list[Path]:
    paths = [
        write_array(root, name, "mri", subject.mri),
        write_array(root, name, "pet", subject.pet.data),
        write_array(root, name, "mask", subject.mask),
    ]
    if subject.conformed is not None:
        paths.append(write_array(root, name, "t1", subject.conformed))
    noise_free = subject.static_noise_free()
    if noise_free is not None:
        paths.append(write_array(root, name, "noisefree", noise_free.data))
    if subject.lesion is not None:
        paths.append(write_array(root, name, "lesion", subject.lesion))
    return paths


def _write_anat(
    root: Path,
    scan: Scan,
    subject: PreparedSubject,
    settings: PreprocessingSettings,
    simulated: bool,
) -> list[Path]:
    space = SPACES[settings.registration]
    stem = root / scan.folder / "anat" / f"{scan.stem}_space-{space}"
    t1 = Path(f"{stem}_desc-preproc_T1w.nii.gz")
    mask = Path(f"{stem}_desc-brain_mask.nii.gz")
    common: dict[str, Any] = {"SpatialReference": SPATIAL_REFERENCES[settings.registration]}
    common |= {"Sources": [bids_uri(scan.t1)]} | ({"Simulated": True} if simulated else {})
    write_volume(t1, subject.t1)
    write_json(
        sidecar_path(t1),
        common
        | {
            "Description": f"T1-weighted MRI, {_T1_HOW[settings.registration]} and resampled once",
            "SkullStripped": subject.mask_source == "skull-stripped",
            "BiasFieldCorrected": settings.bias_field,
        },
    )
    write_volume(mask, subject.t1.with_data(subject.mask), dtype=np.uint8)
    write_json(
        sidecar_path(mask),
        common | {"Type": "Brain", "Description": f"Brain mask ({subject.mask_source})"},
    )
    xfm = stem.with_name(f"{scan.stem}_from-{space}_to-T1w_mode-image_xfm.json")
    _write_transform(xfm, subject.grid_to_t1, space, "T1w")
    return [t1, sidecar_path(t1), mask, sidecar_path(mask), xfm]


def _write_pet(
    root: Path,
    scan: Scan,
    subject: PreparedSubject,
    settings: PreprocessingSettings,
    simulated: bool,
) -> list[Path]:
    stem = pet_stem(f"{scan.stem}_T1w.nii.gz", scan.tracer)
    folder = root / scan.folder / "pet"
    pet = folder / f"{stem}_space-{SPACES[settings.registration]}_desc-preproc_pet.nii.gz"
    write_volume(pet, subject.pet)
    sidecar = (
        allowed_fields(read_metadata(scan.pet))
        | _frame_times(subject)
        | _reference(subject)
        | {
            "Description": f"PET, {_PET_HOW[settings.registration]} and resampled once"
            + (", mean over frames" if settings.frames == "mean" else ""),
            "SpatialReference": SPATIAL_REFERENCES[settings.registration],
            "SkullStripped": False,
            "Units": subject.pet.unit,
            "Sources": [bids_uri(scan.pet), bids_uri(scan.t1)],
        }
    )
    write_json(sidecar_path(pet), sidecar | ({"Simulated": True} if simulated else {}))
    xfm = folder / f"{stem}_from-T1w_to-pet_mode-image_xfm.json"
    _write_transform(xfm, subject.t1_to_pet, "T1w", "pet")
    return [pet, sidecar_path(pet), xfm]


def _frame_times(subject: PreparedSubject) -> dict[str, Any]:
    starts, durations = subject.frame_times
    return {"FrameTimesStart": starts, "FrameDuration": durations} if starts else {}


def _reference(subject: PreparedSubject) -> dict[str, Any]:
    if subject.uptake is None or subject.uptake.reference is None:
        return {}
    reference = subject.uptake.reference
    return {
        "ReferenceRegion": reference.name,
        "ReferenceValue": round(reference.mean, 6),
        "ReferenceRegionCoveredFraction": round(reference.covered_fraction, 4),
    }


def _write_transform(path: Path, matrix: np.ndarray, source: str, target: str) -> None:
    meaning = f"maps world millimetres (RAS) of {source} to world millimetres (RAS) of {target}"
    write_json(path, {"matrix": np.asarray(matrix).tolist(), "Description": meaning})
