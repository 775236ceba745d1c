"""What a system is: the interface that trainer, inference, evaluation, report and cards know.

A `System` belongs to one configuration and keeps nothing else. It knows its networks, how to start
a `Training` of them, how a trained generator predicts, how large it is, and how to say all that in
words. A new system is a package with a configuration, a `System` and a `Training`, and a line in
`petsynth.systems.registry` (docs/add-a-system.md).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from petsynth.covariates import CovariateName, Covariates
from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError
from petsynth.slicing import Plane
from petsynth.systems.fields import SystemConfig
from petsynth.systems.optimisation import Networks
from petsynth.systems.resources import Resources

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Batch = TypeVar("Batch")
Config = TypeVar("Config", bound=SystemConfig)

StdKind = Literal["dropout", "expected-error", "samples"]
"""What a standard deviation means: the spread over samples of the generator's dropout; what a
measured PET would differ by, as the network expects; the spread over samples of a stochastic
generator."""


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator, and what is needed to use it.

    Parameters
    ----------
    network : torch.nn.Module
        On ``device``, in evaluation mode.
    device : torch.device
        Where it computes.
    pet_scale : float
        PET value that the network sees as 1; see `petsynth.data.scale`.
    metadata : mapping
        What the weights file says of itself, with a system's own entries.
    """

    network: nn.Module
    device: torch.device
    pet_scale: float
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PredictionSettings:
    """What a user may choose of a prediction.

    Parameters
    ----------
    planes : tuple of {"axial", "coronal", "sagittal"}, optional
        Planes whose predictions are averaged, of systems that work on slices; the system's own
        choice if left out.
    samples : int
        Number of samples, of systems that can draw several.
    seed : int
        Chooses them.
    batch_size : int
        Slices at once; changes speed and memory, not the result.
    on_sample : function
        Called after each sample.
    """

    planes: tuple[Plane, ...] | None = None
    samples: int = 1
    seed: int = 0
    batch_size: int = 8
    on_sample: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class SubjectInfo:
    """What is known of a subject beside the T1, for systems that use it.

    Parameters
    ----------
    mask : (X, Y, Z) bool array, optional
        Brain, on the grid of the PET.
    covariates : mapping of str to float
        See `petsynth.covariates.parse_covariate`.
    """

    mask: NDArray[np.bool_] | None = None
    covariates: Covariates = field(default_factory=dict)


@dataclass(frozen=True)
class Prediction:
    """A synthetic PET on the model's grid, in PET units.

    Parameters
    ----------
    mean : (X, Y, Z) or (X, Y, Z, T) float32 array
        The mean over samples, or the only one; T frames if the model infers them.
    std : (X, Y, Z) float32 array or None
        Standard deviation, where the system has one for these settings.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TrainingFormat:
    """An image format of the training data that loses something by itself.

    Parameters
    ----------
    name : str
        Such as ``"jpeg"``.
    description : str
        One sentence.
    apply : function from ((X, Y, Z) array, float) to (X, Y, Z) array
        Passes a PET through it, given the PET scale; both in PET units.
    """

    name: str
    description: str
    apply: Callable[[NDArray[Any], float], NDArray[np.float32]]


@dataclass(frozen=True)
class CardLines:
    """What a model card says that differs between systems.

    Parameters
    ----------
    method : str
        The method and its paper.
    intensities : str
        What the network's intensities are in PET units.
    grid : str
        What is added to the line on the PET's grid; empty if nothing.
    limits : str
        Further limits, as Markdown list items; empty if there are none.
    """

    method: str
    intensities: str
    grid: str = ""
    limits: str = ""


class Training(ABC, Generic[Batch]):
    """A training of one system on prepared data: what the trainer's loop needs.

    Attributes
    ----------
    networks : Networks
        The networks and their optimisers; the generator is what is kept.
    terms : tuple of str
        Names of the loss terms, in the order of the log.
    extras : tuple of str
        Names of what is measured now and then beside them.
    planes : tuple of {"sagittal", "coronal", "axial"}
        Which slices sample pictures show.
    write_every : int
        Epochs between model files, and between checkpoints.
    epoch_steps : int
        Steps of one epoch.
    steps : int
        Steps of the whole training.
    """

    networks: Networks
    terms: tuple[str, ...]
    extras: tuple[str, ...] = ()
    planes: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
    write_every: int = 1
    epoch_steps: int
    steps: int

    @abstractmethod
    def batches(self, start: int) -> Iterator[Batch]:
        """Yield what each step takes, from a step on, on the device.

        Nothing may depend on the steps before ``start``, so that a training that was stopped and
        resumed ends with the same weights.
        """

    @abstractmethod
    def train_step(self, batch: Batch, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve the networks; return ``terms``, with ``measure`` also ``extras``."""

    @abstractmethod
    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the synthetic PET of a prepared subject, (X, Y, Z[, T]) in PET units."""


class System(ABC, Generic[Config]):
    """A method with one configuration.

    Parameters
    ----------
    config : SystemConfig
        Of the class that the registry names for the system.
    """

    conformed_t1: ClassVar[bool] = False
    """Whether the networks read the T1 on paper B's cube (``--grid paper-b``), not on the grid of
    the PET."""

    calibration_samples: ClassVar[int | None] = None
    """Samples by which training measures how far the standard deviation is off, for the metadata's
    ``error_to_std``; None where it is no statement on the error."""

    def __init__(self, config: Config):
        self.config = config

    @classmethod
    @abstractmethod
    def small_tables(cls, name: str) -> dict[str, Any]:
        """Return tables of a configuration for `petsynth.systems.testing.check_system`.

        With them ``name``, one of the class's systems, takes six steps in seconds on axial slices
        of 21 x 25 pixels, or on paper B's grid with voxels of 13 mm and two frames.
        """

    # Data and networks

    def check_data(self, data: PreparedData) -> None:
        """Raise InputError or ConfigError unless data are prepared as the configuration wants."""

    def read_t1(self, data: PreparedData, participant: str) -> NDArray[np.float32]:
        """Return a prepared subject's T1 as the generator's `predict` takes it."""
        return data.t1(participant) if self.conformed_t1 else data.mri(participant)

    @abstractmethod
    def build_generator(self) -> nn.Module:
        """Make the network that is kept, with initial weights from torch's global generator."""

    @abstractmethod
    def start_training(self, data: PreparedData, fabric: Fabric) -> Training[Any]:
        """Make networks, optimisers and batches for training subjects.

        Raises
        ------
        InputError, ConfigError
            As `check_data`.
        """

    # Starting from trained weights

    def adaptation_tables(self) -> dict[str, dict[str, Any]]:
        """Return the smaller learning rate and fewer epochs of a training from trained weights."""
        return {}

    def network_tables(self) -> dict[str, dict[str, Any]]:
        """Return the settings that make the generator what it is: weights fit no other.

        A training that starts from the weights takes them over; what a user gives stands over them.
        """
        generator = getattr(self.config, "generator", None)
        return {} if generator is None else {"generator": dict(vars(generator))}

    def encoder_levels(self, generator: nn.Module) -> list[nn.Module]:
        """Return the generator's early layers that can be frozen, the outermost first."""
        return []

    def extend_weights(
        self, generator: nn.Module, weights: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return trained weights with those that they lack, where these can begin at no effect.

        Parameters
        ----------
        generator : torch.nn.Module
            The network that the weights are for.
        weights : mapping of str to Tensor
            Of a network that may lack inputs which the generator has.
        """
        return dict(weights)

    def rescale_output(self, generator: nn.Module, factor: float) -> bool:
        """Multiply what the generator makes of PET units by a factor, in place, if it can be.

        Parameters
        ----------
        generator : torch.nn.Module
            With trained weights.
        factor : float
            PET scale that they were trained with, over that of the new data.

        Returns
        -------
        bool
            Whether it was done; False if the first steps must learn it.
        """
        return False

    # Prediction

    @abstractmethod
    def predict(
        self,
        model: TrainedGenerator,
        t1_XYZ: NDArray[np.float32],
        settings: PredictionSettings,
        subject: SubjectInfo,
    ) -> Prediction:
        """Infer the PET of one T1, prepared as the training T1s were.

        Parameters
        ----------
        model : TrainedGenerator
            The generator.
        t1_XYZ : (X, Y, Z) array
            As `read_t1` returns it.
        settings : PredictionSettings
            What a user chose.
        subject : SubjectInfo
            What else is known; most systems use nothing of it.

        Raises
        ------
        ValueError
            If the T1 is not on the grid that the generator was made for.
        """

    def std_kind(self, samples: int) -> StdKind | None:
        """Return what the standard deviation of so many samples means; None if there is none."""
        return None

    def planes_used(self, planes: Sequence[Plane] | None) -> tuple[Plane, ...]:
        """Return the planes that a prediction averages; empty of a system without slices."""
        return ()

    def unseen_planes(self, planes: Sequence[Plane]) -> list[Plane]:
        """Return which of some planes the generator was not trained on, where that matters."""
        return []

    def covariates_used(self) -> tuple[CovariateName, ...]:
        """Return what else of a subject a prediction uses, where it is known."""
        return ()

    def check_samples(self, samples: int) -> None:
        """Raise ArgumentError if the system cannot draw several samples and is asked to."""
        if samples > 1:
            raise ArgumentError(
                f"--samples {samples}: {self.config.system} is not stochastic, so all samples "
                "would be the same; leave it out"
            )

    # Size and words

    @abstractmethod
    def resources(
        self, *, grid_shape: tuple[int, int, int] | None = None, subjects: int | None = None
    ) -> Resources:
        """Return parameters, shapes, receptive field, memory and steps of a training.

        Parameters
        ----------
        grid_shape : tuple of 3 int, optional
            Of the prepared data; the system's usual one if left out.
        subjects : int, optional
            Training subjects; as many as the paper had if left out.

        Raises
        ------
        ConfigError
            If the configuration does not fit the grid.
        """

    @abstractmethod
    def card_lines(self, data: PreparedData) -> CardLines:
        """Return what the model card says of the method."""

    @abstractmethod
    def describe_run(self, steps: Any, planes: tuple[Plane, ...] | None = None) -> str:
        """Return one phrase for the tables' notes: ``steps`` taken, ``planes`` asked for."""

    def training_format(self) -> TrainingFormat | None:
        """Return the image format that limits what the system can learn; None if there is none."""
        return None

    @property
    def batch_text(self) -> str:
        """The batch of one step, as it is written: ``2``, or ``2 x 2`` with accumulation."""
        return str(self.config.training.batch_size)
