"""What the 3D systems of paper B have in common: the system, and its training in several processes.

A step is an accumulation window: the micro-batches of whole volumes whose gradients are added up.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from petsynth.data.prepared import PreparedData
from petsynth.data.volumes import BatchPartition, VolumeBatches, VolumeDataset
from petsynth.errors import ConfigError, InputError
from petsynth.networks.unet3d import Generator3d
from petsynth.preprocessing.grids import pet_grid
from petsynth.slicing import Plane
from petsynth.systems.base import (
    CardLines,
    Prediction,
    PredictionSettings,
    SubjectInfo,
    System,
    TrainedGenerator,
    Training,
)
from petsynth.systems.coverage import MeasuredVolumes
from petsynth.systems.fields import adaptation_tables
from petsynth.systems.optimisation import LearningRateSchedule
from petsynth.systems.volumes.config import VolumeConfig
from petsynth.systems.volumes.networks import build_generator, predict_volume

if TYPE_CHECKING:
    from lightning_fabric import Fabric


Pair = tuple[Tensor, Tensor]
"""Normalised T1, (B, 1, X, Y, Z), and PET, (B, T, Y, X, Z); NaN where the PET was not measured."""

AccumulationWindow = list[Pair]
"""The micro-batches of one step, whose gradients are accumulated."""

Config = TypeVar("Config", bound=VolumeConfig)


class VolumeSystem(System[Config]):
    """A system that reads a whole T1 on paper B's cube and infers all frames at once.

    References
    ----------
    Paper B (Shin et al., GANBERT).
    """

    conformed_t1 = True

    def check_data(self, data: PreparedData) -> None:
        """Raise unless data are prepared with ``--grid paper-b`` as the configuration wants."""
        check_volumes(self.config, data)

    def build_generator(self) -> Generator3d:
        """Make the 3D U-Net."""
        return build_generator(self.config)

    def adaptation_tables(self) -> dict[str, dict[str, Any]]:
        """Return a fifth of the learning rate and of the epochs."""
        return adaptation_tables(self.config.optimiser, self.config.training)

    def encoder_levels(self, generator: nn.Module) -> list[nn.Module]:
        """Return the levels of the encoder."""
        assert isinstance(generator, Generator3d)
        return [generator.outermost, *generator.downs]

    def predict(
        self,
        model: TrainedGenerator,
        t1_XYZ: NDArray[np.float32],
        settings: PredictionSettings,
        subject: SubjectInfo,
    ) -> Prediction:
        """Infer all frames; the network has no dropout, so all samples would be the same."""
        prediction = Prediction(predict_volume(model.network, t1_XYZ, model.device))
        settings.on_sample()
        return prediction

    def card_lines(self, data: PreparedData) -> CardLines:
        """Return what the model card says of the method."""
        cube = data.t1_grid
        return CardLines(
            method=f'{self.config.system} after Shin et al., "GANBERT"; '
            f"{self.config.data.frames} frame(s)",
            intensities="normalised by mean and standard deviation of the T1, the PET by a tenth "
            "of each; so restored",
            grid="" if cube is None else f"; T1 {cube}",
        )

    def describe_run(self, steps: Any, planes: tuple[Plane, ...] | None = None) -> str:
        """Return one phrase on what was trained."""
        config = self.config
        return (
            f"{config.system} on whole volumes, {config.data.frames} frame(s), {steps} steps of "
            f"batch {self.batch_text}, seed {config.seed}"
        )

    @property
    def batch_text(self) -> str:
        """The batch of one step with its accumulation, such as ``2 x 2``."""
        return f"{self.config.training.accumulate} x {self.config.training.batch_size}"


class VolumeTraining(Training[AccumulationWindow]):
    """What the trainings of paper B's systems have in common.

    Parameters
    ----------
    config : VolumeConfig
        What to train, how long.
    data : PreparedData
        Prepared with ``--grid paper-b``, with training subjects.
    fabric : Fabric
        Device, arithmetic and processes.

    Raises
    ------
    InputError
        If the data are prepared for other systems.
    ConfigError
        If they have another voxel size or number of frames than the configuration.
    """

    def __init__(self, config: VolumeConfig, data: PreparedData, fabric: Fabric):
        check_volumes(config, data)
        training, optimiser = config.training, config.optimiser
        self.data, self.fabric = data, fabric
        self.seed, self.workers = config.seed, training.workers
        self.write_every = training.validate_every
        self.dataset = VolumeDataset(MeasuredVolumes(data), data.participants("train"))
        self.partition = BatchPartition(
            training.batch_size, training.accumulate, fabric.world_size, fabric.global_rank
        )
        self.epoch_steps, self.steps = count_steps(config, self.partition, len(self.dataset))
        self.learning_rate = optimiser.learning_rate
        self.schedule = LearningRateSchedule(
            self.steps,
            warm_up=round(optimiser.warm_up * self.steps),
            decay=round(optimiser.decay * self.steps),
        )

    def batches(self, start: int) -> Iterator[AccumulationWindow]:
        """Yield the volumes of each step, from a step on."""
        order = VolumeBatches(
            len(self.dataset), self.partition, seed=self.seed, start=start, stop=self.steps
        )
        loader: DataLoader[Pair] = DataLoader(
            self.dataset, batch_sampler=order, num_workers=self.workers
        )
        window: AccumulationWindow = []
        for batch in loader:
            window.append(self.fabric.to_device(tuple(batch)))
            if len(window) == self.partition.batches:
                yield window
                window = []

    def train_step(
        self, batch: AccumulationWindow, step: int, *, measure: bool
    ) -> dict[str, Tensor]:
        """Improve all networks at the learning rate of this step."""
        self.set_learning_rate(self.schedule(step))
        return self.improve(batch, step, measure=measure)

    def set_learning_rate(self, fraction: float) -> None:
        """Set the learning rates of all optimisers to a fraction of the configuration's."""
        self.networks.set_learning_rate(self.learning_rate * fraction)

    @abstractmethod
    def improve(self, window: AccumulationWindow, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve all networks once; as `Training.train_step`, the learning rates are set."""

    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the synthetic PET of a prepared subject, (X, Y, Z[, T]) in PET units."""
        return predict_volume(
            self.networks.generator, self.data.t1(participant), self.fabric.device
        )


def count_steps(config: VolumeConfig, partition: BatchPartition, subjects: int) -> tuple[int, int]:
    """Return the steps of an epoch, rounded up to whole ones, and of the whole training."""
    epoch = partition.steps_per_epoch(subjects)
    steps = config.training.epochs * epoch
    return epoch, min(steps, config.training.max_steps or steps)


def check_volumes(config: VolumeConfig, data: PreparedData) -> None:
    """Raise unless data are prepared for paper B as a configuration wants them."""
    if data.t1_grid is None:
        raise InputError(
            f"{data.folder}: is not prepared for {config.system}; run petsynth prepare with "
            f"--grid paper-b --voxel-mm {config.data.voxel_mm:g} into another folder"
        )
    if not data.grid.matches(pet_grid(config.data.voxel_mm)):
        raise ConfigError(
            f"data.voxel_mm is {config.data.voxel_mm:g}, {data.folder} has PET voxels of "
            f"{data.grid.voxel_mm[0]:g} mm; give --data.voxel-mm {data.grid.voxel_mm[0]:g}, or "
            "prepare the data anew"
        )
    if data.frames != config.data.frames:
        raise ConfigError(
            f"data.frames is {config.data.frames}, the PET of {data.folder} has {data.frames}; "
            f"give --data.frames {data.frames}, or prepare the data with another --frames"
        )
