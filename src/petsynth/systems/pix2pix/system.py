"""pix2pix behind the interface of a system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from petsynth.data.batching import check_padded_size, steps_per_epoch
from petsynth.data.jpeg import round_trip
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network, to_network
from petsynth.errors import ConfigError
from petsynth.networks.layers import count_parameters
from petsynth.preprocessing.grids import model_grid
from petsynth.slicing import AXIS, Plane, stack_slices, take_slices
from petsynth.systems.base import (
    CardLines,
    Prediction,
    PredictionSettings,
    StdKind,
    SubjectInfo,
    System,
    TrainedGenerator,
    TrainingFormat,
)
from petsynth.systems.fields import adaptation_tables
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.pix2pix.training import (
    Pix2pixTraining,
    build_discriminator,
    build_generator,
)
from petsynth.systems.pix2pix.unet import UNet2d
from petsynth.systems.pix2pix.volume import predict_volume, sample_key
from petsynth.systems.resources import (
    Resources,
    memory_rows,
    run_and_measure,
    shape_text,
    training_memory,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PAPER_SUBJECTS = 12
"""Training subjects of paper A (section 2.2)."""
USUAL_VOXELS_MM = (1.5, 2.0, 3.0, 4.0, 6.0)

MEMORY_DEFINITION = (
    "estimate in bytes, float32: weights; as much again for gradients; twice as much for Adam; "
    "activations: what autograd keeps of the generator's pass and of the discriminator's on the "
    "real and the generated batch. Not counted: libraries, work space of convolutions, data."
)


class Pix2pixSystem(System[Pix2pixConfig]):
    """pix2pix on axial slices, or on slices of several planes (paper A)."""

    @classmethod
    def small_tables(cls, name: str) -> dict[str, Any]:
        """Return tables for slices of up to 32 pixels."""
        planes = ("axial", "coronal", "sagittal") if name == "pix2pix-augmented" else ("axial",)
        return {
            "data": {"padded_size": 32, "planes": planes, "intensity": "float"},
            "generator": {"filters": 4, "levels": 2, "dropout_levels": 1},
            "discriminator": {"filters": 4, "layers": 1},
            "training": {"max_steps": 6, "batch_size": 10},
        }

    def build_generator(self) -> UNet2d:
        """Make the U-Net."""
        return build_generator(self.config)

    def start_training(self, data: PreparedData, fabric: Fabric) -> Pix2pixTraining:
        """Make networks, optimisers and batches of slices."""
        return Pix2pixTraining(self.config, data, fabric)

    def adaptation_tables(self) -> dict[str, dict[str, Any]]:
        """Return a fifth of the learning rate and of the epochs."""
        return adaptation_tables(self.config.optimiser, self.config.training)

    def encoder_levels(self, generator: nn.Module) -> list[nn.Module]:
        """Return the levels of the encoder."""
        assert isinstance(generator, UNet2d)
        return list(generator.downs)

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
        if settings.samples == 1:
            return Prediction(mean.astype(np.float32))
        std = np.sqrt(squares / (settings.samples - 1)).astype(np.float32)
        return Prediction(mean.astype(np.float32), std)

    def std_kind(self, samples: int) -> StdKind | None:
        """Return ``"dropout"`` for several samples; see `System.std_kind`."""
        return "dropout" if samples > 1 else None

    def planes_used(self, planes: Sequence[Plane] | None) -> tuple[Plane, ...]:
        """Return the planes asked for; by default the axial one, or all trained on without it."""
        return tuple(planes or self.config.prediction_planes)

    def unseen_planes(self, planes: Sequence[Plane]) -> list[Plane]:
        """Return which of some planes the generator was not trained on."""
        return [plane for plane in planes if plane not in self.config.data.planes]

    def check_samples(self, samples: int) -> None:
        """Accept any number: dropout stays active in prediction."""

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
            discriminator = build_discriminator(config)
            image = torch.empty(batch, 1, side, side)
            keys = torch.arange(batch, device="cpu")
            pet, generator_bytes = run_and_measure(generator, image, keys)
            logits, discriminator_bytes = run_and_measure(discriminator, image, image)
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
            "training": self._count_steps(shape, subjects or PAPER_SUBJECTS),
            "memory": training_memory(
                count_parameters(generator) + count_parameters(discriminator),
                generator_bytes + 2 * discriminator_bytes,
                MEMORY_DEFINITION,
            ),
        }
        return Resources(content, _rows(content))

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

    def card_lines(self, data: PreparedData) -> CardLines:
        """Return what the model card says of pix2pix."""
        definition = data.description.get("pet_scale_definition", "not stated")
        return CardLines(
            method='pix2pix after Jung et al., "Inferring PET from MRI with pix2pix"; '
            f"{' + '.join(self.config.data.planes)} slices",
            intensities=f"the network's 1 is {data.pet_scale:.6g} {data.unit}: {definition}",
            limits="- Dropout stays on in prediction (as in the paper); the spread over samples is "
            "no\n  confidence interval.\n",
        )

    def describe_run(self, steps: Any) -> str:
        """Return one phrase on what was trained."""
        config = self.config
        return (
            f"pix2pix trained on {' + '.join(config.data.planes)} slices "
            f"({config.data.intensity}), {steps} steps of batch {self.batch_text}, seed "
            f"{config.seed}; predicted from {' + '.join(config.prediction_planes)} slices, one "
            "dropout sample"
        )

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


def _rows(content: dict[str, Any]) -> list[tuple[str, str]]:
    generator, discriminator = content["generator"], content["discriminator"]
    training = content["training"]
    slices = shape_text(generator["input_shape"])
    return [
        ("generator", f"{generator['parameters']:,} parameters"),
        ("  slices in, out", f"{slices} -> {shape_text(generator['output_shape'])}"),
        ("discriminator", f"{discriminator['parameters']:,} parameters"),
        ("  receptive field", f"{discriminator['receptive_field']} pixels"),
        ("  slices in, out", f"2 x {slices} -> {shape_text(discriminator['output_shape'])}"),
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
