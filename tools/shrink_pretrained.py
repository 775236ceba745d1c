"""Give a pretrained model a real population's mean PET, towards which it shrinks its own.

    python tools/shrink_pretrained.py petsynth-fdg ../shared/data --weight 0.33 [--subjects 20]

The maps are those of `tools/correct_pretrained.py`. Each is registered by an affine transform alone
to the model's mean of training subjects' T1s, divided by its own mean in the brain, and averaged
with the others. Their level is that of the model: the maps disagree on the brain's level over the
reference region. Where the weight comes from: decision record 0084.

Prints how model and population agree, and the new checksum for `petsynth.inference.pretrained`.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from correct_pretrained import LEAST_AGE, MAPS, training_t1s

from group_maps import MNI, mean_of_t1s, registered
from petsynth.config import config_hash, config_to_toml
from petsynth.inference.pretrained import load_model
from petsynth.inference.run import CONFIG, WEIGHTS, Run
from petsynth.io.atomic import write_text
from petsynth.metrics.image import pearson_r
from petsynth.networks.weights import save_weights
from petsynth.preprocessing.resampling import resample
from petsynth.systems.unet25d.config import Unet25dConfig
from petsynth.systems.unet25d.training import build_generator
from petsynth.systems.unet25d.unet import POPULATION_GRID, SlabUNet
from petsynth.volume import Volume

LEAST_FRACTION = 0.3
"""Of a voxel of `POPULATION_GRID` that lies in all maps and in the brain."""


def population(
    maps: list[NDArray[np.float32]], brain: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the mean of maps, each 1 in the mean over the brain, and where all are known."""
    inside = np.logical_and.reduce([brain, *(image > 0 for image in maps)])
    mean = np.mean([image / image[inside].mean() for image in maps], axis=0)
    return np.where(inside, mean, 0).astype(np.float32), inside


def on_population_grid(
    mean: NDArray[np.float32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean of what lies inside on `POPULATION_GRID`, and 1 where it is known, else 0."""
    image, share = (
        resample(Volume(each.astype(np.float32), MNI.affine), POPULATION_GRID).data
        for each in (mean, inside)
    )
    known = share > LEAST_FRACTION
    return np.where(known, image / np.maximum(share, LEAST_FRACTION), 0), known.astype(np.float32)


def with_shrinkage(run: Run, weight: float) -> tuple[Unet25dConfig, SlabUNet]:
    """Return a model's configuration and network with shrinkage; its population is empty yet."""
    assert isinstance(run.config, Unet25dConfig)
    network = dataclasses.replace(run.config.generator, shrinkage=weight)
    config = dataclasses.replace(run.config, generator=network)
    generator = build_generator(config)
    generator.load_state_dict(run.system.extend_weights(generator, run.generator.state_dict()))
    return config, generator


def main() -> None:
    """Write the weights with the population's mean PET over the pretrained model's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MAPS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weight", type=float, required=True)
    parser.add_argument("--subjects", type=int, default=20)
    options = parser.parse_args()
    run, ixi = load_model(options.model), options.data / "ixi"
    assert isinstance(run.config, Unet25dConfig)
    if run.config.generator.shrinkage:
        parser.error(f"{options.model} is shrunk already: take the weights from before")
    names = training_t1s(ixi, LEAST_AGE[options.model], options.subjects)
    means, brain, level = mean_of_t1s(run, ixi, names, [()], alone=True)
    images = [registered(options.data / real.path, means[()]) for real in MAPS[options.model]]
    mean, inside = population(images, brain)
    print(f"model and population: r {pearson_r(mean, means[()], inside):.4f}, level {level:.4g}")
    config, generator = with_shrinkage(run, options.weight)
    assert generator.shrinkage is not None
    coarse, known = on_population_grid(mean, inside)
    in_network_units = 2 * level / run.pet_scale * coarse
    for buffer, values in (("mean", in_network_units), ("inside", known)):
        tensor = torch.from_numpy(np.ascontiguousarray(values.T, dtype=np.float32))
        getattr(generator.shrinkage, buffer).copy_(tensor[None, None])
    known_of = {
        "maps": [Path(real.path).name for real in MAPS[options.model]],
        "weight": options.weight,
        "subjects": options.subjects,
    }
    metadata = run.metadata | {"config_hash": config_hash(config), "shrinkage": known_of}
    write_text(run.folder / CONFIG, config_to_toml(config))
    save_weights(run.folder / WEIGHTS, generator.half(), metadata)
    checksum = hashlib.sha256((run.folder / WEIGHTS).read_bytes()).hexdigest()
    print(f"{options.model}: {checksum}")


if __name__ == "__main__":
    main()
