"""The 2.5D U-Net behind the interface of a system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from petsynth.covariates import CovariateName, encode
from petsynth.data.augmentation import flip_sides
from petsynth.data.batching import steps_per_epoch
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.networks.layers import count_parameters
from petsynth.slicing import Plane
from petsynth.systems.base import (
    CardLines,
    Prediction,
    PredictionSettings,
    StdKind,
    SubjectInfo,
    System,
    TrainedGenerator,
)
from petsynth.systems.fields import adaptation_tables
from petsynth.systems.resources import (
    Resources,
    memory_rows,
    run_and_measure,
    shape_text,
    training_memory,
)
from petsynth.systems.unet25d.config import Unet25dConfig
from petsynth.systems.unet25d.location import place_in_mni
from petsynth.systems.unet25d.training import Unet25dTraining, build_generator
from petsynth.systems.unet25d.unet import SlabUNet
from petsynth.systems.unet25d.volume import predict_slabs, settle_error
from petsynth.volume import Grid

if TYPE_CHECKING:
    from lightning_fabric import Fabric

SUBJECTS = 87
"""Training subjects of the bundled models."""

NORMAL_ERROR_TO_STD = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""

_LOCATION_TEXT = {
    "none": "",
    "coordinates": "told where it is by MNI coordinates (affine registration); ",
    "population": "told the mean training PET at its place (affine registration); ",
    "both": "told MNI coordinates and the mean training PET there (affine registration); ",
}

_CORRECTION_TEXT = "its mean corrected by real group maps (factors over MNI space); "

_SHRINKAGE_TEXT = (
    "what the T1 alone tells shrunk towards a real population's mean PET (weight {:g}); "
)

MEMORY_DEFINITION = (
    "estimate in bytes, float32: weights; as much again for gradients; twice as much for Adam; "
    "activations: what autograd keeps of one batch's pass. Not counted: libraries, work space of "
    "convolutions, data."
)

_ADDITIONS = ("modulation.", "location.", "correction.", "shrinkage.")
"""Parts of the network that weights may lack: they begin at no effect."""

INPUTS = ("slices", "location", "covariates")
"""Settings of ``data`` that say what the network is given."""


class Unet25dSystem(System[Unet25dConfig]):
    """A 2.5D U-Net that tells how far off it expects to be."""

    calibration_samples = 1

    @classmethod
    def small_tables(cls, name: str) -> dict[str, Any]:
        """Return tables for slices of up to 32 pixels."""
        return {
            "data": {
                "padded_size": 32,
                "slices": 3,
                "slabs_per_volume": 21,
                "shuffled_volumes": 2,
                "location": "both",
                "covariates": ["sex"],
            },
            "generator": {"filters": 8, "max_filters": 8, "levels": 2},
            "training": {"max_steps": 6, "batch_size": 10, "workers": 0},
        }

    def build_generator(self) -> SlabUNet:
        """Make the U-Net."""
        return build_generator(self.config)

    def start_training(self, data: PreparedData, fabric: Fabric) -> Unet25dTraining:
        """Make the network, its optimiser and batches of slabs."""
        return Unet25dTraining(self.config, data, fabric)

    def adaptation_tables(self) -> dict[str, dict[str, Any]]:
        """Return a fifth of the learning rate and half the epochs."""
        return adaptation_tables(self.config.optimiser, self.config.training, epochs=0.5)

    def network_tables(self) -> dict[str, dict[str, Any]]:
        """Return the generator's size and its inputs; a training begins without shrinkage."""
        inputs = {name: getattr(self.config.data, name) for name in INPUTS}
        generator = dict(vars(self.config.generator)) | {"shrinkage": 0.0}
        return {"generator": generator, "data": inputs}

    def encoder_levels(self, generator: nn.Module) -> list[nn.Module]:
        """Return the blocks of the encoder."""
        assert isinstance(generator, SlabUNet)
        return list(generator.downs)

    def rescale_output(self, generator: nn.Module, factor: float) -> bool:
        """Multiply the weights that make the PET; the expected error is learnt anew."""
        assert isinstance(generator, SlabUNet)
        generator.rescale_pet(factor)
        return True

    def extend_weights(
        self, generator: nn.Module, weights: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Let location channels and covariates begin at no effect, without shrinkage if so set."""
        shrinks = isinstance(generator, SlabUNet) and generator.shrinkage is not None
        extended = {
            name: tensor
            for name, tensor in weights.items()
            if shrinks or not name.startswith("shrinkage.")
        }
        for name, own in generator.state_dict().items():
            if name not in weights and name.startswith(_ADDITIONS):
                extended[name] = own
        first = "downs.0.0.weight"
        missing = generator.state_dict()[first].shape[1] - weights[first].shape[1]
        if missing > 0:
            extended[first] = functional.pad(weights[first], (0, 0, 0, 0, 0, missing))
        return extended

    def predict(
        self,
        model: TrainedGenerator,
        t1_XYZ: NDArray[np.float32],
        settings: PredictionSettings,
        subject: SubjectInfo,
    ) -> Prediction:
        """Infer the mean over the T1 and its left-right-flipped image, and its expected error.

        The weights' metadata may hold ``error_to_std``, the factor from the expected error to a
        standard deviation that was measured on held-out subjects; else a normal distribution's.

        Raises
        ------
        ValueError
            If the network is told where it is and the brain mask is not given.
        """
        data = self.config.data
        to_mni = None
        if data.location != "none":
            if subject.mask is None:
                raise ValueError("a network with data.location needs the brain mask")
            to_mni = place_in_mni(t1_XYZ, subject.mask, Grid.from_dict(model.metadata["grid"]))
        flip = np.diag([-1.0, 1.0, 1.0, 1.0])
        flip[0, 3] = len(t1_XYZ) - 1
        one, flipped = (
            predict_slabs(
                model.network,
                mri,
                slices=data.slices,
                padded_size=data.padded_size,
                to_mni=place,
                covariates=encode(subject.covariates, data.covariates),
                device=model.device,
            )
            for mri, place in (
                (t1_XYZ, to_mni),
                (t1_XYZ[::-1], None if to_mni is None else flip_sides() @ to_mni @ flip),
            )
        )
        settings.on_sample()
        pet, error = (
            (first + second[::-1]) / 2 for first, second in zip(one, flipped, strict=True)
        )
        factor = float(model.metadata.get("error_to_std", NORMAL_ERROR_TO_STD))
        voxel_mm = Grid.from_dict(model.metadata["grid"]).voxel_mm[0]
        settled = settle_error(error, t1_XYZ, voxel_mm)
        std = settled / 2 * model.pet_scale * factor
        return Prediction(from_network(pet, model.pet_scale), std.astype(np.float32))

    def std_kind(self, samples: int) -> StdKind | None:
        """Return ``"expected-error"``; see `System.std_kind`."""
        return "expected-error"

    def covariates_used(self) -> tuple[CovariateName, ...]:
        """Return the configuration's covariates."""
        return self.config.data.covariates

    def planes_used(self, planes: Sequence[Plane] | None) -> tuple[Plane, ...]:
        """Return the axial plane, whichever was asked for."""
        return ("axial",)

    def resources(
        self, *, grid_shape: tuple[int, int, int] | None = None, subjects: int | None = None
    ) -> Resources:
        """Return the size of a training; by default of the bundled models' 87 subjects."""
        config = self.config
        volumes, batch = subjects or SUBJECTS, config.training.batch_size
        side, slices = config.data.padded_size, config.data.slices
        with torch.device("meta"):
            generator = self.build_generator()
            (pet, _), activations_bytes = run_and_measure(
                generator, torch.empty(batch, slices, side, side), torch.empty(batch, 3, 4)
            )
        slabs = volumes * config.data.slabs_per_volume
        epoch = steps_per_epoch(slabs, batch)
        steps = config.training.epochs * epoch
        content = {
            "generator": {
                "parameters": count_parameters(generator),
                "input_shape": [batch, slices, side, side],
                "output_shape": list(pet.shape),
            },
            "training": {
                "subjects": volumes,
                "slabs_per_epoch": slabs,
                "batch_size": batch,
                "steps_per_epoch": epoch,
                "steps": min(steps, config.training.max_steps or steps),
            },
            "memory": training_memory(
                count_parameters(generator), activations_bytes, MEMORY_DEFINITION
            ),
        }
        return Resources(content, _rows(content))

    def card_lines(self, data: PreparedData) -> CardLines:
        """Return what the model card says of the network."""
        definition = data.description.get("pet_scale_definition", "not stated")
        shrinks = self.config.generator.shrinkage > 0
        return CardLines(
            method=f"2.5D U-Net: {self.config.data.slices} neighbouring axial slices in, the "
            "middle one's PET and its expected error out; "
            + _LOCATION_TEXT[self.config.data.location]
            + (_CORRECTION_TEXT if self.config.generator.group_correction else "")
            + (_SHRINKAGE_TEXT.format(self.config.generator.shrinkage) if shrinks else "")
            + ("augmented subjects" if self.config.data.augment else "subjects as they are"),
            intensities=f"the network's 1 is {data.pet_scale:.6g} {data.unit}: {definition}",
        )

    def describe_run(self, steps: Any, planes: tuple[Plane, ...] | None = None) -> str:
        """Return one phrase on what was trained."""
        config = self.config
        return (
            f"{config.system}: 2.5D U-Net on slabs of {config.data.slices} axial slices, {steps} "
            f"steps of batch {self.batch_text}, seed {config.seed}"
        )


def _rows(content: dict[str, Any]) -> list[tuple[str, str]]:
    generator, training = content["generator"], content["training"]
    return [
        ("generator", f"{generator['parameters']:,} parameters"),
        (
            "  slabs in, PET out",
            f"{shape_text(generator['input_shape'])} -> {shape_text(generator['output_shape'])}, "
            "and expected errors",
        ),
        ("training", f"{training['subjects']} subjects"),
        (
            "  per epoch",
            f"{training['slabs_per_epoch']:,} slabs, {training['steps_per_epoch']:,} steps of "
            f"batch {training['batch_size']}",
        ),
        ("  in all", f"{training['steps']:,} steps"),
        *memory_rows(content["memory"]),
    ]
