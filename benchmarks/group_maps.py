"""Does a group's mean synthetic PET look like real group maps?

    python benchmarks/group_maps.py --data PREPARED --model petsynth-fdg \\
        --maps ../shared/data/fdg-healthy-template/tpl-Chinese116_trc-FDG_pet.nii.gz \\
        --picture groups.png

The test subjects' synthetic PETs, and their simulated PETs beside them, are brought to MNI space by
the deformation of their T1s and averaged. Each real map is registered to that mean by an affine
transform alone, so that nothing but size and pose is adapted. Per map: Pearson r over the brain's
voxels (as they are, and at the blur of the mean where it is highest), and over the cortical regions
of the DKT atlas with the root mean square of their differences, each side divided by its mean.

``--who CN`` takes controls only, as most maps show: the simulated patients of the test subjects
have atrophy and disease. A mean says nothing about one subject. Prints one JSON object as its last
line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.data.prepared import PreparedData
from petsynth.evaluation.warps import SubjectWarps
from petsynth.inference.pretrained import load_model
from petsynth.io.nifti import read_volume
from petsynth.log import Progress, messages_on_stderr
from petsynth.metrics.image import pearson_r
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.registration.deformable import register_affine
from petsynth.preprocessing.resampling import resample
from petsynth.regional.atlas import bundled_atlas
from petsynth.systems.base import PredictionSettings, SubjectInfo
from petsynth.volume import FWHM_PER_SIGMA, Grid, Volume

MNI = model_grid(2.0)
EXTRA_BLUR_MM = tuple(range(0, 11))
LEAST_VOXELS = 20
"""Of a region in the brain of the mean."""
SLICES = ((2, 4.0), (2, 36.0), (1, -20.0), (0, 4.0))
"""Axis and MNI coordinate (mm) of the picture's columns."""


@dataclass(frozen=True)
class GroupMean:
    """Mean images of a group in MNI space, (X, Y, Z) on `MNI`."""

    synthetic: NDArray[np.float32]
    simulated: NDArray[np.float32]
    brain: NDArray[np.bool_]
    subjects: int


def group_mean(
    data: PreparedData, infer: Callable[[str], NDArray[np.float32]], who: str | None
) -> GroupMean:
    """Average the test subjects' images in MNI space, each divided by its mean in the brain."""
    names = [name for name in data.participants("test") if who in (None, data.diagnosis(name))]
    warps, affine = SubjectWarps(data), np.asarray(data.grid.affine)
    totals = {kind: np.zeros(MNI.shape) for kind in ("synthetic", "simulated", "brain")}
    with Progress("predicting", total=len(names)) as progress:
        for name in names:
            mask = np.asarray(data.mask(name))
            to_mni = warps.find(name).inverse(MNI)
            images = {"synthetic": infer(name), "simulated": np.asarray(data.static_pet(name))}
            for kind, image in images.items():
                relative = Volume((image / image[mask].mean()).astype(np.float32), affine)
                totals[kind] += to_mni.pull(relative, MNI).data / len(names)
            brain = Volume(mask.astype(np.float32), affine)
            totals["brain"] += to_mni.pull(brain, MNI).data / len(names)
            progress.advance(note=name)
    synthetic, simulated = (totals[kind].astype(np.float32) for kind in ("synthetic", "simulated"))
    return GroupMean(synthetic, simulated, totals["brain"] > 0.5, len(names))


def registered(path: Path, mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a real map on `MNI`, registered to a mean by an affine transform; 0 outside it."""
    real = read_volume(path)
    centre = _centre(Volume(mean, MNI.affine)) - _centre(real)
    affine = np.array(real.affine, float)
    affine[:3, 3] += centre
    moved = Volume(np.maximum(np.nan_to_num(real.data), 0).astype(np.float32), affine)
    coarse = Grid(tuple(n // 2 for n in MNI.shape), np.asarray(MNI.affine) @ np.diag([2, 2, 2, 1]))
    fixed = resample(Volume(mean, MNI.affine), coarse)
    to_map = register_affine(fixed, moved)
    return resample(moved, MNI, to_map).data


def _centre(image: Volume) -> NDArray[np.float64]:
    bright = image.data > 0.3 * np.percentile(image.data, 99.5)
    index = np.append(ndimage.center_of_mass(bright), 1.0)
    return (np.asarray(image.affine) @ index)[:3]


def compare(real: NDArray, mean: NDArray, brain: NDArray[np.bool_]) -> dict[str, float]:
    """Return the agreement of a real map with a mean."""
    inside = brain & (real > 0)
    agreement = {extra: pearson_r(real, smooth(mean, extra), inside) for extra in EXTRA_BLUR_MM}
    best = max(agreement, key=lambda extra: agreement[extra])
    labels = bundled_atlas().labels
    index = np.linalg.inv(labels.affine) @ np.asarray(MNI.affine)
    numbers = ndimage.affine_transform(
        labels.data, index[:3, :3], index[:3, 3], output_shape=MNI.shape, order=0
    )
    rows = []
    for number in np.unique(numbers[numbers > 1000]):  # cortex in FreeSurfer's numbers
        region = (numbers == number) & inside
        if region.sum() > LEAST_VOXELS:
            rows.append((real[region].mean(), mean[region].mean()))
    values = np.array(rows) / np.mean(rows, axis=0)
    return {
        "voxel_r": round(agreement[0], 4),
        "voxel_r_best": round(agreement[best], 4),
        "extra_blur_mm": best,
        "cortical_regions": len(rows),
        "regional_r": round(float(np.corrcoef(values.T)[0, 1]), 4),
        "regional_rms_percent": round(
            100 * float(np.sqrt(((values[:, 1] / values[:, 0] - 1) ** 2).mean())), 2
        ),
    }


def smooth(image: NDArray, fwhm_mm: float) -> NDArray:
    """Smooth by a Gaussian of a full width at half maximum on `MNI`."""
    return ndimage.gaussian_filter(image, fwhm_mm / FWHM_PER_SIGMA / MNI.voxel_mm[0])


def draw(path: Path, name: str, real: NDArray, group: GroupMean) -> None:
    """Draw real map, simulated and synthetic mean on one scale, and the last one's difference."""
    inside = group.brain & (real > 0)
    real, simulated, synthetic = (
        each / each[inside].mean() for each in (real, group.simulated, group.synthetic)
    )
    top = float(np.percentile(real[inside], 99.5))
    uptake = {"cmap": "inferno", "vmin": 0, "vmax": top}
    percent = {"cmap": "RdBu_r", "vmin": -30, "vmax": 30}
    rows = (
        (f"real map\n{name}", real, uptake, "relative to\nthe brain's mean"),
        (f"simulated PET\nmean of {group.subjects}", simulated, uptake, ""),
        (f"synthetic PET\nmean of {group.subjects}", synthetic, uptake, ""),
        ("synthetic - real", 100 * (synthetic - real) * inside, percent, "% of the\nbrain's mean"),
    )
    figure, axes = plt.subplots(
        4, len(SLICES) + 1, figsize=(9.5, 9.0), width_ratios=[4] * len(SLICES) + [0.2]
    )
    for row, (title, image, style, unit) in zip(axes, rows, strict=True):
        for axis, (dimension, place) in zip(row[:-1], SLICES, strict=True):
            index = round((place - MNI.affine[dimension, 3]) / MNI.voxel_mm[0])
            shown = axis.imshow(np.take(image, index, dimension).T, origin="lower", **style)
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(title)
        figure.colorbar(shown, cax=row[-1]).set_label(unit)
    for axis, (dimension, place) in zip(axes[0, :-1], SLICES, strict=True):
        axis.set_title(f"{'xyz'[dimension]} = {place:g} mm", fontsize=9)
        if dimension != 0:
            axis.text(0.02, 0.03, "L", color="white", transform=axis.transAxes)
            axis.text(0.92, 0.03, "R", color="white", transform=axis.transAxes)
    figure.tight_layout()
    figure.savefig(path, dpi=75)
    plt.close(figure)


@messages_on_stderr()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--maps", type=Path, nargs="+", required=True)
    parser.add_argument("--who", choices=["CN", "AD"])
    parser.add_argument("--t1-alone", action="store_true", help="tell the model no covariates")
    parser.add_argument("--picture", type=Path, help="of the first map")
    args = parser.parse_args()
    data, run = PreparedData(args.data), load_model(args.model)

    def infer(name: str) -> NDArray[np.float32]:
        told = {} if args.t1_alone else data.covariates(name)
        known = SubjectInfo(np.asarray(data.mask(name)), told)
        return run.predict(np.asarray(data.mri(name)), PredictionSettings(), known).mean

    group = group_mean(data, infer, args.who)
    table = {}
    for number, path in enumerate(args.maps):
        real = registered(path, group.synthetic)
        table[path.name] = {
            kind: compare(real, getattr(group, kind), group.brain)
            for kind in ("synthetic", "simulated")
        }
        if args.picture and not number:
            draw(args.picture, path.name.split("_")[0].removeprefix("tpl-"), real, group)
    result = {"model": args.model, "tracer": data.tracer, "subjects": group.subjects}
    print(json.dumps(result | {"who": args.who or "all", "maps": table}))


if __name__ == "__main__":
    main()
