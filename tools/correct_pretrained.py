"""Bring the mean of a pretrained model to the mean of real groups, by factors over MNI space.

    python tools/correct_pretrained.py petsynth-fdg ../shared/data [--subjects 20]

The model predicts T1s of training subjects (IXI, healthy adults), told their age and sex and what
the people of each real map are (`MAPS`). The predictions are brought to MNI space by the
deformation of their T1s, as `benchmarks/group_maps.py` does for the test subjects, and averaged.
Each real map is registered to the mean of the people whom it shows by an affine transform alone.
Map and mean are smoothed to `SMOOTH_MM` and divided; the mean of the logarithms over the maps, 0 in
the mean over the reference region, becomes the network's ``correction``
(`petsynth.systems.unet25d.unet`), on top of what was there before. Maps of one tracer differ as
groups and scanners do: only what they have in common is worth correcting, so a model with one map
is as good as that map. Nothing of a single real person is used.

AV1451 has no map. Its means are brought to the regional means of real tau-negative people
(`REGIONS`): the quotients of the regions are spread smoothly over their surroundings, in rounds,
until the regions' means agree; far from all regions nothing is changed. Other published means,
which were not used, are compared before and after (`CHECK`).

Prints what the factors are like, and the new checksum for `petsynth.inference.pretrained`.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from group_maps import MNI, Told, mean_of_t1s, registered, smooth
from petsynth.config import config_hash, config_to_toml
from petsynth.inference.pretrained import load_model
from petsynth.inference.run import CONFIG, WEIGHTS, Run
from petsynth.io.atomic import write_text
from petsynth.io.text import read_table
from petsynth.networks.weights import save_weights
from petsynth.preprocessing.pet.tracers import region
from petsynth.preprocessing.resampling import resample
from petsynth.regional.atlas import bundled_atlas
from petsynth.systems.unet25d.config import Unet25dConfig
from petsynth.systems.unet25d.training import build_generator
from petsynth.systems.unet25d.unet import POPULATION_GRID, SlabUNet
from petsynth.volume import Volume

SMOOTH_MM = 10.0
"""Full width at half maximum of the comparison, and of what is spread around regions."""
ROUNDS = 10
NEAR = 0.1
"""Labelled fraction of a smoothed neighbourhood at which half of a region's quotient is left."""
LEAST_VOXELS = 20
"""Of a region in the brain of the mean."""
REFERENCES = {"cerebellar-cortex": "cerebellar-grey"}
"""Reference regions of models by other names than `petsynth.preprocessing.pet.tracers` has."""
LIMITS = (0.7, 1.4)
"""Of the factors."""


@dataclass(frozen=True)
class RealMap:
    """A real map, and whom it shows.

    Parameters
    ----------
    path : str
        Below the folder of development data.
    people : dict of Told to float
        The fraction of the people of whom this is true.
    edge_voxels : int
        This much of the brain's surface is not compared (skull-stripped maps).
    """

    path: str
    people: dict[Told, float]
    edge_voxels: int = 0


@dataclass(frozen=True)
class RealRegions:
    """Regional means of a real group, and whom they are of.

    Parameters
    ----------
    path : str
        Below the folder of development data; CSV with ``region``, named as FreeSurfer does.
    column : str
        Of the means.
    people : Told
        What is true of them.
    """

    path: str
    column: str
    people: Told


NORMAL: Told = (("diagnosis", "CN"),)
MAPS = {
    "petsynth-fdg": (
        RealMap("fdg-healthy-template/tpl-Chinese116_trc-FDG_pet.nii.gz", {NORMAL: 1.0}),
        RealMap(
            "fdg-template/tpl-DellaRosa_trc-FDG_pet.nii.gz",
            {NORMAL: 0.5, (("diagnosis", "AD"),): 0.5},
        ),
    ),
    "petsynth-av45": (
        RealMap(
            "av45-template/tpl-adniflorbetapir_space-MNI305_res-2_desc-meanSUVR_pet.nii.gz",
            {(*NORMAL, ("amyloid", "negative")): 0.75, (*NORMAL, ("amyloid", "positive")): 0.25},
            edge_voxels=3,
        ),
    ),
}
"""A quarter of normal adults is amyloid-positive, as `petsynth.simulation.participants` has it."""
TAU_NEGATIVE = (*NORMAL, ("tau", "negative"))
REGIONS = {
    "petsynth-av1451": RealRegions(
        "amyloid-tau-regional/labelled_regional_amyloid_tau.csv", "tau_neg_mean", TAU_NEGATIVE
    )
}
CHECK = {
    "petsynth-av1451": RealRegions(
        "amyloid-tau-regional/sihnpy_tau_averages.csv", "mean_negative", TAU_NEGATIVE
    )
}
LEAST_AGE = {"petsynth-fdg": 18.0, "petsynth-av45": 55.0, "petsynth-av1451": 55.0}
"""Years of the T1s' subjects: the people of the AV45 map are 76 years old on average."""


def training_t1s(ixi: Path, least_age: float, count: int) -> list[str]:
    """Return training subjects of at least this age, evenly chosen in the order of their ages."""
    split = read_table(ixi / "split.tsv")
    people = read_table(ixi / "participants.tsv").set_index("participant_id")
    names = [
        name
        for name in split["participant_id"][split["split"] == "train"]
        if name in people.index and people["age"][name] != "n/a"
        if float(people["age"][name]) >= least_age
    ]
    names.sort(key=lambda name: float(people["age"][name]))
    return [names[round(at)] for at in np.linspace(0, len(names) - 1, count)]


def factors(
    real: NDArray[np.float32],
    mean: NDArray[np.float32],
    brain: NDArray[np.bool_],
    edge_voxels: int,
) -> NDArray[np.float32]:
    """Return the smooth quotient of a real map and a mean on `MNI`; its nearest value outside."""
    inside = brain & (real > 0)
    if edge_voxels:
        inside = ndimage.binary_erosion(inside, iterations=edge_voxels)
    parts = [
        smooth(np.where(inside, each / each[inside].mean(), 0), SMOOTH_MM) for each in (real, mean)
    ]
    near = smooth(inside.astype(np.float32), SMOOTH_MM) > 0.05
    index = ndimage.distance_transform_edt(~near, return_distances=False, return_indices=True)
    quotient = np.where(near, parts[0] / np.maximum(parts[1], 1e-6), 1.0)[tuple(index)]
    return np.clip(quotient, *LIMITS).astype(np.float32)


def regional_means(real: RealRegions, data: Path) -> dict[int, float]:
    """Return the means of cortical and limbic regions by their number in the bundled atlas."""
    numbers = {name.lower().replace("_", " "): key for key, name in bundled_atlas().names.items()}
    table = pd.read_csv(data / real.path, encoding="utf-8-sig").set_index("region")[real.column]
    found = {}
    for row, value in table.items():
        words = str(row).lower().removeprefix("ctx_").removesuffix("_suvr").split("_", 1)
        side = {"lh": "left", "rh": "right"}.get(words[0], words[0])
        if (number := numbers.get(f"{words[1]} {side}")) is not None:
            found[number] = float(value)
    return found


def compare_regions(
    real: dict[int, float], mean: NDArray[np.float32], brain: NDArray[np.bool_]
) -> tuple[dict[int, float], float, float]:
    """Return quotients of real and predicted regions, each side divided by its mean; r; RMS."""
    labels = bundled_atlas().labels.data
    inside = {number: (labels == number) & brain for number in real}
    kept = [number for number, voxels in inside.items() if voxels.sum() >= LEAST_VOXELS]
    ours = np.array([mean[inside[number]].mean() for number in kept])
    theirs = np.array([real[number] for number in kept])
    ours, theirs = ours / ours.mean(), theirs / theirs.mean()
    r = float(np.corrcoef(ours, theirs)[0, 1])
    rms = float(np.sqrt(np.mean((ours - theirs) ** 2)))
    return dict(zip(kept, (theirs / ours).tolist(), strict=True)), r, rms


def regional_factors(
    real: dict[int, float], mean: NDArray[np.float32], brain: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return smooth factors on `MNI` that bring the regions of a mean to those of a real group."""
    labels = bundled_atlas().labels.data
    log_factor = np.zeros(MNI.shape, np.float32)
    labelled = np.isin(labels, list(real)) & brain
    near = smooth(labelled.astype(np.float32), SMOOTH_MM)
    for _ in range(ROUNDS):
        quotients, _, _ = compare_regions(real, mean * np.exp(log_factor), brain)
        step = np.zeros(MNI.shape, np.float32)
        for number, quotient in quotients.items():
            step[(labels == number) & brain] = np.log(quotient)
        log_factor += smooth(step, SMOOTH_MM) / (near + NEAR)
        log_factor = np.clip(log_factor, *np.log(LIMITS)).astype(np.float32)
    return np.exp(log_factor)


def main() -> None:
    """Write the corrected weights over the pretrained model's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=LEAST_AGE)
    parser.add_argument("data", type=Path)
    parser.add_argument("--subjects", type=int, default=20)
    options = parser.parse_args()
    maps, run = MAPS.get(options.model, ()), load_model(options.model)
    regions = REGIONS.get(options.model)
    told = dict.fromkeys(each for real in maps for each in real.people)
    if regions is not None:
        told[regions.people] = None
    ixi = options.data / "ixi"
    names = training_t1s(ixi, LEAST_AGE[options.model], options.subjects)
    means, brain, _ = mean_of_t1s(run, ixi, names, list(told))
    logs = []
    for real in maps:
        mean = sum(share * means[each] for each, share in real.people.items())
        image = registered(options.data / real.path, mean)
        logs.append(np.log(factors(image, mean, brain, real.edge_voxels)))
    if regions is not None:
        mean = means[regions.people]
        found = regional_factors(regional_means(regions, options.data), mean, brain)
        logs.append(np.log(found))
        for each in (regions, CHECK[options.model]):
            real_means = regional_means(each, options.data)
            for when, image in (("before", mean), ("after", mean * found)):
                _, r, rms = compare_regions(real_means, image, brain)
                print(f"{each.path}, {len(real_means)} regions, {when}: r {r:.3f}, RMS {rms:.1%}")
    log_factor = np.mean(logs, axis=0)
    name = str(run.reference_region).replace(" ", "-")
    reference = resample(region(REFERENCES.get(name, name)), MNI).data > 0.5
    log_factor -= log_factor[reference].mean()  # SUVR stays 1 there
    spread = np.percentile(np.exp(log_factor[brain]), [1, 25, 50, 75, 99])
    print("factors, percentiles 1, 25, 50, 75, 99:", spread.round(3).tolist())
    config, generator = with_correction(run)
    coarse = resample(Volume(log_factor, MNI.affine), POPULATION_GRID).data
    assert generator.correction is not None
    generator.correction.log_factor += torch.from_numpy(np.ascontiguousarray(coarse.T))
    known = {
        "maps": [Path(real.path).name for real in (*maps, *([regions] if regions else []))],
        "smooth_mm": SMOOTH_MM,
        "subjects": options.subjects,
    }
    metadata = run.metadata | {"config_hash": config_hash(config), "group_correction": known}
    write_text(run.folder / CONFIG, config_to_toml(config))
    save_weights(run.folder / WEIGHTS, generator.half(), metadata)
    checksum = hashlib.sha256((run.folder / WEIGHTS).read_bytes()).hexdigest()
    print(f"{options.model}: {checksum}")


def with_correction(run: Run) -> tuple[Unet25dConfig, SlabUNet]:
    """Return a model's configuration and network with a group correction; none at first."""
    assert isinstance(run.config, Unet25dConfig)
    network = dataclasses.replace(run.config.generator, group_correction=True)
    config = dataclasses.replace(run.config, generator=network)
    generator = build_generator(config)
    generator.load_state_dict(run.system.extend_weights(generator, run.generator.state_dict()))
    return config, generator


if __name__ == "__main__":
    main()
