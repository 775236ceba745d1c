"""Does a group's mean synthetic PET look like real group maps?

    python benchmarks/group_maps.py --data PREPARED --model petsynth-fdg \\
        --maps ../shared/data/fdg-healthy-template/tpl-Chinese116_trc-FDG_pet.nii.gz \\
        --picture groups.png

The test subjects' synthetic PETs, and their simulated PETs beside them, are brought to MNI space by
the deformation of their T1s and averaged. Each real map is registered to that mean by an affine
transform alone, so that nothing but size and pose is adapted. Per map: Pearson r over the brain's
voxels (as they are, and at the blur of the mean where it is highest), and over the cortical regions
of the DKT atlas with the root mean square of their differences, each side divided by its mean.

``--t1s IXI`` takes real T1s instead: those of the test subjects of a folder with ``t1/``,
``split.tsv`` and ``participants.tsv``, all healthy; there is no simulated PET then.

``--who CN`` takes controls only, as most maps show: the simulated patients of the test subjects
have atrophy and disease. A mean says nothing about one subject. Prints one JSON object as its last
line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.covariates import parse_covariates
from petsynth.data.prepared import PreparedData
from petsynth.evaluation.mni_space import SubjectWarps
from petsynth.inference.pretrained import load_model
from petsynth.inference.run import Run
from petsynth.inference.scan import predict_scan
from petsynth.io.nifti import read_volume
from petsynth.io.text import read_table
from petsynth.log import Progress, messages_on_stderr
from petsynth.metrics.image import pearson_r
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.registration.deformable import register_affine, warp_to_mni
from petsynth.preprocessing.registration.inputs import normalise_locally
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


Told = tuple[tuple[str, str], ...]
"""Covariates and their values."""


@dataclass(frozen=True)
class GroupMean:
    """Mean images of a group in MNI space, (X, Y, Z) on `MNI`."""

    synthetic: NDArray[np.float32]
    simulated: NDArray[np.float32] | None
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


def mean_of_t1s(
    run: Run, ixi: Path, names: Sequence[str], told: Sequence[Told], *, alone: bool = False
) -> tuple[dict[Told, NDArray[np.float32]], NDArray[np.bool_], float]:
    """Predict T1 files and average in MNI space, each PET divided by its mean in the brain.

    Parameters
    ----------
    run : Run
        The model.
    ixi : Path
        Folder with ``t1/NAME_T1w.nii.gz`` and ``participants.tsv``.
    names : sequence of str
        Which T1s.
    told : sequence of Told
        What the model is told; one mean for each. Age and sex are added where they are known.
    alone : bool
        Leave age and sex out.

    Returns
    -------
    means : dict of Told to (X, Y, Z) array
        On `MNI`.
    brain : (X, Y, Z) bool array
        Where most of the subjects' brains are.
    level : float
        Mean PET of the brains over the subjects and what is told, in the model's unit.
    """
    people = read_table(ixi / "participants.tsv").set_index("participant_id")
    means = {each: np.zeros(MNI.shape, np.float32) for each in told}
    around, levels = np.zeros(MNI.shape), []
    with Progress("predicting", total=len(names)) as progress:
        for name in names:
            stated = {} if alone or name not in people.index else people.loc[name]
            own = {key: stated[key] for key in ("age", "sex") if stated.get(key, "n/a") != "n/a"}
            scan = predict_scan(run, ixi / "t1" / f"{name}_T1w.nii.gz")
            t1, mask, affine = scan.prepared.mri, np.asarray(scan.prepared.mask), run.grid.affine
            brain = Volume(mask.astype(np.float32), affine)
            head = normalise_locally(Volume(np.asarray(t1) + 1, affine), brain)
            to_mni = warp_to_mni(head, np.eye(4), voxel_mm=MNI.voxel_mm[0]).inverse(MNI)
            for each, mean in means.items():
                known = SubjectInfo(mask, parse_covariates(own | dict(each)))
                pet = run.predict(t1, PredictionSettings(planes=("axial",)), known).mean
                levels.append(float(pet[mask].mean()))
                relative = Volume((pet / levels[-1]).astype(np.float32), affine)
                mean += to_mni.pull(relative, MNI).data / len(names)
            around += to_mni.pull(brain, MNI).data / len(names)
            progress.advance(note=name)
    return means, around > 0.5, float(np.mean(levels))


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
    real, synthetic = real / real[inside].mean(), group.synthetic / group.synthetic[inside].mean()
    top = float(np.percentile(real[inside], 99.5))
    uptake = {"cmap": "inferno", "vmin": 0, "vmax": top}
    percent = {"cmap": "RdBu_r", "vmin": -30, "vmax": 30}
    rows = [
        (f"real map\n{name}", real, uptake, "relative to\nthe brain's mean"),
        (f"synthetic PET\nmean of {group.subjects}", synthetic, uptake, ""),
        ("synthetic - real", 100 * (synthetic - real) * inside, percent, "% of the\nbrain's mean"),
    ]
    if group.simulated is not None:
        simulated = group.simulated / group.simulated[inside].mean()
        rows.insert(1, (f"simulated PET\nmean of {group.subjects}", simulated, uptake, ""))
    figure, axes = plt.subplots(
        len(rows),
        len(SLICES) + 1,
        figsize=(9.5, 2.25 * len(rows)),
        width_ratios=[4] * len(SLICES) + [0.2],
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
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path)
    source.add_argument("--t1s", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--maps", type=Path, nargs="+", required=True)
    parser.add_argument("--who", choices=["CN", "AD"])
    parser.add_argument("--t1-alone", action="store_true", help="tell the model no covariates")
    parser.add_argument("--picture", type=Path, help="of the first map")
    args = parser.parse_args()
    run = load_model(args.model)
    group = of_t1s(run, args) if args.t1s else of_data(run, args)
    table = {}
    for number, path in enumerate(args.maps):
        real = registered(path, group.synthetic)
        images = {"synthetic": group.synthetic, "simulated": group.simulated}
        table[path.name] = {
            kind: compare(real, image, group.brain)
            for kind, image in images.items()
            if image is not None
        }
        if args.picture and not number:
            draw(args.picture, path.name.split("_")[0].removeprefix("tpl-"), real, group)
    result = {"model": args.model, "tracer": run.tracer, "subjects": group.subjects}
    print(json.dumps(result | {"who": args.who or "all", "maps": table}))


def of_t1s(run: Run, args: argparse.Namespace) -> GroupMean:
    """Return the mean of real T1s; unless told nothing, the model hears that all are normal."""
    split = read_table(args.t1s / "split.tsv")
    names = list(split["participant_id"][split["split"] == "test"])
    told = () if args.t1_alone else (("diagnosis", "CN"),)
    means, brain, _ = mean_of_t1s(run, args.t1s, names, [told], alone=args.t1_alone)
    return GroupMean(means[told], None, brain, len(names))


def of_data(run: Run, args: argparse.Namespace) -> GroupMean:
    """Return the mean of prepared simulated subjects."""
    data = PreparedData(args.data)

    def infer(name: str) -> NDArray[np.float32]:
        told = {} if args.t1_alone else data.covariates(name)
        known = SubjectInfo(np.asarray(data.mask(name)), told)
        return run.predict(np.asarray(data.mri(name)), PredictionSettings(), known).mean

    return group_mean(data, infer, args.who)


if __name__ == "__main__":
    main()
