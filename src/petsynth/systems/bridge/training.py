"""Training of the flow: learn the mean PET at a random point of the path.

Sources
-------
- Liu, Gong and Liu, ICLR 2023; Albergo et al. 2023: see `petsynth.systems.bridge.flow`. Ours: the
  mean PET is learnt in place of the velocity, which is the same function of it at each time.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from petsynth.covariates import Covariates, encode
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network, to_network
from petsynth.data.volumes import BatchPartition, VolumeBatches
from petsynth.networks.layers import lay_channels_last
from petsynth.slicing import AIR
from petsynth.systems.base import Training
from petsynth.systems.bridge.config import BridgeConfig
from petsynth.systems.bridge.flow import interpolate, start, walk
from petsynth.systems.bridge.network import FlowUNet3d
from petsynth.systems.coverage import leave_out_unmeasured, static_measured_pet
from petsynth.systems.optimisation import (
    LearningRateSchedule,
    Networks,
    run_network,
    take_step,
    with_adam,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TERMS = ("l1", "generator")
"""Loss terms in the order in which they are logged; generator, the squared error, is learnt by."""

_STEP_STREAM, _SAMPLE_STREAM = 4, 5


class FlowBatch(NamedTuple):
    """What one step takes, of B subjects.

    Parameters
    ----------
    t1, pet, z : (B, 1, X, Y, Z) float tensors
        In the network's units, padded, NaN where the PET was not measured; normal noise.
    t : (B,) float tensor
        Times, 0 to 1.
    covariates : (B, K) float tensor
        See `petsynth.covariates.encode`.
    """

    t1: Tensor
    pet: Tensor
    z: Tensor
    t: Tensor
    covariates: Tensor


def build_generator(config: BridgeConfig) -> FlowUNet3d:
    """Make the network, with initial weights from torch's global generator."""
    covariates = len(config.data.covariates)
    return FlowUNet3d(**dataclasses.asdict(config.generator), covariates=covariates)


def train_step(
    networks: Networks, fabric: Fabric, noise: float, batch: FlowBatch
) -> dict[str, Tensor]:
    """Improve the network on one batch.

    Parameters
    ----------
    networks : Networks
        Changed in place.
    fabric : Fabric
        Device, arithmetic and other processes.
    noise : float
        Standard deviation of the noise at the start.
    batch : FlowBatch
        T1s, PETs, noise and times. Where a PET is NaN it was not measured: the path stays at its
        start, and nothing is learnt (`petsynth.systems.coverage`).

    Returns
    -------
    dict of scalar tensors
        `TERMS`, before the step.
    """
    x0 = start(batch.t1, batch.z, noise)
    x = interpolate(x0, torch.where(batch.pet.isnan(), x0, batch.pet), batch.t)
    mean_pet = run_network(fabric, networks.generator, x, batch.t1, batch.t, batch.covariates)
    pet, mean_pet = leave_out_unmeasured(batch.pet, mean_pet)
    loss = functional.mse_loss(mean_pet, pet)
    networks.generator_optimiser.zero_grad()
    loss.backward()
    take_step(fabric, networks.generator, networks.generator_optimiser)
    l1 = functional.l1_loss(mean_pet.detach(), pet)
    return dict(zip(TERMS, (l1, loss.detach()), strict=True))


class BridgeTraining(Training[FlowBatch]):
    """A training of the flow on whole volumes.

    Parameters
    ----------
    config : BridgeConfig
        What to train, how long.
    data : PreparedData
        With training subjects.
    fabric : Fabric
        Device, arithmetic and processes.
    """

    terms = TERMS

    def __init__(self, config: BridgeConfig, data: PreparedData, fabric: Fabric):
        self.config, self.data, self.fabric = config, data, fabric
        self.participants = data.participants("train")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            generator = build_generator(config)
        lay_channels_last(generator)
        self.divisor = generator.side_divisor
        rate = config.optimiser.learning_rate
        self.networks = Networks(*with_adam(fabric, generator, rate, (0.9, 0.999)))
        self.write_every = config.training.validate_every
        self.partition = BatchPartition(
            config.training.batch_size, 1, fabric.world_size, fabric.global_rank
        )
        self.epoch_steps = self.partition.steps_per_epoch(len(self.participants))
        steps = config.training.epochs * self.epoch_steps
        self.steps = int(min(steps, config.training.max_steps or math.inf))
        warm_up = math.ceil(config.optimiser.warm_up * self.steps)
        self.schedule = LearningRateSchedule(
            self.steps, warm_up=warm_up, decay=self.steps - warm_up, shape="cosine"
        )

    def batches(self, start: int) -> Iterator[FlowBatch]:
        """Yield what each step takes, from a step on."""
        order = VolumeBatches(
            len(self.participants),
            self.partition,
            seed=self.config.seed,
            start=start,
            stop=self.steps,
        )
        for step, indices in enumerate(order, start=start):
            first = self.partition.first(step, 0)
            examples = [
                self._example(self.participants[index], first + place)
                for place, index in enumerate(indices)
            ]
            parts = (torch.from_numpy(np.stack(part)) for part in zip(*examples, strict=True))
            yield FlowBatch(*self.fabric.to_device(tuple(parts)))

    def _example(self, participant: str, place: int) -> tuple[NDArray[np.float32], ...]:
        """Return one subject's part of a batch; chance depends on the place in the stream alone."""
        random = np.random.default_rng((self.config.seed, place, _STEP_STREAM))
        t1 = np.asarray(self.data.mri(participant), dtype=np.float32)
        pet = to_network(static_measured_pet(self.data, participant), self.data.pet_scale)
        if self.config.data.flip and random.random() < 0.5:
            t1, pet = t1[::-1], pet[::-1]
        t1, pet = pad(t1, self.divisor)[np.newaxis], pad(pet, self.divisor)[np.newaxis]
        t = np.array(random.random(), np.float32)
        told = self._told(random, self.data.covariates(participant))
        z = random.standard_normal(t1.shape, dtype=np.float32)
        return t1, pet, z, t, told

    def _told(self, random: np.random.Generator, known: Covariates) -> NDArray[np.float32]:
        names = self.config.data.covariates
        kept = random.random(len(names)) >= self.config.data.covariate_dropout
        told = {
            name: known[name]
            for name, keep in zip(names, kept, strict=True)
            if keep and name in known
        }
        return encode(told, names)

    def train_step(self, batch: FlowBatch, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve the network."""
        self.networks.set_learning_rate(self.config.optimiser.learning_rate * self.schedule(step))
        return train_step(self.networks, self.fabric, self.config.flow.noise, batch)

    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the mean synthetic PET of a prepared subject, (X, Y, Z) in PET units."""
        generator = self.networks.generator
        assert isinstance(generator, FlowUNet3d)
        pet = sample_pet(
            generator,
            self.data.mri(participant),
            noise=self.config.flow.noise,
            evaluations=1,
            seed=(self.config.seed, 0),
            covariates=encode(self.data.covariates(participant), self.config.data.covariates),
            device=self.fabric.device,
        )
        return from_network(pet, self.data.pet_scale)


def sample_pet(
    generator: FlowUNet3d,
    t1_XYZ: NDArray[np.float32],
    *,
    noise: float,
    evaluations: int,
    seed: tuple[int, int],
    covariates: NDArray[np.float32],
    device: torch.device,
) -> NDArray[np.float32]:
    """Sample a PET volume.

    Parameters
    ----------
    generator : FlowUNet3d
        On ``device`` already.
    t1_XYZ : (X, Y, Z) array
        In [-1, 1].
    noise : float
        Standard deviation of the noise at the start.
    evaluations : int
        Steps along the path; with one it is the mean of all PETs.
    seed : (int, int)
        Of the noise.
    covariates : (K,) array
        See `petsynth.covariates.encode`.
    device : torch.device
        Where the generator is.

    Returns
    -------
    (X, Y, Z) float32 array
        In the network's units.
    """
    padded = pad(np.asarray(t1_XYZ, dtype=np.float32), generator.side_divisor)
    z = np.random.default_rng((*seed, _SAMPLE_STREAM)).standard_normal(padded.shape, np.float32)
    t1, z_BCXYZ = (torch.from_numpy(each)[None, None].to(device) for each in (padded, z))
    told = torch.from_numpy(covariates)[None].to(device)

    def mean_pet(x: Tensor, t: float) -> Tensor:
        result: Tensor = generator(x, t1, torch.full((1,), t, device=device), told)
        return result

    with torch.inference_mode():
        pet = walk(mean_pet, start(t1, z_BCXYZ, noise), evaluations)[0, 0].float().cpu().numpy()
    x, y, z_side = t1_XYZ.shape
    return np.asarray(pet[:x, :y, :z_side])


def pad(image_XYZ: NDArray[np.float32], divisor: int) -> NDArray[np.float32]:
    """Return an image with air at the far end of each axis, its sides divisible by a number.

    Examples
    --------
    >>> pad(np.zeros((3, 4, 5), np.float32), 4).shape
    (4, 4, 8)
    """
    added = [(0, -side % divisor) for side in image_XYZ.shape]
    return np.ascontiguousarray(np.pad(image_XYZ, added, constant_values=AIR))
