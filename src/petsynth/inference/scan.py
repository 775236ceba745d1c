"""From a T1 to a synthetic PET on the model's grid and on the T1's own; `petsynth.predict`.

Input check: is this a T1 of a brain at all? A network answers whatever it is shown. After
preparation a T1's brain lies where the template's lies and is bright where the template is bright:
white matter above grey matter above fluid. The similarity is the correlation of the two over the
brain, each locally normalised and smoothed; a T2, another part of the body, an upside-down head,
noise or a test object have none of it, and are warned about. Ours; the threshold and what it
separates are in `docs/results/pretrained-fdg.md`.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import from_matvec
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.covariates import parse_covariates
from petsynth.errors import (
    ArgumentError,
    InputError,
    PetsynthWarning,
    RegistrationError,
    RunError,
)
from petsynth.inference.finished import fingerprint, origin_of
from petsynth.inference.pretrained import load_model
from petsynth.inference.run import Run
from petsynth.io.formats import AnyImage, as_nifti
from petsynth.io.nifti import read_grid, read_volume
from petsynth.log import Progress, messages_on_stderr
from petsynth.preprocessing.registration.inputs import WORKING_MM, normalise_locally, template_brain
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import PreparedT1, prepare_conformed_t1, prepare_t1
from petsynth.preprocessing.t1.reading import read_t1
from petsynth.slicing import Plane
from petsynth.systems.base import Prediction, PredictionSettings, SubjectInfo
from petsynth.volume import FloatArray, Grid, Volume

# Input check: is this a T1 of a brain at all? A similarity, and a warning below a threshold.

SMOOTHING_MM = 2.5
"""Standard deviation of the Gaussian that both are smoothed with: noise and slices matter less."""
OUT_OF_DISTRIBUTION_BELOW = 0.45
"""Similarity below which a T1 is called unlike the training data."""
_LEAST_ML = 100.0
"""Brain that must be there to be compared."""


@dataclass(frozen=True)
class InputCheck:
    """How similar a prepared T1 is to the T1s that models are trained on.

    Parameters
    ----------
    similarity : float
        Correlation with the template's brain, -1 to 1; 0 if there is nothing to compare.
    """

    similarity: float

    @property
    def is_out_of_distribution(self) -> bool:
        """Whether somebody should look before the synthetic PET is used."""
        return self.similarity < OUT_OF_DISTRIBUTION_BELOW

    def describe(self) -> str:
        """Return the warning."""
        return (
            f"is unlike the T1s that the models are trained on (similarity {self.similarity:.2f}, "
            "usual is 0.6 or more): is it T1-weighted, of a brain, the right way up? Look at the "
            "panel before using the synthetic PET"
        )


def check_input(prepared: PreparedT1, grid: Grid) -> InputCheck:
    """Compare a prepared T1 with the template.

    Parameters
    ----------
    prepared : PreparedT1
        As the model sees it.
    grid : Grid
        On which it lies.
    """
    template, _ = template_brain()
    common = template.grid
    mri = Volume(prepared.mri - prepared.mri.min(), grid.affine)
    mask = Volume(prepared.mask.astype(np.float32), grid.affine)
    if prepared.mask.sum() * np.prod(grid.voxel_mm) < _LEAST_ML * 1000:
        return InputCheck(0.0)
    fit = _same_extent(template.with_data(template.data > 0), mask)
    inside = resample(mask, common, fit).data > 0.5
    brain = normalise_locally(resample(mri, common, fit), Volume(inside, common.affine))
    shared = inside & (template.data > 0)
    first, second = (_smooth_inside(image, shared) for image in (brain.data, template.data))
    if min(first.std(), second.std()) < 1e-6:
        return InputCheck(0.0)
    return InputCheck(round(float(np.corrcoef(first, second)[0, 1]), 3))


def _same_extent(template: Volume, mask: Volume) -> FloatArray:
    """Return the shift and the size along each axis that bring a brain's extent to another's.

    Preparation rotates a brain to MNI axes and leaves its size; here only similarity counts.
    """
    (here, width), (there, size) = (_extent(volume) for volume in (template, mask))
    matrix = np.diag([*(size / width), 1.0])
    matrix[:3, 3] = there - matrix[:3, :3] @ here
    return matrix


def _extent(mask: Volume) -> tuple[FloatArray, FloatArray]:
    """Return centre and standard deviation of a mask's voxels along world axes, in mm."""
    places = np.argwhere(mask.data > 0.5) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    return places.mean(axis=0), places.std(axis=0)


def _smooth_inside(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the values inside a mask, smoothed over the mask only."""
    sigma = SMOOTHING_MM / WORKING_MM
    total, weight = (
        ndimage.gaussian_filter(np.where(mask, values, 0).astype(np.float32), sigma)
        for values in (image, 1.0)
    )
    smooth: NDArray[np.float32] = total[mask] / np.maximum(weight[mask], 1e-3)
    return smooth


# From a T1 to a synthetic PET on the model's grid and on the T1's own; `petsynth.predict`.

_NEEDED_MM = 1.0
"""Edge of a voxel below which no step sees more: the brain is looked for at 1 mm at most."""
_NEEDED_PART = 2 / 3
"""The same, as a part of the model's voxel."""
_SLAB = 32
"""Slices that are brought to the T1's grid at a time."""


@dataclass(frozen=True)
class ScanPrediction:
    """A synthetic PET of one T1 file, with everything that its sidecar tells.

    Parameters
    ----------
    t1 : Path
        The T1 file.
    t1_grid : Grid
        Its voxels as they lie on disk, in their own axis order.
    run : Run
        The model.
    prepared : PreparedT1
        The T1 as the model saw it.
    prediction : Prediction
        On the model's grid, in PET units.
    planes : tuple of {"axial", "coronal", "sagittal"}
        Planes that were averaged.
    samples, seed : int
        Number of dropout samples, and what chose them.
    input_check : InputCheck
        Whether the T1 looks like a T1 of a brain at all.
    inputs_sha256 : str
        Of the T1's file and the mask's; see `petsynth.inference.finished.fingerprint`.
    covariates : mapping of str to str
        What else of the subject was used, as it was given.
    """

    t1: Path
    t1_grid: Grid
    run: Run
    prepared: PreparedT1
    prediction: Prediction
    planes: tuple[Plane, ...]
    samples: int
    seed: int
    input_check: InputCheck
    inputs_sha256: str = ""
    covariates: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> dict[str, Any]:
        """What the sidecar says of the origin, and what tells one prediction from another."""
        return origin_of(
            self.run, self.planes, self.samples, self.seed, self.inputs_sha256, self.covariates
        )

    def on_t1_grid(self, values_XYZ: NDArray[Any]) -> NDArray[np.float32]:
        """Interpolate an image of the model's grid linearly at the voxels of the T1 file.

        Voxels outside the model's field of view become 0. The result has the axis order of
        the file, so that it overlays on it without any reorientation.
        """
        return self._interpolated(values_XYZ, self.t1_grid)

    def slabs_on_t1_grid(self, values_XYZ: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
        """Give the same as `on_t1_grid` in slabs along the last axis, one frame after the other."""
        width, height, depth = self.t1_grid.shape
        for frame in np.moveaxis(values_XYZ.reshape(*values_XYZ.shape[:3], -1), 3, 0):
            for first in range(0, depth, _SLAB):
                shape = (width, height, min(_SLAB, depth - first))
                corner = from_matvec(np.eye(3), (0, 0, first))
                yield self._interpolated(frame, Grid(shape, self.t1_grid.affine @ corner))

    def _interpolated(self, values_XYZ: NDArray[Any], grid: Grid) -> NDArray[np.float32]:
        aligned = Volume(values_XYZ, self.run.grid.affine, self.run.unit)
        t1_to_grid = np.linalg.inv(self.prepared.grid_to_t1)
        return resample(aligned, grid, t1_to_grid, order=1, fill=0.0).data


def predict_scan(
    run: Run,
    t1: str | Path,
    *,
    mask: str | Path | None = None,
    settings: PredictionSettings | None = None,
    covariates: Mapping[str, object] | None = None,
) -> ScanPrediction:
    """Infer the synthetic PET of one T1 file, prepared as the model's training T1s were.

    Parameters
    ----------
    run : Run
        The model.
    t1 : str or Path
        NIfTI in any orientation and voxel size.
    mask : str or Path, optional
        NIfTI that is positive inside the brain, in the T1's world, on any grid; computed if
        left out.
    settings : PredictionSettings, optional
        Planes, samples, seed, batch size; axial slices, one sample, seed 0 if left out.
    covariates : mapping, optional
        What else is known of the subject, such as ``{"age": 72, "amyloid": "positive"}``; see
        `petsynth.covariates.COVARIATES`.

    Raises
    ------
    InputError
        If the T1 or the mask cannot be used, or the model gives NaN for this T1.
    RegistrationError
        If the brain cannot be aligned to MNI axes.
    ArgumentError
        If a covariate is none, or the model does not use it.
    """
    known = {name: str(value) for name, value in (covariates or {}).items()}
    values = parse_covariates(known)
    check_covariates(run, known)
    voxel_mm = min((run.t1_grid or run.grid).voxel_mm)
    image = read_t1(t1, coarsest_mm=min(_NEEDED_MM, _NEEDED_PART * voxel_mm))
    prepared = _prepare(run, image, None if mask is None else read_volume(mask, gaps="zero"))
    input_check = check_input(prepared, run.t1_grid or run.grid)
    if input_check.is_out_of_distribution:
        warnings.warn(f"{t1}: {input_check.describe()}", PetsynthWarning, stacklevel=2)
    settings = settings or PredictionSettings(planes=("axial",))
    try:
        prediction = run.predict(prepared.mri, settings, SubjectInfo(prepared.mask, values))
    except RunError as error:
        raise InputError(f"{t1}: {error}") from None
    return ScanPrediction(
        Path(t1),
        read_grid(t1),
        run,
        prepared,
        prediction,
        run.system.planes_used(settings.planes),
        settings.samples,
        settings.seed,
        input_check,
        fingerprint(t1, mask),
        known,
    )


def check_covariates(run: Run, covariates: Iterable[str]) -> None:
    """Raise ArgumentError if a model cannot use what is known of a subject."""
    used = run.system.covariates_used()
    for name in covariates:
        if name not in used:
            uses = f"uses {', '.join(used)}" if used else "uses nothing but the T1"
            raise ArgumentError(f"{name}: {run.name} ({run.tracer}) {uses}; leave it out")


def _prepare(run: Run, t1: Volume, mask: Volume | None) -> PreparedT1:
    """Prepare a T1 as the model's training T1s were."""
    steps = run.preprocessing
    prepare = prepare_t1 if run.t1_grid is None else prepare_conformed_t1
    return prepare(
        t1,
        run.t1_grid or run.grid,
        mask,
        method=steps.get("brain_mask", "auto"),
        bias_field=steps.get("bias_field", False),
        **({} if run.t1_grid is None else {"registration": run.registration}),
    )


def predict_image(
    t1: AnyImage,
    *,
    model: str | Path | None = None,
    mask: AnyImage | None = None,
    covariates: Mapping[str, object] | None = None,
    volume: int | None = None,
) -> nib.Nifti1Image:
    """Infer the synthetic PET of a T1; see `petsynth.predict`."""
    return _predict_image(load_model(model), t1, mask, covariates, volume)


def predict_images(
    t1s: Iterable[AnyImage],
    *,
    model: str | Path | None = None,
    masks: Iterable[AnyImage | None] | None = None,
    covariates: Iterable[Mapping[str, object] | None] | None = None,
    progress: bool = False,
) -> list[nib.Nifti1Image | None]:
    """Infer the synthetic PET of several T1s; see `petsynth.predict_batch`."""
    images = list(t1s)
    of_all = [None] * len(images)
    given = [list(of_all if each is None else each) for each in (masks, covariates)]
    for each, name in zip(given, ("masks", "covariates"), strict=True):
        if len(each) != len(images):
            raise ArgumentError(f"{name}: {len(each)} for {len(images)} T1s; give one for each")
    run = load_model(model)
    found: list[nib.Nifti1Image | None] = []
    shown = messages_on_stderr() if progress else contextlib.nullcontext()
    with shown, Progress("predicting", total=len(images), shown=progress) as count:
        for number, (t1, mask, known) in enumerate(zip(images, *given, strict=True)):
            try:
                found.append(_predict_image(run, t1, mask, known, None))
            except (InputError, RegistrationError) as error:
                warnings.warn(
                    f"T1 {number + 1} of {len(images)}: {error}", PetsynthWarning, stacklevel=3
                )
                found.append(None)
            count.advance()
    return found


def _predict_image(
    run: Run,
    t1: AnyImage,
    mask: AnyImage | None,
    covariates: Mapping[str, object] | None,
    volume: int | None,
) -> nib.Nifti1Image:
    with tempfile.TemporaryDirectory(prefix="petsynth-") as folder:
        path = as_nifti(t1, folder, volume=volume, name="T1")
        mask_path = None if mask is None else as_nifti(mask, folder, name="mask")
        scan = predict_scan(run, path, mask=mask_path, covariates=covariates)
    image = nib.Nifti1Image(scan.on_t1_grid(scan.prediction.mean), np.asarray(scan.t1_grid.affine))
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = f"SYNTHETIC PET, not for diagnosis; {scan.run.name}".encode()[:79]
    return image
