"""Is a pretrained model better than simple baselines?

Baselines, all fitted on the training subjects: the population mean PET brought to each subject by
an affine registration of the T1s (template), a linear regression on tissue classes found in the T1
(regression), and grey matter found in the T1 and blurred like a PET (grey matter). On (a) the test
subjects of prepared IXI data, whose PET is simulated, with intervals over subjects, and (b)
BrainWeb 06, a pair from another simulator. Everything is smoothed to 8 mm and measured inside the
brain. The names of the values say how:

- ``..._scaled``: each prediction is first multiplied so that its mean in the brain is that of the
  reference PET, and SSIM takes its data range from the reference PET. This measures the pattern and
  hides errors of the level.
- ``..._unscaled``: predictions as they are, in PET units, SSIM with a data range that is fixed for
  the tracer. This is what a user gets. Blurred grey matter is not in PET units and has none.
- ``r``, ``regional_r`` and ``grey_to_white`` do not depend on the scale.

(c) With ``--fdg-template``, the mean over the test subjects of each method's PET, brought to MNI
space, beside a template made of real scans: Pearson r over the brain's voxels at the blur (of the
mean) where it is highest. Prints one JSON object as its last line.

    python benchmarks/pretrained_model.py --data PREPARED --brainweb ../shared/data/brainweb06 \\
        --fdg-template ../shared/data/fdg-template/tpl-DellaRosa_trc-FDG_pet.nii.gz
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.covariates import Covariates
from petsynth.data.prepared import PreparedData, Split
from petsynth.evaluation.baselines import TissueRegression, tissue_maps
from petsynth.evaluation.domains import choose_data_range
from petsynth.evaluation.statistics import adjust_family, estimate_paired
from petsynth.inference.pretrained import load_model
from petsynth.inference.run import Run
from petsynth.io.nifti import read_volume
from petsynth.log import Progress, messages_on_stderr
from petsynth.metrics.image import pearson_r, ssim
from petsynth.preprocessing.registration.deformable import register_affine
from petsynth.preprocessing.registration.inputs import normalise_locally, template_brain
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.subject import Files, PreprocessingSettings, prepare_subject
from petsynth.simulation.regions import REGIONS, nearest_cortical_region
from petsynth.systems.base import PredictionSettings, SubjectInfo
from petsynth.volume import FWHM_PER_SIGMA, Grid, Volume

RESOLUTION_MM = 8.0
PET_FWHM_MM = 6.5
"""Of the simulated scanner; what is missing to 8 mm is added to PET and predictions alike."""
GREY_FWHM_MM = 6.5
EXTRA_BLUR_MM = tuple(range(0, 15))
"""Blurs that are tried on a group's mean beside the real template."""
METHODS = ("pretrained model", "template", "regression", "grey matter")
NOT_IN_PET_UNITS = ("grey matter",)
COMPARED = (
    *("r", "regional_r", "ssim_scaled", "regional_error_percent_scaled"),
    *("ssim_unscaled", "mae_unscaled", "regional_error_percent_unscaled"),
)
"""The values by which the pretrained model is compared with the baselines."""


@dataclass
class TestSubject:
    """What is known of a test subject, on the model's grid."""

    name: str
    mri: NDArray
    mask: NDArray
    pet: NDArray
    to_template: NDArray
    covariates: Covariates = field(default_factory=dict)

    @property
    def known(self) -> SubjectInfo:
        """What a model may know of the subject beside the T1."""
        return SubjectInfo(self.mask, self.covariates)

    def regions(self, grid_affine: NDArray) -> NDArray:
        """Return cortical regions by nearest centre in MNI space, 0 where there is no cortex."""
        grey = tissue_maps(self.mri, self.mask)[1] > 0.6
        places = np.argwhere(grey)
        world = places @ grid_affine[:3, :3].T + grid_affine[:3, 3]
        mni = world @ self.to_template[:3, :3].T + self.to_template[:3, 3]
        regions = np.zeros(self.mri.shape, np.uint8)
        regions[grey] = nearest_cortical_region(mni)
        return regions


def register_to_template(mri: NDArray, mask: NDArray, affine: NDArray) -> NDArray:
    """Return the affine transform (4, 4) from a subject's aligned world to the template's."""
    template, _ = template_brain()
    brain = normalise_locally(Volume((mri + 1).astype(np.float32), affine), Volume(mask, affine))
    return np.linalg.inv(register_affine(template, brain))


def warp(image: NDArray, grid: Grid, target_to_source: NDArray) -> NDArray:
    """Interpolate an image of one world at the same grid in another."""
    return resample(Volume(image, grid.affine), grid, target_to_source).data


def smooth(image: NDArray, fwhm_mm: float, voxel_mm: float) -> NDArray:
    """Smooth by a Gaussian."""
    return ndimage.gaussian_filter(image, fwhm_mm / FWHM_PER_SIGMA / voxel_mm)


def population_mean(data: PreparedData) -> NDArray:
    """Return the mean training PET in the template's world."""
    total = np.zeros(data.grid.shape)
    names = data.participants("train")
    affine = np.asarray(data.grid.affine)
    with Progress("population mean", total=len(names)) as progress:
        for name in names:
            to_template = register_to_template(data.mri(name), data.mask(name), affine)
            pet = np.asarray(data.static_pet(name))
            total += warp(pet, data.grid, np.linalg.inv(to_template))
            progress.advance()
    return total / len(names)


def predictors(data: PreparedData, run: Run) -> dict[str, Callable[[TestSubject], NDArray]]:
    """Return every method as a function from a subject to a PET."""
    mean = population_mean(data)
    regression = TissueRegression(data)
    voxel_mm = data.grid.voxel_mm[0]

    def by_regression(subject: TestSubject) -> NDArray:
        return regression.infer(np.asarray(subject.mri), np.asarray(subject.mask))

    def grey_matter(subject: TestSubject) -> NDArray:
        return smooth(tissue_maps(subject.mri, subject.mask)[1], GREY_FWHM_MM, voxel_mm)

    return {
        "pretrained model": lambda subject: (
            run.predict(np.asarray(subject.mri), PredictionSettings(), subject.known).mean
        ),
        "template": lambda subject: warp(mean, data.grid, subject.to_template),
        "regression": by_regression,
        "grey matter": grey_matter,
    }


def measure(
    subject: TestSubject,
    prediction: NDArray,
    affine: NDArray,
    data_range: float,
    *,
    in_pet_units: bool = True,
) -> dict[str, Any]:
    """Compare a prediction with a subject's PET at `RESOLUTION_MM`.

    Parameters
    ----------
    subject : TestSubject
        With the reference PET.
    prediction : (X, Y, Z) array
        Of the method.
    affine : (4, 4) array
        Of the grid.
    data_range : float
        Of SSIM without scaling, in PET units: the same for every subject.
    in_pet_units : bool
        Whether the prediction is in PET units; without them nothing is measured unscaled (None).
    """
    voxel_mm = float(affine[0, 0])
    extra = float(np.sqrt(RESOLUTION_MM**2 - PET_FWHM_MM**2))
    pet, guess = (smooth(image, extra, voxel_mm) for image in (subject.pet, prediction))
    mask = subject.mask
    scaled = guess * pet[mask].mean() / guess[mask].mean()
    tissues = tissue_maps(subject.mri, mask)
    grey, white = tissues[1] > 0.8, ndimage.binary_erosion(tissues[2] > 0.8)
    regions = subject.regions(affine)
    codes = [code for code in np.unique(regions) if code and (regions == code).sum() > 50]
    means = np.array(
        [[image[regions == code].mean() for image in (pet, scaled, guess)] for code in codes]
    )
    errors, unscaled_errors = means[:, 1] / means[:, 0] - 1, means[:, 2] / means[:, 0] - 1
    own_range = float(np.percentile(pet[mask], 99.9))
    unscaled = {
        "ssim_unscaled": ssim(pet, guess, data_range=data_range, mask=mask),
        "mae_unscaled": float(np.abs(guess - pet)[mask].mean()),
        "bias_unscaled": float((guess - pet)[mask].mean()),
        "regional_error_percent_unscaled": float(100 * np.abs(unscaled_errors).mean()),
    }
    return {
        "r": pearson_r(pet, scaled, mask),
        "regional_r": float(np.corrcoef(means[:, 0], means[:, 1])[0, 1]),
        "grey_to_white": float(guess[grey].mean() / guess[white].mean()),
        "pet_grey_to_white": float(pet[grey].mean() / pet[white].mean()),
        "ssim_scaled": ssim(pet, scaled, data_range=own_range, mask=mask),
        "regional_error_percent_scaled": float(100 * np.abs(errors).mean()),
        **(unscaled if in_pet_units else dict.fromkeys(unscaled)),
        "regions_scaled": dict(
            zip([REGIONS[code].name for code in codes], errors.tolist(), strict=True)
        ),
    }


def ixi_subjects(data: PreparedData, part: Split = "test") -> list[TestSubject]:
    """Return the subjects of one part of the split."""
    affine = np.asarray(data.grid.affine)
    subjects = []
    for name in data.participants(part):
        mri, mask = np.asarray(data.mri(name)), np.asarray(data.mask(name))
        to_template = register_to_template(mri, mask, affine)
        pet = np.asarray(data.static_pet(name))
        subjects.append(TestSubject(name, mri, mask, pet, to_template, data.covariates(name)))
    return subjects


def brainweb_subject(folder: Path, data: PreparedData) -> TestSubject:
    """Return BrainWeb 06, prepared as the training data were."""
    files = Files(folder / "brainweb06_T1w.nii.gz", folder / "brainweb06_pet.nii.gz")
    subject = prepare_subject(files, PreprocessingSettings(voxel_mm=data.grid.voxel_mm[0]))
    affine = np.asarray(data.grid.affine)
    to_template = register_to_template(subject.mri, subject.mask, affine)
    return TestSubject("BrainWeb 06", subject.mri, subject.mask, subject.pet.data, to_template)


def beside_real_template(
    subjects: list[TestSubject],
    infer: Callable[[TestSubject], NDArray],
    real: Volume,
    affine: NDArray,
) -> dict[str, float]:
    """Compare the mean of a method's PETs in MNI space with a template of real scans."""
    brain, _ = template_brain()
    inside = resample(brain.with_data(brain.data > 0), real.grid).data > 0.5
    mean = np.zeros(real.grid.shape)
    for subject in subjects:
        pet = infer(subject)
        image = Volume((pet / pet[subject.mask].mean()).astype(np.float32), affine)
        mean += resample(image, real.grid, np.linalg.inv(subject.to_template)).data
    voxel_mm = float(real.grid.voxel_mm[0])
    agreement = {
        blurred: pearson_r(real.data, smooth(mean, blurred, voxel_mm), inside)
        for blurred in EXTRA_BLUR_MM
    }
    best = max(agreement, key=lambda blurred: agreement[blurred])
    return {"r": round(agreement[best], 4), "extra_blur_mm": best}


def compare_methods(rows: dict[str, list[dict]]) -> dict:
    """Return means over subjects, and how far the pretrained model is ahead of each baseline.

    All of ``ahead_of`` is one family: the simultaneous intervals hold together with 95 %.
    """
    model = rows["pretrained model"]
    names = [name for name in model[0] if name != "regions_scaled"]
    table = {
        method: {name: _mean(of, name) for name in names if of[0][name] is not None}
        for method, of in rows.items()
    }
    wanted = [
        (method, name)
        for method in METHODS[1:]
        for name in COMPARED
        if rows[method][0][name] is not None
    ]
    values = {
        (method, name): np.array([[row[name] for row in rows[method]]])
        for method in METHODS
        for name in COMPARED
        if rows[method][0][name] is not None
    }
    differences = adjust_family(
        [
            estimate_paired(values["pretrained model", name], values[method, name])
            for method, name in wanted
        ]
    )
    ahead: dict[str, dict[str, dict[str, float]]] = {method: {} for method in METHODS[1:]}
    for (method, name), difference in zip(wanted, differences, strict=True):
        ahead[method][name] = {
            each: round(getattr(difference, each), 4)
            for each in ("mean", "low", "high", "simultaneous_low", "simultaneous_high")
        }
    regions = {
        region: round(
            100 * float(np.mean([row["regions_scaled"].get(region, np.nan) for row in model])), 1
        )
        for region in model[0]["regions_scaled"]
    }
    return {
        "mean": table,
        "ahead_of": ahead,
        "comparisons": len(wanted),
        "region_error_percent_scaled": regions,
    }


def _mean(rows: list[dict], name: str) -> float:
    return round(float(np.mean([row[name] for row in rows])), 4)


@messages_on_stderr()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--brainweb", type=Path)
    parser.add_argument("--fdg-template", type=Path)
    parser.add_argument("--model")
    args = parser.parse_args()
    data, run = PreparedData(args.data), load_model(args.model)
    affine = np.asarray(data.grid.affine)
    methods = predictors(data, run)
    subjects = ixi_subjects(data)
    data_range = choose_data_range(data.tracer, data.unit, data.pet_scale)

    def measured(subject: TestSubject, name: str) -> dict[str, Any]:
        in_pet_units = name not in NOT_IN_PET_UNITS
        pet = methods[name](subject)
        return measure(subject, pet, affine, data_range, in_pet_units=in_pet_units)

    rows = {name: [measured(subject, name) for subject in subjects] for name in methods}
    result = {
        "subjects": len(subjects),
        "unit": data.unit,
        "data_range_unscaled": data_range,
        "ixi": compare_methods(rows),
    }
    if args.brainweb:
        subject = brainweb_subject(args.brainweb, data)
        result["brainweb"] = {name: measured(subject, name) for name in methods}
    if args.fdg_template:
        real = read_volume(args.fdg_template)
        result["beside_real_template"] = {
            name: beside_real_template(subjects, infer, real, affine)
            for name, infer in {"simulated PET": lambda subject: subject.pet, **methods}.items()
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
