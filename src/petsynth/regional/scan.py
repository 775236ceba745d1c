"""The regional table of one scan, from files.

An atlas reaches the subject through the T1: brain mask, rigid alignment to MNI axes, deformation
to MNI space. A segmentation of the subject is used on its own voxels. The PET is brought there by
a rigid registration to the T1, and interpolated once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from petsynth.errors import InputError, RegistrationError
from petsynth.io.bids.index import pet_tracer
from petsynth.io.bids.metadata import read_metadata
from petsynth.io.bids.tracers import tracer_of
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.pet.registration import register_pet
from petsynth.preprocessing.pet.series import read_pet
from petsynth.preprocessing.pet.suvr import MIN_CORRELATION, REGION_MM, profile_of
from petsynth.preprocessing.registration.deformable import Warp, warp_to_mni
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import AlignedT1, align_t1
from petsynth.preprocessing.t1.reading import read_t1
from petsynth.regional.atlas import Atlas, read_segmentation
from petsynth.regional.means import label_means
from petsynth.regional.references import (
    needed_references,
    reference_name,
    references_from_labels,
    references_through_t1,
)
from petsynth.regional.table import Labelling, ScanMeans, build_table
from petsynth.volume import FloatArray, Volume


@dataclass(frozen=True)
class ScanFiles:
    """What is measured.

    Parameters
    ----------
    pet : Path
        Measured or synthetic.
    t1 : Path, optional
        Of the same subject; an atlas needs it.
    labels : Path, optional
        The subject's own segmentation, in the T1's world; the atlas is then not used.
    mask : Path, optional
        Brain mask of the T1; computed if left out.
    """

    pet: Path
    t1: Path | None = None
    labels: Path | None = None
    mask: Path | None = None


@dataclass(frozen=True)
class ScanSettings:
    """How it is measured.

    Parameters
    ----------
    tracer : str, optional
        By the file's name or sidecar if left out.
    reference : str, optional
        Reference region of the SUVR; the tracer's own if left out.
    aligned : bool
        Whether the PET lies on the T1 already, so that it is not registered.
    """

    tracer: str | None = None
    reference: str | None = None
    aligned: bool = False


@dataclass(frozen=True)
class ScanRegions:
    """The result for one scan.

    Parameters
    ----------
    table : DataFrame
        See `petsynth.regional.table`.
    description : dict
        What was done, for the JSON beside the table.
    tracer : str
        Everyday name.
    atlas : str
        Name of the atlas or segmentation, for file names.
    warnings : list of str
        What to look at.
    """

    table: pd.DataFrame
    description: dict[str, Any]
    tracer: str
    atlas: str
    warnings: list[str]


def measure_scan(files: ScanFiles, settings: ScanSettings, atlas: Atlas | None) -> ScanRegions:
    """Measure one PET in the regions of an atlas or of the subject's segmentation.

    Parameters
    ----------
    files : ScanFiles
        What is measured.
    settings : ScanSettings
        How.
    atlas : Atlas or None
        In MNI space; not used where the files name the subject's labels.

    Raises
    ------
    InputError
        If a file cannot be used, or what is needed to bring atlas and PET together is missing.
    RegistrationError
        If images cannot be aligned.
    """
    _check_files(files, settings)
    metadata = read_metadata(files.pet)
    tracer = _tracer(files.pet, metadata, settings.tracer)
    profile = profile_of(tracer)
    pet = read_pet(
        files.pet,
        metadata,
        units="suvr",
        window_min=None if profile is None else profile.window_min,
    ).mean
    with _naming(files.pet):
        reference = reference_name(tracer, settings.reference, pet.unit)
    is_aligned = settings.aligned or _lies_on_t1(files.pet, metadata)
    aligned = None if files.t1 is None else _align(files.t1, files.mask)
    t1_to_pet: FloatArray = np.eye(4)
    if aligned is not None and not is_aligned:
        with _naming(files.pet):
            t1_to_pet = register_pet(aligned.t1, aligned.normalised, pet).fixed_to_moving
    warp = None if files.t1 is None or aligned is None else _warp(files.t1, aligned)
    used = _atlas_of(files, atlas)
    names = needed_references(tracer, reference)
    means = _measure(used, files.labels is not None, pet, t1_to_pet, aligned, warp, names)
    means = _divided(means, reference, files.pet)
    labelling = Labelling(used, tracer, files.labels is not None)
    description = {
        "PET": files.pet.name,
        "T1w": None if files.t1 is None else files.t1.name,
        "Tracer": tracer,
        "Units": pet.unit,
        "Synthetic": metadata.get("Synthetic"),
        "Atlas": used.source,
        "OwnSegmentation": files.labels is not None,
        "Alignment": _alignment(files, is_aligned, settings.aligned),
        "ReferenceRegion": reference or metadata.get("ReferenceRegion", "not stated with the PET"),
        "DividedBy": means.divisor,
        "DeformationCorrelation": None if warp is None else warp.correlation,
    }
    return ScanRegions(
        build_table(means, labelling), description, tracer, used.name, _warnings(files, warp)
    )


def _check_files(files: ScanFiles, settings: ScanSettings) -> None:
    if files.t1 is not None:
        return
    if files.labels is None:
        raise InputError(
            f"{files.pet}: an atlas is brought to the subject through the T1: give it with --t1, "
            "or the subject's segmentation with --labels"
        )
    if not settings.aligned and not _lies_on_t1(files.pet, read_metadata(files.pet)):
        raise InputError(
            f"{files.pet}: to align the PET to the labels the T1 is needed: give it with --t1, or "
            "--aligned if the PET lies on the labels already"
        )


def _tracer(pet: Path, metadata: dict[str, Any], given: str | None) -> str:
    if given is not None:
        return tracer_of(given)
    synthetic = metadata.get("SyntheticTracer")
    return tracer_of(str(synthetic)) if synthetic else pet_tracer(pet)


def _lies_on_t1(pet: Path, metadata: dict[str, Any]) -> bool:
    """Whether a PET is a prediction of petsynth on its T1's own grid."""
    return metadata.get("Synthetic") is True and "_space-T1w_" in pet.name


def _align(t1: Path, mask: Path | None) -> AlignedT1:
    given = None if mask is None else read_volume(mask, gaps="zero")
    with _naming(t1):
        return align_t1(read_t1(t1), given)


def _warp(t1: Path, aligned: AlignedT1) -> Warp:
    with _naming(t1):
        return warp_to_mni(aligned.normalised, aligned.grid_to_t1)


def _atlas_of(files: ScanFiles, atlas: Atlas | None) -> Atlas:
    if files.labels is not None:
        return read_segmentation(files.labels)
    assert atlas is not None
    return atlas


def _measure(
    atlas: Atlas,
    is_own: bool,
    pet: Volume,
    t1_to_pet: FloatArray,
    aligned: AlignedT1 | None,
    warp: Warp | None,
    names: list[str],
) -> ScanMeans:
    """Return the means of the regions, and of the reference regions by what there is."""
    if aligned is not None and warp is not None:
        grid_to_pet = t1_to_pet @ aligned.grid_to_t1
        references = references_through_t1(warp, pet, grid_to_pet, names)
    if is_own or aligned is None or warp is None:
        grid, labels, to_pet = atlas.labels.grid, atlas.labels.data, t1_to_pet
    else:
        grid, to_pet = model_grid(REGION_MM), grid_to_pet
        labels = warp.pull_labels(atlas.labels, grid).data
    values = resample(pet, grid, to_pet, fill=np.nan).data
    if aligned is None:
        references = references_from_labels(atlas, values, names)
    voxel_ml = float(abs(np.linalg.det(grid.affine[:3, :3]))) / 1000
    return ScanMeans(label_means(labels, values, voxel_ml, atlas.names), references)


def _divided(means: ScanMeans, reference: str, pet: Path) -> ScanMeans:
    """Return the means with what they are divided by."""
    if not any(each.mean == each.mean for each in means.regions.values()):
        raise InputError(
            f"{pet}: no region can be measured: do PET and labels lie in one space, and does the "
            "field of view hold the brain?"
        )
    if not reference:
        return means
    found = means.references.get(reference)
    if found is None:
        raise InputError(
            f"{pet}: the labels do not define the reference region {reference}: give the T1 with "
            "--t1, or another --reference, such as cerebellar-grey"
        )
    if not found.mean > 0:
        why = found.note or f"its mean is {found.mean:.3g}"
        raise InputError(f"{pet}: reference region {reference}: {why}; choose another --reference")
    return ScanMeans(means.regions, means.references, found.mean, reference)


def _alignment(files: ScanFiles, is_aligned: bool, was_said: bool) -> str:
    if not is_aligned:
        return "PET registered rigidly to the T1"
    if was_said:
        return "none: the PET was said to lie on " + ("the T1" if files.t1 else "the labels")
    return "none: the PET's sidecar says that it lies on the T1"


def _warnings(files: ScanFiles, warp: Warp | None) -> list[str]:
    if warp is None or warp.correlation >= MIN_CORRELATION:
        return []
    return [
        f"{files.pet.name}: the deformation to MNI space is poor (correlation "
        f"{warp.correlation:.2f}, usual are {MIN_CORRELATION:g} and more): check the regions"
    ]


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put a file's name before the message of what goes wrong with it."""
    try:
        yield
    except (InputError, RegistrationError) as error:
        text = str(error)
        raise type(error)(text if path.name in text else f"{path}: {error}") from None
