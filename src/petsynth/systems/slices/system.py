"""What the systems on slices have in common: their batches, prediction, size and words.

Sources
-------
Paper A (Jung et al., Inferring PET from MRI with pix2pix), sections 2.2 to 2.4.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from petsynth.data.batching import check_padded_size, process_part, process_weight, steps_per_epoch
from petsynth.data.jpeg import round_trip
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network, to_network
from petsynth.errors import ConfigError
from petsynth.networks.layers import count_parameters, sample_keys
from petsynth.networks.patchgan2d import PatchGan2d
from petsynth.preprocessing.grids import model_grid
from petsynth.slicing import AXIS, Plane, stack_slices, take_slices
from petsynth.systems.base import (
    Prediction,
    PredictionSettings,
    StdKind,
    SubjectInfo,
    System,
    TrainedGenerator,
    Training,
    TrainingFormat,
)
from petsynth.systems.fields import adaptation_tables
from petsynth.systems.resources import (
    Resources,
    memory_rows,
    run_and_measure,
    shape_text,
    training_memory,
)
from petsynth.systems.slices.config import SliceConfig, prediction_planes
from petsynth.systems.slices.dataset import EpochBatches, SliceDataset
from petsynth.systems.slices.volume import predict_volume, sample_key

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PAPER_SUBJECTS = 12
"""Training subjects of paper A (section 2.2)."""
USUAL_VOXELS_MM = (1.5, 2.0, 3.0, 4.0, 6.0)

_PREDICTION_BATCH = 16

Pair = tuple[Tensor, Tensor]
"""MRI and PET, (B, 1, S, S) float tensors in [-1, 1]; the PET is NaN where it was not measured."""

Config = TypeVar("Config", bound=SliceConfig)


class SliceSystem(System[Config]):
    """A system that infers a PET slice by slice."""

    memory_definition: str
    """What `resources` counts as memory, for the reader."""

    @abstractmethod
    def build_discriminator(self) -> PatchGan2d:
        """Make the PatchGAN, with initial weights from torch's global generator."""

    def adaptation_tables(self) -> dict[str, dict[str, Any]]:
        """Return a fifth of the learning rate and of the epochs."""
        return adaptation_tables(self.config.optimiser, self.config.training)

    def predict(
        self,
        model: TrainedGenerator,
        t1_XYZ: NDArray[np.float32],
        settings: PredictionSettings,
        subject: SubjectInfo,
    ) -> Prediction:
        """Infer slice by slice, along one plane or the mean over several, over dropout samples.

        References
        ----------
        Paper A, section 2.4 (figure 3): the volume is stacked from axial slices. Ours: the mean
        over three planes, and the spread over dropout samples; all slices of a volume share one.
        """
        mean = np.zeros(t1_XYZ.shape)
        squares = np.zeros(t1_XYZ.shape)  # sum of squared deviations, after Welford (1962)
        for sample in range(settings.samples):
            network_pet = predict_volume(
                model.network,
                t1_XYZ,
                planes=self.planes_used(settings.planes),
                padded_size=self.config.data.padded_size,
                dropout_key=sample_key(settings.seed, sample),
                batch_size=settings.batch_size,
                device=model.device,
            )
            pet = from_network(network_pet, model.pet_scale)
            deviation = pet - mean
            mean += deviation / (sample + 1)
            squares += deviation * (pet - mean)
            settings.on_sample()
        if self.std_kind(settings.samples) is None:
            return Prediction(mean.astype(np.float32))
        std = np.sqrt(squares / (settings.samples - 1)).astype(np.float32)
        return Prediction(mean.astype(np.float32), std)

    def std_kind(self, samples: int) -> StdKind | None:
        """Return ``"dropout"`` for several samples; see `System.std_kind`."""
        return "dropout" if samples > 1 else None

    def planes_used(self, planes: Sequence[Plane] | None) -> tuple[Plane, ...]:
        """Return the planes asked for; by default the axial one, or all trained on without it."""
        return tuple(planes or prediction_planes(self.config.data))

    def unseen_planes(self, planes: Sequence[Plane]) -> list[Plane]:
        """Return which of some planes the generator was not trained on."""
        return [plane for plane in planes if plane not in self.config.data.planes]

    def extra_networks(self, image: Tensor) -> dict[str, tuple[int, int]]:
        """Return other networks of a training: name -> parameters, and bytes of activations.

        Parameters
        ----------
        image : (B, 1, S, S) tensor
            Slices on torch's meta device.
        """
        return {}

    def resources(
        self, *, grid_shape: tuple[int, int, int] | None = None, subjects: int | None = None
    ) -> Resources:
        """Return the size of a training; by default of paper A's 12 subjects.

        The grid is by default the models' at the smallest usual voxel size whose slices fit the
        padded size: 121 x 145 x 121 at paper size.
        """
        config = self.config
        shape = grid_shape or _grid_that_fits(config.data.padded_size)
        check_padded_size(shape, config.data.planes, config.data.padded_size)
        batch, side = config.training.batch_size, config.data.padded_size
        with torch.device("meta"):
            generator = self.build_generator()
            discriminator = self.build_discriminator()
            image = torch.empty(batch, 1, side, side)
            keys = torch.arange(batch, device="cpu")
            pet, generator_bytes = run_and_measure(generator, image, keys)
            logits, discriminator_bytes = run_and_measure(discriminator, image, image)
            extra = self.extra_networks(image)
        content = {
            "generator": {
                "parameters": count_parameters(generator),
                "input_shape": list(image.shape),
                "output_shape": list(pet.shape),
            },
            "discriminator": {
                "parameters": count_parameters(discriminator),
                "receptive_field": discriminator.receptive_field(),
                "input_shapes": {"mri": list(image.shape), "pet": list(image.shape)},
                "output_shape": list(logits.shape),
            },
            **{name: {"parameters": parameters} for name, (parameters, _) in extra.items()},
            "training": self._count_steps(shape, subjects or PAPER_SUBJECTS),
            "memory": training_memory(
                count_parameters(generator) + count_parameters(discriminator),
                generator_bytes + 2 * discriminator_bytes + sum(size for _, size in extra.values()),
                self.memory_definition,
            ),
        }
        return Resources(content, _rows(content, list(extra)))

    def _count_steps(self, grid_shape: tuple[int, int, int], subjects: int) -> dict[str, Any]:
        data, training = self.config.data, self.config.training
        slices = subjects * sum(grid_shape[AXIS[plane]] for plane in data.planes)
        epoch = steps_per_epoch(slices, training.batch_size)
        steps = training.epochs * epoch
        return {
            "subjects": subjects,
            "grid_shape": list(grid_shape),
            "planes": list(data.planes),
            "slices_per_epoch": slices,
            "batch_size": training.batch_size,
            "steps_per_epoch": epoch,
            "steps": min(steps, training.max_steps or steps),
        }

    def training_format(self) -> TrainingFormat | None:
        """Return paper A's 8-bit JPEG, if the training slices pass through it."""
        if self.config.data.intensity != "uint8-jpeg":
            return None
        return TrainingFormat(
            "jpeg",
            "the reference PET after the 8-bit JPEG of the training slices (axial, quality 100, "
            "clipped at the PET scale): what the paper's image format alone costs",
            jpeg_round_trip,
        )


class SliceTraining(Training[Pair]):
    """A training on slices; subclasses add the networks and the step.

    Parameters
    ----------
    config : SliceConfig
        What to train, how long.
    data : PreparedData
        With training subjects.
    fabric : Fabric
        Device, arithmetic and processes.

    Raises
    ------
    ConfigError
        If a slice is larger than the padded size.
    """

    def __init__(self, config: SliceConfig, data: PreparedData, fabric: Fabric):
        self.data, self.fabric = data, fabric
        self.seed, self.workers = config.seed, config.training.workers
        self.padded_size = config.data.padded_size
        self.dataset = SliceDataset(
            data,
            data.participants("train"),
            planes=config.data.planes,
            padded_size=config.data.padded_size,
            intensity=config.data.intensity,
            flip=config.data.flip,
            seed=config.seed,
        )
        self.planes = config.data.planes
        self.prediction_planes = prediction_planes(config.data)
        self.batch_size = config.training.batch_size * fabric.world_size
        self.epoch_steps = steps_per_epoch(len(self.dataset), self.batch_size)
        steps = config.training.epochs * self.epoch_steps
        self.steps = int(min(steps, config.training.max_steps or math.inf))

    def batches(self, start: int) -> Iterator[Pair]:
        """Yield the slices of each step, from a step on."""
        order = EpochBatches(
            len(self.dataset),
            self.batch_size,
            seed=self.seed,
            start=start,
            stop=self.steps,
            processes=self.fabric.world_size,
            process=self.fabric.global_rank,
        )
        loader: DataLoader[Pair] = DataLoader(
            self.dataset, batch_sampler=order, num_workers=self.workers
        )
        for batch in loader:
            yield self.fabric.to_device(batch)

    def dropout_keys(self, step: int) -> Tensor:
        """Return the dropout key of each of this process's slices of a step, (B,) int64."""
        mine = process_part(self._slices_of(step), self.fabric.world_size, self.fabric.global_rank)
        return sample_keys(self.seed, step, max(mine.stop - mine.start, 1), mine.start)

    def weight(self, step: int) -> float:
        """Return what this process's slices of a step count in the mean over processes."""
        return process_weight(
            self._slices_of(step), self.fabric.world_size, self.fabric.global_rank
        )

    def _slices_of(self, step: int) -> int:
        within = step % self.epoch_steps * self.batch_size
        return min(self.batch_size, len(self.dataset) - within)

    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the synthetic PET of a prepared subject, (X, Y, Z) in PET units."""
        pet = predict_volume(
            self.networks.generator,
            self.data.mri(participant),
            planes=self.prediction_planes,
            padded_size=self.padded_size,
            dropout_key=self.seed,
            batch_size=_PREDICTION_BATCH,
            device=self.fabric.device,
        )
        return from_network(pet, self.data.pet_scale)


def jpeg_round_trip(pet: NDArray[Any], pet_scale: float) -> NDArray[np.float32]:
    """Return a PET volume, in PET units, after 8-bit JPEG of its axial slices."""
    slices = take_slices(to_network(pet, pet_scale), "axial")
    return from_network(
        stack_slices(np.stack([round_trip(each) for each in slices]), "axial"), pet_scale
    )


def _grid_that_fits(padded_size: int) -> tuple[int, int, int]:
    for voxel_mm in USUAL_VOXELS_MM:
        shape = model_grid(voxel_mm).shape
        if max(shape) <= padded_size:
            return shape
    raise ConfigError(
        f"data.padded_size {padded_size} holds no slices of {USUAL_VOXELS_MM[-1]} mm voxels; make "
        "it larger"
    )


def _rows(content: dict[str, Any], extra: Sequence[str]) -> list[tuple[str, str]]:
    generator, discriminator = content["generator"], content["discriminator"]
    training = content["training"]
    slices = shape_text(generator["input_shape"])
    return [
        ("generator", f"{generator['parameters']:,} parameters"),
        ("  slices in, out", f"{slices} -> {shape_text(generator['output_shape'])}"),
        ("discriminator", f"{discriminator['parameters']:,} parameters"),
        ("  receptive field", f"{discriminator['receptive_field']} pixels"),
        ("  slices in, out", f"2 x {slices} -> {shape_text(discriminator['output_shape'])}"),
        *((name, f"{content[name]['parameters']:,} parameters") for name in extra),
        (
            "training",
            f"{training['subjects']} subjects of {shape_text(training['grid_shape'])} voxels, "
            f"{' + '.join(training['planes'])}",
        ),
        (
            "  per epoch",
            f"{training['slices_per_epoch']:,} slices, {training['steps_per_epoch']:,} steps of "
            f"batch {training['batch_size']}",
        ),
        ("  in all", f"{training['steps']:,} steps"),
        *memory_rows(content["memory"]),
    ]
