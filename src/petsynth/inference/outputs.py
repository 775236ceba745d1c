"""Write a synthetic PET so that nobody takes it for a real one.

Per T1 file, in the folder of its subject and session; see `petsynth.inference.dataset`::

    pet/STEM_space-T1w_desc-synth_pet.nii.gz + .json      on the T1's own grid
    pet/STEM_space-aligned_desc-synth_pet.nii.gz + .json  on the model's grid
    pet/STEM_space-T1w_desc-synthstd_pet..., STEM_space-aligned_desc-synthstd_pet...
                                                          spread, with more than one sample or a
                                                          model that knows its error
    figures/STEM_desc-synth_panel.png                     a picture with a visible label

Models of images that were merely centred write ``space-centred`` in place of ``space-aligned``.
``STEM`` is the T1's name with its BIDS entities and the tracer; see
`petsynth.io.bids.names.pet_stem`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from petsynth.errors import OutputError
from petsynth.execution import run_in_threads
from petsynth.figures.panels import (
    Panel,
    View,
    draw_panels,
    mri_panel,
    pet_panel,
    uncertainty_panel,
    unit_label,
)
from petsynth.figures.save import save_png
from petsynth.inference.dataset import results_folder
from petsynth.inference.run import Run
from petsynth.inference.scan import ScanPrediction
from petsynth.io.atomic import write_json, written_together
from petsynth.io.bids.metadata import sidecar_path
from petsynth.io.bids.names import SPACES, SPATIAL_REFERENCES, pet_stem
from petsynth.io.bids.privacy import bids_uri
from petsynth.io.nifti import write_on_grid_of, write_volume
from petsynth.io.removal import remove_files
from petsynth.io.text import real_path
from petsynth.preprocessing.t1.alignment import HIGHEST
from petsynth.slicing import Plane
from petsynth.systems.base import StdKind
from petsynth.version import __version__
from petsynth.volume import Grid, Volume

_SYNTHETIC = (
    "Synthetic PET, inferred from a T1-weighted MRI by a neural network: a guess from anatomy, no "
    "measurement, not for diagnosis"
)
_STD: dict[StdKind, str] = {
    "dropout": "Standard deviation (n - 1) of a synthetic PET over samples of the generator's "
    "dropout: the model's spread, not its error",
    "expected-error": "Standard deviation of what a measured PET would differ by from the "
    "synthetic one, as the model expects it",
    "samples": "Standard deviation (n - 1) of a synthetic PET over samples of a stochastic "
    "generator",
}
_CALIBRATED = "; calibrated on held-out subjects like its training data, not for others"
_NOT_CALIBRATED = "; not calibrated: errors may be much larger"
_STD_TITLES: dict[StdKind, str] = {
    "dropout": "over dropout samples",
    "expected-error": "of the expected error",
    "samples": "over samples",
}
_ROWS: tuple[Plane, ...] = ("axial", "coronal", "sagittal")


def result_paths(folder: str | Path, t1: str | Path, run: Run, *, has_std: bool) -> list[Path]:
    """Return the files that `write_prediction` writes for a T1, the main one first."""
    name = Path(t1).name
    stem = pet_stem(name, run.tracer)
    images = [
        results_folder(folder, name, "pet") / f"{stem}_space-{space}_desc-{kind}_pet.nii.gz"
        for kind in ("synth", "synthstd")[: 1 + has_std]
        for space in ("T1w", SPACES[run.registration])
    ]
    panel = results_folder(folder, name, "figures") / f"{stem}_desc-synth_panel.png"
    return [path for image in images for path in (image, sidecar_path(image))] + [panel]


def write_prediction(scan: ScanPrediction, folder: str | Path) -> list[Path]:
    """Write images, sidecars and panel of one T1.

    Returns
    -------
    list of Path
        The files, the main one first.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    has_std = scan.prediction.std is not None
    paths = result_paths(folder, scan.t1, scan.run, has_std=has_std)
    try:
        # The main image comes last: where it stands, everything of this T1 stands.
        with written_together(last=paths[0]):
            _write_all(scan, paths)
    except OutputError:
        # Where nothing was before, no empty folder stays.
        remove_files(Path(folder), [path for path in paths if not path.exists()])
        raise
    return paths


def _write_all(scan: ScanPrediction, paths: list[Path]) -> None:
    *_, panel = paths
    parts = {"synth": scan.prediction.mean, "synthstd": scan.prediction.std}
    calls = [lambda: save_png(draw_prediction(scan), panel)]
    for image in [path for path in paths if path.name.endswith(".nii.gz")]:
        kind = "synthstd" if "_desc-synthstd_" in image.name else "synth"
        values = parts[kind]
        if values is not None:
            own_grid = "_space-T1w_" in image.name
            calls.append(partial(_write_image, scan, image, kind, values, own_grid=own_grid))
    run_in_threads(calls)


def _write_image(
    scan: ScanPrediction, path: Path, kind: str, values_XYZ: NDArray[Any], *, own_grid: bool
) -> None:
    note = f"SYNTHETIC PET, not for diagnosis; petsynth {__version__} {scan.run.name}"
    sidecar = describe_prediction(scan, kind)
    sidecar["SpatialReference"] = (
        bids_uri(scan.t1) if own_grid else SPATIAL_REFERENCES[scan.run.registration]
    )
    grid = scan.t1_grid if own_grid else scan.run.grid
    sidecar["VoxelSizeMillimetres"] = _shown_mm(grid)
    write_json(sidecar_path(path), sidecar)
    if own_grid:
        slabs = scan.slabs_on_t1_grid(values_XYZ)
        frames = values_XYZ.shape[3] if values_XYZ.ndim == 4 else 1
        write_on_grid_of(path, slabs, scan.t1, frames=frames, description=note)
    else:
        on_grid = Volume(values_XYZ, scan.run.grid.affine, scan.run.unit)
        write_volume(path, on_grid, description=note)


def describe_prediction(scan: ScanPrediction, kind: str) -> dict[str, Any]:
    """Return what the sidecar of a synthetic image says in every space.

    Parameters
    ----------
    scan : ScanPrediction
        The image's origin.
    kind : {"synth", "synthstd"}
        The image itself, or its spread over samples.
    """
    run = scan.run
    return {
        "Description": _meaning(scan, kind),
        "Synthetic": True,
        "SkullStripped": False,  # nothing outside the brain is set to zero
        "SimulatedTraining": run.simulated,
        "SyntheticTracer": run.tracer,
        "Units": run.unit,
        **({} if run.reference_region is None else {"ReferenceRegion": run.reference_region}),
        "ModelVoxelSizeMillimetres": _shown_mm(run.grid),
        **_standard_deviation(scan),
        "Model": run.name,
        "ModelRun": real_path(run.folder).name,
        **scan.origin,
        "ModelTrainingSteps": run.metadata.get("steps"),
        "ModelPetsynthVersion": run.metadata["petsynth_version"],
        "BrainMask": scan.prepared.mask_source,
        "TemplateMutualInformation": float(scan.prepared.template_mutual_information),
        "InputCheckSimilarity": scan.input_check.similarity,
        "OutOfDistribution": scan.input_check.is_out_of_distribution,
        "GridToT1wMillimetres": np.asarray(scan.prepared.grid_to_t1).tolist(),
        "Sources": [bids_uri(scan.t1)],
    }


def _meaning(scan: ScanPrediction, kind: str) -> str:
    std_kind = scan.run.system.std_kind(scan.samples)
    return _SYNTHETIC if kind == "synth" or std_kind is None else _std_meaning(scan, std_kind)


def _std_meaning(scan: ScanPrediction, kind: StdKind) -> str:
    if scan.run.system.calibration_samples is None:
        return _STD[kind]
    return _STD[kind] + (_CALIBRATED if "error_to_std" in scan.run.metadata else _NOT_CALIBRATED)


def _standard_deviation(scan: ScanPrediction) -> dict[str, Any]:
    """Return what the standard deviation is that stands beside the image, if one does."""
    kind = scan.run.system.std_kind(scan.samples)
    if kind is None or scan.prediction.std is None:
        return {}
    return {"StandardDeviationKind": kind, "StandardDeviationMeaning": _std_meaning(scan, kind)}


def _shown_mm(grid: Grid) -> list[float]:
    """Return the edges of a voxel along the image's own axes, in mm."""
    return [round(edge, 4) for edge in grid.voxel_mm]


def draw_prediction(scan: ScanPrediction) -> Figure:
    """Show the middle slices of MRI, synthetic PET and, if there is one, its spread."""
    rows = [(plane, _row(scan, View(plane, scan.run.grid))) for plane in _ROWS]
    samples = f", {scan.samples} samples" if scan.samples > 1 else ""
    title = f"{pet_stem(scan.t1.name, scan.run.tracer)}: {scan.run.name}{samples}"
    if scan.input_check.is_out_of_distribution:
        title += "\nWARNING: this T1 is unlike the training data"
    if scan.run.simulated:
        title += "\nmodel trained on simulated PET"
    return draw_panels(rows, title=title)


def _row(scan: ScanPrediction, view: View) -> list[Panel]:
    mean, std = scan.prediction.mean, scan.prediction.std
    unit = unit_label(scan.run.unit, scan.run.reference_region)
    highest = scan.run.pet_scale
    if mean.ndim == 4:
        return _frames_row(scan, view, unit)
    panels = [
        _mri_panel(scan, view),
        pet_panel(view.cut(mean), highest, unit, synthetic=True, view=view),
    ]
    kind = scan.run.system.std_kind(scan.samples)
    if std is not None and kind is not None:
        highest = float(np.percentile(std, 99.9)) or highest
        title = f"Standard deviation\n{_STD_TITLES[kind]}"
        panels.append(uncertainty_panel(view.cut(std), highest, unit, view=view, title=title))
    return panels


def _mri_panel(scan: ScanPrediction, view: View) -> Panel:
    """Show the T1 at the place of the PET, on its own grid where the model has one."""
    if scan.run.t1_grid is None:
        return mri_panel(view.cut(scan.prepared.mri), view=view)
    view = view.on(scan.run.t1_grid)
    mri = view.cut(scan.prepared.mri)
    return mri_panel(mri, limits=(0, HIGHEST), unit="T1 intensity, conformed", view=view)


def _frames_row(scan: ScanPrediction, view: View, unit: str) -> list[Panel]:
    frames = np.moveaxis(scan.prediction.mean, 3, 0)
    return [_mri_panel(scan, view)] + [
        pet_panel(
            view.cut(frame),
            scan.run.pet_scale,
            unit,
            synthetic=True,
            title=f"Synthetic PET, frame {number} of {len(frames)}",
            view=view,
        )
        for number, frame in enumerate(frames, start=1)
    ]
