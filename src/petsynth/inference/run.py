"""A trained model as a folder: find it, check it, load it, onto the device that is asked for.

``RUN/config.toml`` says what was trained, ``RUN/model.safetensors`` holds the generator's weights
and, as metadata, what is needed to use them: tracer, unit, PET scale and grid. The metadata are
checked before anything is computed or named after them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from petsynth.config import config_hash, parse_config, read_toml, toml_hash
from petsynth.errors import ArgumentError, RunError
from petsynth.io.bids.names import SPACES
from petsynth.io.text import check_file, check_positive, check_text, exists
from petsynth.networks.layers import lay_channels_last
from petsynth.networks.weights import check_metadata_unchanged, load_weights, read_metadata
from petsynth.simulation.sidecars import ACQUISITION
from petsynth.systems.base import (
    Prediction,
    PredictionSettings,
    SubjectInfo,
    System,
    TrainedGenerator,
)
from petsynth.systems.fields import SystemConfig
from petsynth.systems.registry import build_system
from petsynth.volume import Grid, check_grid, check_tracer

CONFIG = "config.toml"
WEIGHTS = "model.safetensors"

NEEDED = ("config_hash", "petsynth_version", "tracer", "unit", "pet_scale", "grid", "simulated")
"""Entries without which a model's PET means nothing."""


@dataclass(frozen=True)
class Run:
    """A generator that is ready to predict.

    Parameters
    ----------
    folder : Path
        Where it was loaded from.
    generator : torch.nn.Module
        On ``device``, in evaluation mode; its dropout is active all the same (paper A).
    system : System
        What it was trained as, with its configuration.
    metadata : dict
        What the weights file says about itself.
    device : torch.device
        Where the generator computes.
    """

    folder: Path
    generator: nn.Module
    system: System[Any]
    metadata: dict[str, Any]
    device: torch.device

    @property
    def config(self) -> SystemConfig:
        """What it was trained with."""
        result: SystemConfig = self.system.config
        return result

    @property
    def name(self) -> str:
        """Name of the method, such as ``pix2pix-axial``, or of the bundled model."""
        return str(self.metadata.get("name", self.config.system))

    @property
    def is_pretrained(self) -> bool:
        """Whether it comes with petsynth: only then has it a name of its own."""
        return "name" in self.metadata

    @property
    def tracer(self) -> str:
        """Tracer of the PET that it infers."""
        return str(self.metadata["tracer"])

    @property
    def unit(self) -> str:
        """Unit of the PET that it infers."""
        return str(self.metadata["unit"])

    @property
    def pet_scale(self) -> float:
        """PET value that the network sees as 1."""
        return float(self.metadata["pet_scale"])

    @property
    def simulated(self) -> bool:
        """Whether it was trained on simulated PET."""
        return bool(self.metadata["simulated"])

    @property
    def preprocessing(self) -> dict[str, Any]:
        """How the training T1s were prepared: a `PreprocessingSettings` as plain values."""
        return dict(self.metadata.get("preprocessing", {}))

    @property
    def registration(self) -> str:
        """How the training images were aligned: ``"rigid"``, or ``"none"`` for merely centred."""
        return str(self.preprocessing.get("registration", "rigid"))

    @property
    def reference_region(self) -> str | None:
        """Region that the PET is relative to; None where the unit needs none, or nobody said.

        Runs of earlier versions do not say it; what was trained on simulated PET in SUVR has
        the region of the simulation.
        """
        stated = self.metadata.get("reference_region") or self.preprocessing.get("reference_region")
        if self.unit != "SUVR" or stated:
            return str(stated) if stated else None
        simulated = {str(tracer): str(plan["reference"]) for tracer, plan in ACQUISITION.items()}
        return simulated.get(self.tracer) if self.simulated else None

    @property
    def grid(self) -> Grid:
        """The grid of the PET that it infers, and of paper A's T1."""
        return Grid.from_dict(self.metadata["grid"])

    @property
    def t1_grid(self) -> Grid | None:
        """The grid of the conformed T1, of paper B's systems; slices are cut on the PET's grid."""
        if not self.system.conformed_t1 or "t1_grid" not in self.metadata:
            return None
        return Grid.from_dict(self.metadata["t1_grid"])

    def predict(
        self, t1_XYZ: NDArray[Any], settings: PredictionSettings, subject: SubjectInfo | None = None
    ) -> Prediction:
        """Infer the PET of a T1 that was prepared as the training T1s were.

        Parameters
        ----------
        t1_XYZ : (X, Y, Z) array
            On ``t1_grid`` where the model has one, 0 to 255; else on ``grid``, in [-1, 1]
            (`petsynth.preprocessing.t1.alignment`).
        settings : PredictionSettings
            Planes, samples, seed, batch size.
        subject : SubjectInfo, optional
            What else is known of the subject; nothing if left out.

        Raises
        ------
        ValueError
            If ``samples`` is not positive, or the T1 is not on that grid.
        RunError
            If a voxel of the result is NaN or infinite.
        """
        if settings.samples < 1:
            raise ValueError(f"{settings.samples} samples: at least one is needed")
        shape = (self.t1_grid or self.grid).shape
        if t1_XYZ.shape != shape:
            raise ValueError(f"T1 of shape {t1_XYZ.shape} is not on the grid {shape}")
        model = TrainedGenerator(self.generator, self.device, self.pet_scale, self.metadata)
        prediction = self.system.predict(model, t1_XYZ, settings, subject or SubjectInfo())
        for values in (prediction.mean, prediction.std):
            bad = 0 if values is None else int(values.size - np.isfinite(values).sum())
            if bad:
                raise RunError(
                    f"{self.folder}: the model gives {bad} voxels that are NaN or infinite; its "
                    "training has diverged, or the T1 has extreme values: nothing was written"
                )
        return prediction


def load_run(folder: str | Path, device: torch.device | str = "cpu") -> Run:
    """Load a run folder.

    Parameters
    ----------
    folder : str or Path
        What ``petsynth train`` wrote.
    device : torch.device or str
        Where to compute.

    Raises
    ------
    RunError
        If the folder is missing or incomplete, weights or metadata are damaged, or its
        configuration is not the one that the weights were trained with.
    InputError
        If a file is no regular one, such as a named pipe.
    ConfigError
        If its configuration is not valid.
    """
    folder = Path(folder)
    _check_complete(folder)
    metadata = read_metadata(folder / WEIGHTS)  # first: it tells runs of another version
    content = read_toml(folder / CONFIG)
    config = parse_config(content, source=str(folder / CONFIG))
    check_metadata(folder / WEIGHTS, metadata)
    # Both stand in the weights while a training that goes on changes its configuration.
    hashes = {metadata["config_hash"], metadata.get("earlier_config_hash")}
    if not hashes & {toml_hash(content), config_hash(config)}:
        raise RunError(
            f"{folder}: {CONFIG} (hash {config_hash(config)}) is not the configuration that "
            f"{WEIGHTS} was trained with (hash {metadata['config_hash']}); put the original back"
        )
    system = build_system(config)
    generator = system.build_generator()
    load_weights(folder / WEIGHTS, generator)
    lay_channels_last(generator)
    place = torch.device(device)
    return Run(folder, generator.to(place).eval(), system, metadata, place)


def find_runs(folder: str | Path = ".") -> list[Path]:
    """Return the complete run folders at most two levels below ``folder``, by name."""
    folder = Path(folder)
    found = {path.parent for depth in ("*", "*/*") for path in folder.glob(f"{depth}/{WEIGHTS}")}
    return sorted(path for path in found if (path / CONFIG).is_file())


def _check_complete(folder: Path) -> None:
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder; petsynth train makes one")
    there = [name for name in (CONFIG, WEIGHTS) if exists(folder / name)]
    for name in there:
        check_file(folder / name)
    missing = [name for name in (CONFIG, WEIGHTS) if name not in there]
    if missing:
        raise RunError(
            f"{folder}: is no finished run, {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; name a folder that petsynth train "
            "wrote"
        )


def check_metadata(path: str | Path, metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that are incomplete or impossible.

    Tracer and name become parts of file names, the PET scale multiplies every voxel, and the grid
    says how much memory is taken.

    Parameters
    ----------
    path : str or Path
        The weights file, for the message.
    metadata : mapping
        From `petsynth.networks.weights.read_metadata`.

    Raises
    ------
    RunError
        If an entry is missing or cannot be, or is another than was written; one line that names
        the file.
    """
    missing = [key for key in NEEDED if key not in metadata]
    if missing:
        raise RunError(
            f"{path}: does not say its {', '.join(missing)}; was it made by petsynth train?"
        )
    try:
        _check_entries(metadata)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise RunError(f"{path}: damaged metadata ({error}); copy the file again") from None
    check_metadata_unchanged(path, metadata)


def _check_entries(metadata: Mapping[str, Any]) -> None:
    check_tracer(metadata["tracer"])
    texts = ("unit", "config_hash", "petsynth_version", "name", "system", "earlier_config_hash")
    for key in (*texts, "reference_region"):
        check_text(key, metadata.get(key, "none"))
    for key in ("pet_scale", "error_to_std"):
        check_positive(key, metadata.get(key, 1.0))
    for key in ("steps", "frames", "training_subjects"):
        value = metadata.get(key, 1)
        if value is not None and (not isinstance(value, int) or value < 0):
            raise ValueError(f"{key} is {value!r}, not a whole number")
    if not isinstance(metadata["simulated"], bool):
        raise ValueError(f"simulated is {metadata['simulated']!r}, not true or false")
    for key in ("grid", "t1_grid"):
        if key in metadata:
            check_grid(Grid.from_dict(metadata[key]))
    preprocessing = metadata.get("preprocessing", {})
    if not isinstance(preprocessing, Mapping):
        raise ValueError(f"preprocessing is {preprocessing!r}, not a table")
    if preprocessing.get("registration", "rigid") not in SPACES:
        raise ValueError(f"registration is {preprocessing['registration']!r}")


# Where to compute, and with how many threads.


def choose_device(name: str = "auto", threads: int | None = None) -> torch.device:
    """Return the device to predict on, and set the number of CPU threads.

    Parameters
    ----------
    name : str
        ``"auto"`` (the GPU if there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
    threads : int, optional
        CPU threads; all cores if left out, and never more.

    Raises
    ------
    ArgumentError
        If there is no such device here, or the number of threads is not positive.
    """
    cores = os.cpu_count() or 1
    if threads is not None and threads < 1:
        raise ArgumentError(f"--threads {threads}: must be 1 or more")
    torch.set_num_threads(min(threads or cores, cores))
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ArgumentError(f"--device {name}: unknown; use auto, cpu or cuda") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ArgumentError(f"--device {name}: torch finds no such GPU here; use --device cpu")
    if device.type not in ("cpu", "cuda"):
        raise ArgumentError(f"--device {name}: not supported; use auto, cpu or cuda")
    return device
