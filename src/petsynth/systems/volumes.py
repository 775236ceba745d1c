"""Paper B's systems as the training loop sees them: accumulation windows of whole volumes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from petsynth.config import Pix2pix3dConfig, VolumeConfig
from petsynth.data.prepared import PreparedData
from petsynth.data.volumes import Portion, VolumeBatches, VolumeDataset
from petsynth.errors import ConfigError, InputError
from petsynth.preprocessing.paper_b_grids import pet_grid
from petsynth.systems.base import System
from petsynth.systems.optimisation import rate_share
from petsynth.systems.pix2pix3d import step as pix2pix3d
from petsynth.systems.volumes_prediction import infer_volume

Window = list[tuple[Tensor, Tensor]]
"""T1s and PETs of the batches of one step."""


class VolumeSystem(System[Window]):
    """What the systems of paper B have in common.

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

    planes = ("axial", "coronal", "sagittal")

    def __init__(self, config: VolumeConfig, data: PreparedData, fabric: Fabric):
        check_volumes(config, data)
        training = config.training
        self.data, self.fabric = data, fabric
        self.seed, self.workers = config.seed, training.workers
        self.write_every = training.validate_every
        self.dataset = VolumeDataset(data, data.participants("train"))
        self.portion = Portion(
            training.batch_size, training.accumulate, fabric.world_size, fabric.global_rank
        )
        self.epoch_steps, self.steps = count_steps(config, self.portion, len(self.dataset))
        self.optimiser = config.optimiser

    def batches(self, start: int) -> Iterator[Window]:
        """Yield the volumes of each step, from a step on."""
        order = VolumeBatches(
            len(self.dataset), self.portion, seed=self.seed, start=start, stop=self.steps
        )
        loader: DataLoader = DataLoader(self.dataset, batch_sampler=order, num_workers=self.workers)
        window: Window = []
        for batch in loader:
            window.append(self.fabric.to_device(tuple(batch)))
            if len(window) == self.portion.batches:
                yield window
                window = []

    def train_step(self, batch: Window, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve all networks at the step size of this step."""
        optimiser = self.optimiser
        self.set_learning_rate(
            rate_share(step, self.steps, warm_up=optimiser.warm_up, decay=optimiser.decay)
        )
        return self._train_step(batch, step, measure)

    def set_learning_rate(self, share: float) -> None:
        """Set the step sizes of all optimisers to a share of the configuration's."""
        self.players.set_learning_rate(self.optimiser.learning_rate * share)

    @abstractmethod
    def _train_step(self, window: Window, step: int, measure: bool) -> dict[str, Tensor]: ...

    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the synthetic PET of a prepared subject, (X, Y, Z[, T]) in PET units."""
        return infer_volume(self.players.generator, self.data.t1(participant), self.fabric.device)


class Pix2pix3dSystem(VolumeSystem):
    """The 3D pix2pix baselines."""

    terms = pix2pix3d.TERMS
    players: pix2pix3d.Pix2pix3dPlayers

    def __init__(self, config: Pix2pix3dConfig, data: PreparedData, fabric: Fabric):
        super().__init__(config, data, fabric)
        self.config = config
        self.players = pix2pix3d.build_players(config, fabric)

    def _train_step(self, window: Window, step: int, measure: bool) -> dict[str, Tensor]:
        return pix2pix3d.train_step(self.players, self.fabric, self.config, window)


def count_steps(config: VolumeConfig, portion: Portion, subjects: int) -> tuple[int, int]:
    """Return the steps of an epoch, rounded up to whole ones, and of the whole training."""
    epoch = portion.steps_per_epoch(subjects)
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
