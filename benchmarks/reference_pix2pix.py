"""The authors' own pix2pix on the same slices, for the league table.

    git clone https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix REFERENCE
    python benchmarks/reference_pix2pix.py REFERENCE --data PREPARED --out OUT --seconds 120

Networks, losses, optimisers and the order of a step are theirs, with their defaults for pix2pix
(batch 1, batch norm, dropout, 64 filters, L1 weight 100, Adam 2e-4, constant for half of the
training, then falling to 0), and so is a prediction with dropout and batch norm as in training.
Two things differ: their loader reads pictures of 8 bits and needs torchvision, so axial slices come
from the prepared data as numbers, flipped at random as theirs are; and ``unet_128`` stands for
``unet_256``: slices are padded to 64 and enlarged to 128 pixels, where theirs would be enlarged to
256. Their code is not part of petsynth.

Trains for the given seconds, which ``--steps`` replaces, then writes the PET of each test subject
as ``OUT/PARTICIPANT.nii.gz`` for ``petsynth evaluate --predictions``. Prints one JSON object as its
last line: parameters of the generator, steps, seconds of a step, seconds of a prediction.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network, to_network
from petsynth.inference.run import choose_device
from petsynth.io.nifti import write_volume
from petsynth.slicing import AIR
from petsynth.volume import Volume

PADDED, ENLARGED = 64, 128
PARTS = 20
"""Into how many parts a training is divided for the learning rate, which is theirs by epoch."""
TIMED = 10
"""Steps that tell how many fit into the seconds; they are not part of the training."""


def options(folder: str) -> Namespace:
    """Return their default options for pix2pix with one channel and ``unet_128``."""
    return Namespace(
        isTrain=True,
        gpu_ids=[],
        checkpoints_dir=folder,
        name="reference",
        preprocess="resize",
        direction="AtoB",
        input_nc=1,
        output_nc=1,
        ngf=64,
        ndf=64,
        netG="unet_128",
        netD="basic",
        n_layers_D=3,
        norm="batch",
        init_type="normal",
        init_gain=0.02,
        no_dropout=False,
        gan_mode="vanilla",
        lr=2e-4,
        beta1=0.5,
        lambda_L1=100.0,
        lr_policy="linear",
        epoch_count=1,
        n_epochs=PARTS // 2,
        n_epochs_decay=PARTS // 2,
        continue_train=False,
        verbose=False,
    )


def as_pictures(slices_NXY: NDArray[np.floating]) -> torch.Tensor:
    """Return axial slices as (N, 1, `ENLARGED`, `ENLARGED`), with air around them."""
    x, y = slices_NXY.shape[1:]
    added = ((0, 0), (0, PADDED - x), (0, PADDED - y))
    padded = np.pad(np.asarray(slices_NXY, np.float32), added, constant_values=AIR)
    return enlarged(torch.from_numpy(padded)[:, None], ENLARGED)


def enlarged(pictures_N1XY: torch.Tensor, side: int) -> torch.Tensor:
    """Return pictures of another size, by cubic interpolation as theirs."""
    return functional.interpolate(pictures_N1XY, (side, side), mode="bicubic", antialias=True)


def training_pairs(data: PreparedData) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all axial slices of the training subjects, T1s and PETs."""
    t1s, pets = [], []
    for name in data.participants("train"):
        t1s.append(np.moveaxis(np.asarray(data.mri(name)), 2, 0))
        pet = to_network(np.asarray(data.static_pet(name)), data.pet_scale)
        pets.append(np.moveaxis(np.nan_to_num(pet, nan=AIR), 2, 0))
    return as_pictures(np.concatenate(t1s)), as_pictures(np.concatenate(pets))


def train(model: Any, t1s: torch.Tensor, pets: torch.Tensor, steps: int, seed: int) -> float:
    """Take their training steps in a random order; return the seconds of one."""
    random = np.random.default_rng(seed)
    order: NDArray[np.int64] = np.zeros(0, np.int64)
    start = time.perf_counter()
    for step in range(steps):
        if not len(order):
            order = random.permutation(len(t1s))
        index, order = int(order[0]), order[1:]
        pair = [each[index : index + 1] for each in (t1s, pets)]
        if random.random() < 0.5:
            pair = [each.flip(2) for each in pair]
        model.set_input({"A": pair[0], "B": pair[1], "A_paths": "", "B_paths": ""})
        model.optimize_parameters()
        if (step + 1) * PARTS // steps > step * PARTS // steps:
            with contextlib.redirect_stdout(io.StringIO()):
                model.update_learning_rate()
    return (time.perf_counter() - start) / steps


def predict(model: Any, data: PreparedData, name: str) -> NDArray[np.float32]:
    """Return the synthetic PET of a subject, in PET units."""
    slices = np.moveaxis(np.asarray(data.mri(name)), 2, 0)
    predicted = []
    for picture in as_pictures(slices).split(1):
        model.set_input({"A": picture, "B": picture, "A_paths": "", "B_paths": ""})
        model.test()
        predicted.append(enlarged(model.fake_B, PADDED)[0, 0].numpy())
    x, y = slices.shape[1:]
    return from_network(np.stack(predicted, axis=2)[:x, :y], data.pet_scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path, help="their repository")
    parser.add_argument("--data", type=Path, required=True, help="on paper A's grid, 4 mm")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    sys.path.insert(0, str(given.reference))
    from models.pix2pix_model import Pix2PixModel

    choose_device("cpu", given.threads)
    data = PreparedData(given.data)
    t1s, pets = training_pairs(data)

    def new_model() -> Any:
        torch.manual_seed(given.seed)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            model = Pix2PixModel(options(folder))
            model.setup(model.opt)
        return model

    steps = given.steps
    if steps is None:
        model = new_model()
        train(model, t1s, pets, PARTS, given.seed)  # the first steps are slower
        steps = max(round(given.seconds / train(model, t1s, pets, TIMED, given.seed)), PARTS)
    model = new_model()
    step_seconds = train(model, t1s, pets, steps, given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    names = data.participants("test")
    start = time.perf_counter()
    for name in names:
        pet = predict(model, data, name)
        write_volume(given.out / f"{name}.nii.gz", Volume(pet, data.grid.affine, data.unit))
    found = {
        "parameters": sum(each.numel() for each in model.netG.parameters()),
        "steps": steps,
        "step_seconds": round(step_seconds, 4),
        "prediction_seconds": round((time.perf_counter() - start) / len(names), 2),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
