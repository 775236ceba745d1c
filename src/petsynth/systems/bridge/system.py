"""The rectified flow behind the interface of a system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from petsynth.covariates import CovariateName, encode
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.networks.layers import count_parameters
from petsynth.preprocessing.grids import model_grid
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
from petsynth.systems.bridge.config import BridgeConfig
from petsynth.systems.bridge.network import FlowUNet3d
from petsynth.systems.bridge.training import BridgeTraining, build_generator, sample_pet
from petsynth.systems.fields import adaptation_tables
from petsynth.systems.resources import (
    Resources,
    memory_rows,
    run_and_measure,
    shape_text,
    training_memory,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

USUAL_VOXEL_MM, USUAL_SUBJECTS = 4.0, 87

MEMORY_DEFINITION = (
    "estimate in bytes, float32: weights; as much again for gradients; twice as much for Adam; "
    "activations: what autograd keeps of one batch's pass. Not counted: libraries, work space of "
    "convolutions, data."
)


class BridgeSystem(System[BridgeConfig]):
    """Samples of PETs that fit a T1, by a rectified flow in 3D."""

    calibration_samples = 20

    @classmethod
    def small_tables(cls, name: str) -> dict[str, Any]:
        """Return tables for a network of two levels."""
        return {
            "data": {"covariates": ["sex"]},
            "generator": {"filters": 8, "max_filters": 8, "levels": 2, "patch": 2},
            "flow": {"evaluations": 2},
            "training": {"max_steps": 6, "batch_size": 2},
        }

    def build_generator(self) -> FlowUNet3d:
        """Make the network."""
        return build_generator(self.config)

    def start_training(self, data: PreparedData, fabric: Fabric) -> BridgeTraining:
        """Make the network, its optimiser and batches of volumes."""
        return BridgeTraining(self.config, data, fabric)

    def adaptation_tables(self) -> dict[str, dict[str, Any]]:
        """Return a fifth of the learning rate and of the epochs."""
        return adaptation_tables(self.config.optimiser, self.config.training)

    def network_tables(self) -> dict[str, dict[str, Any]]:
        """Return the generator's size, its covariates and the noise that it was trained with."""
        return super().network_tables() | {
            "data": {"covariates": self.config.data.covariates},
            "flow": {"noise": self.config.flow.noise},
        }

    def encoder_levels(self, generator: nn.Module) -> list[nn.Module]:
        """Return the blocks of the encoder."""
        assert isinstance(generator, FlowUNet3d)
        return list(generator.downs)

    def predict(
        self,
        model: TrainedGenerator,
        t1_XYZ: NDArray[np.float32],
        settings: PredictionSettings,
        subject: SubjectInfo,
    ) -> Prediction:
        """Return the mean PET of a T1 by one evaluation, or mean and spread over samples.

        The weights' metadata may hold ``error_to_std``, the factor from the spread to the error
        that was measured on held-out subjects; else it is 1.
        """
        assert isinstance(model.network, FlowUNet3d)
        mean = np.zeros(t1_XYZ.shape)
        squares = np.zeros(t1_XYZ.shape)  # sum of squared deviations, after Welford (1962)
        for sample in range(settings.samples):
            network_pet = sample_pet(
                model.network,
                t1_XYZ,
                noise=self.config.flow.noise,
                evaluations=1 if settings.samples == 1 else self.config.flow.evaluations,
                seed=(settings.seed, sample),
                covariates=encode(subject.covariates, self.config.data.covariates),
                device=model.device,
            )
            pet = from_network(network_pet, model.pet_scale)
            deviation = pet - mean
            mean += deviation / (sample + 1)
            squares += deviation * (pet - mean)
            settings.on_sample()
        if settings.samples == 1:
            return Prediction(mean.astype(np.float32))
        factor = float(model.metadata.get("error_to_std", 1.0))
        std = factor * np.sqrt(squares / (settings.samples - 1))
        return Prediction(mean.astype(np.float32), std.astype(np.float32))

    def std_kind(self, samples: int) -> StdKind | None:
        """Return ``"samples"`` for several samples; see `System.std_kind`."""
        return "samples" if samples > 1 else None

    def covariates_used(self) -> tuple[CovariateName, ...]:
        """Return the configuration's covariates."""
        return self.config.data.covariates

    def check_samples(self, samples: int) -> None:
        """Accept any number: each sample starts at other noise."""

    def resources(
        self, *, grid_shape: tuple[int, int, int] | None = None, subjects: int | None = None
    ) -> Resources:
        """Return the size of a training; by default of 87 subjects on the grid of 4 mm."""
        config = self.config
        shape = grid_shape or model_grid(USUAL_VOXEL_MM).shape
        batch, volumes = config.training.batch_size, subjects or USUAL_SUBJECTS
        with torch.device("meta"):
            generator = self.build_generator()
            padded = [side + -side % generator.side_divisor for side in shape]
            image = torch.empty(batch, 1, *padded)
            pet, activations_bytes = run_and_measure(generator, image, image, torch.empty(batch))
        epoch = -(-volumes // batch)
        steps = config.training.epochs * epoch
        content = {
            "generator": {
                "parameters": count_parameters(generator),
                "input_shape": list(image.shape),
                "output_shape": list(pet.shape),
            },
            "training": {
                "subjects": volumes,
                "batch_size": batch,
                "steps_per_epoch": epoch,
                "steps": min(steps, config.training.max_steps or steps),
            },
            "prediction": {"evaluations_per_sample": config.flow.evaluations},
            "memory": training_memory(
                count_parameters(generator), activations_bytes, MEMORY_DEFINITION
            ),
        }
        return Resources(content, _rows(content))

    def card_lines(self, data: PreparedData) -> CardLines:
        """Return what the model card says of the flow."""
        definition = data.description.get("pet_scale_definition", "not stated")
        return CardLines(
            method="rectified flow from T1 to PET in 3D (Liu et al., ICLR 2023; Albergo et al. "
            f"2023), noise {self.config.flow.noise:g}; the mean of one evaluation, or samples of "
            f"{self.config.flow.evaluations} evaluations",
            intensities=f"the network's 1 is {data.pet_scale:.6g} {data.unit}: {definition}",
            limits="- The standard deviation over samples is right in size for subjects like "
            "those that it was\n  calibrated on, not for others.\n",
        )

    def describe_run(self, steps: Any, planes: tuple[Plane, ...] | None = None) -> str:
        """Return one phrase on what was trained."""
        config = self.config
        return (
            f"{config.system}: rectified flow on whole volumes, {steps} steps of batch "
            f"{self.batch_text}, seed {config.seed}; the mean by one evaluation"
        )


def _rows(content: dict[str, Any]) -> list[tuple[str, str]]:
    generator, training = content["generator"], content["training"]
    return [
        ("generator", f"{generator['parameters']:,} parameters"),
        (
            "  volumes in, out",
            f"2 x {shape_text(generator['input_shape'])} -> "
            f"{shape_text(generator['output_shape'])}",
        ),
        ("  a sample", f"{content['prediction']['evaluations_per_sample']} evaluations"),
        ("training", f"{training['subjects']} subjects"),
        (
            "  per epoch",
            f"{training['steps_per_epoch']:,} steps of batch {training['batch_size']}",
        ),
        ("  in all", f"{training['steps']:,} steps"),
        *memory_rows(content["memory"]),
    ]
