"""Is a pretrained model better than simple baselines?

Baselines, all fitted on the training subjects: the population mean PET brought to each subject by
an affine registration of the T1s (template), a linear regression on tissue classes found in the T1
(regression), and grey matter found in the T1 and blurred like a PET (grey matter). On (a) the test
subjects of prepared IXI data, whose PET is simulated, with bootstrap intervals over subjects, and
(b) BrainWeb 06, a pair from another simulator. Everything is smoothed to 8 mm and measured inside
the brain: Pearson r, SSIM of images scaled to the same mean, ratio of grey to white matter, and the
correlation and error of regional means.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.data.prepared import PreparedData, Split
from petsynth.evaluation.baselines import TissueRegression, tissue_maps
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
from petsynth.systems.base import PredictionSettings
from petsynth.volume import FWHM_PER_SIGMA, Grid, Volume

RESOLUTION_MM = 8.0
PET_FWHM_MM = 6.5
"""Of the simulated scanner; what is missing to 8 mm is added to PET and predictions alike."""
GREY_FWHM_MM = 6.5
RESAMPLES = 2000
EXTRA_BLUR_MM = tuple(range(0, 15))
"""Blurs that are tried on a group's mean beside the real template."""
METHODS = ("pretrained model", "template", "regression", "grey matter")


@dataclass
class TestSubject:
    """What is known of a test subject, on the model's grid."""

    name: str
    mri: NDArray
    mask: NDArray
    pet: NDArray
    to_template: NDArray

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
            run.predict(np.asarray(subject.mri), PredictionSettings()).mean
        ),
        "template": lambda subject: warp(mean, data.grid, subject.to_template),
        "regression": by_regression,
        "grey matter": grey_matter,
    }


def measure(subject: TestSubject, prediction: NDArray, affine: NDArray) -> dict[str, Any]:
    """Compare a prediction with a subject's PET at `RESOLUTION_MM`."""
    voxel_mm = float(affine[0, 0])
    extra = float(np.sqrt(RESOLUTION_MM**2 - PET_FWHM_MM**2))
    pet, guess = (smooth(image, extra, voxel_mm) for image in (subject.pet, prediction))
    mask = subject.mask
    guess = guess * pet[mask].mean() / guess[mask].mean()
    tissues = tissue_maps(subject.mri, mask)
    grey, white = tissues[1] > 0.8, ndimage.binary_erosion(tissues[2] > 0.8)
    regions = subject.regions(affine)
    codes = [code for code in np.unique(regions) if code and (regions == code).sum() > 50]
    means = np.array([[image[regions == code].mean() for image in (pet, guess)] for code in codes])
    errors = {
        REGIONS[code].name: float(guess_mean / pet_mean - 1)
        for code, (pet_mean, guess_mean) in zip(codes, means, strict=True)
    }
    return {
        "r": pearson_r(pet, guess, mask),
        "ssim": ssim(pet, guess, data_range=float(np.percentile(pet[mask], 99.9)), mask=mask),
        "grey_to_white": float(guess[grey].mean() / guess[white].mean()),
        "pet_grey_to_white": float(pet[grey].mean() / pet[white].mean()),
        "regional_r": float(np.corrcoef(means.T)[0, 1]),
        "regional_error_percent": float(100 * np.mean(np.abs(list(errors.values())))),
        "regions": errors,
    }


def ixi_subjects(data: PreparedData, part: Split = "test") -> list[TestSubject]:
    """Return the subjects of one part of the split."""
    affine = np.asarray(data.grid.affine)
    subjects = []
    for name in data.participants(part):
        mri, mask = np.asarray(data.mri(name)), np.asarray(data.mask(name))
        to_template = register_to_template(mri, mask, affine)
        subjects.append(
            TestSubject(name, mri, mask, np.asarray(data.static_pet(name)), to_template)
        )
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


def interval(differences: NDArray) -> list[float]:
    """Return the 95 % bootstrap interval of a mean over subjects."""
    random = np.random.default_rng(0)
    draws = random.choice(differences, (RESAMPLES, len(differences))).mean(axis=1)
    return [round(float(each), 4) for each in np.percentile(draws, [2.5, 97.5])]


def compare_methods(rows: dict[str, list[dict]]) -> dict:
    """Return means over subjects, and how far the pretrained model is ahead of each baseline."""
    names = [name for name in rows["pretrained model"][0] if name != "regions"]
    table = {
        method: {name: round(float(np.mean([row[name] for row in of])), 4) for name in names}
        for method, of in rows.items()
    }
    ahead: dict[str, dict[str, list[float]]] = {method: {} for method in METHODS[1:]}
    for method in METHODS[1:]:
        for name in ("r", "ssim", "regional_r", "regional_error_percent"):
            pairs = zip(rows["pretrained model"], rows[method], strict=True)
            differences = np.array([first[name] - second[name] for first, second in pairs])
            ahead[method][name] = [round(float(differences.mean()), 4), *interval(differences)]
    regions = {
        region: round(
            100
            * float(
                np.mean([row["regions"].get(region, np.nan) for row in rows["pretrained model"]])
            ),
            1,
        )
        for region in rows["pretrained model"][0]["regions"]
    }
    return {"mean": table, "ahead_of": ahead, "region_error_percent": regions}


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
    rows = {
        name: [measure(subject, infer(subject), affine) for subject in subjects]
        for name, infer in methods.items()
    }
    result = {"subjects": len(subjects), "ixi": compare_methods(rows)}
    if args.brainweb:
        subject = brainweb_subject(args.brainweb, data)
        result["brainweb"] = {
            name: measure(subject, infer(subject), affine) for name, infer in methods.items()
        }
    if args.fdg_template:
        real = read_volume(args.fdg_template)
        result["beside_real_template"] = {
            name: beside_real_template(subjects, infer, real, affine)
            for name, infer in {"simulated PET": lambda subject: subject.pet, **methods}.items()
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
