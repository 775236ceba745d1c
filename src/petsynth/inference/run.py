"""A trained model as a folder: find it, check it, load it.

``RUN/config.toml`` says what was trained, ``RUN/model.safetensors`` holds the generator's weights
and, as metadata, what is needed to use them: tracer, unit, PET scale and grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from petsynth.config import (
    Config,
    SliceConfig,
    StackConfig,
    config_hash,
    parse_config,
    read_toml,
    toml_hash,
)
from petsynth.errors import RunError
from petsynth.networks.layers import lay_channels_last
from petsynth.networks.weights import load_weights, read_metadata
from petsynth.systems.pix2pix.networks import build_generator
from petsynth.systems.unet25d.system import build_stack_generator
from petsynth.systems.volumes_networks import build_generator3d
from petsynth.volume import Grid

CONFIG = "config.toml"
WEIGHTS = "model.safetensors"
NORMAL_ERROR_TO_STD = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""
_NEEDED = ("config_hash", "petsynth_version", "tracer", "unit", "pet_scale", "grid", "simulated")


@dataclass(frozen=True)
class Run:
    """A generator that is ready to predict.

    Parameters
    ----------
    folder : Path
        Where it was loaded from.
    generator : torch.nn.Module
        On ``device``, in evaluation mode; its dropout is active all the same (paper A).
    config : Config
        What it was trained with.
    metadata : dict
        What the weights file says about itself.
    device : torch.device
        Where the generator computes.
    """

    folder: Path
    generator: nn.Module
    config: Config
    metadata: dict[str, Any]
    device: torch.device

    @property
    def name(self) -> str:
        """Name of the method, such as ``pix2pix-axial``, or of the pretrained model."""
        return str(self.metadata.get("name", self.config.system))

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
    def preparation(self) -> dict[str, Any]:
        """How the training T1s were prepared: a `PreprocessingSettings` as plain values."""
        return dict(self.metadata.get("preparation", {}))

    @property
    def registration(self) -> str:
        """How the training images were aligned: ``"rigid"``, or ``"none"`` for merely centred."""
        return str(self.preparation.get("registration", "rigid"))

    @property
    def grid(self) -> Grid:
        """The grid of the PET that it infers, and of paper A's T1."""
        return Grid.from_dict(self.metadata["grid"])

    @property
    def t1_grid(self) -> Grid | None:
        """The grid of the conformed T1, of paper B's systems; slices are cut on the PET's grid."""
        if self.slices is not None or self.stacks is not None:
            return None
        return Grid.from_dict(self.metadata["t1_grid"]) if "t1_grid" in self.metadata else None

    @property
    def slices(self) -> SliceConfig | None:
        """The configuration, if the system predicts slice by slice."""
        return self.config if isinstance(self.config, SliceConfig) else None

    @property
    def stacks(self) -> StackConfig | None:
        """The configuration, if the system predicts from stacks of slices."""
        return self.config if isinstance(self.config, StackConfig) else None

    def has_std(self, samples: int) -> bool:
        """Whether a prediction of so many samples comes with a standard deviation."""
        return self.stacks is not None or samples > 1

    @property
    def error_to_std(self) -> float:
        """What makes a standard deviation of an expected error; measured on held-out people."""
        return float(self.metadata.get("error_to_std", NORMAL_ERROR_TO_STD))


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
        If the folder is missing or incomplete, the weights are damaged, or its configuration
        is not the one that the weights were trained with.
    ConfigError
        If its configuration is not valid.
    """
    folder = Path(folder)
    _check_complete(folder)
    content = read_toml(folder / CONFIG)
    config = parse_config(content, source=str(folder / CONFIG))
    metadata = read_metadata(folder / WEIGHTS)
    missing = [key for key in _NEEDED if key not in metadata]
    if missing:
        raise RunError(
            f"{folder / WEIGHTS}: does not say its {', '.join(missing)}; was it made by "
            "petsynth train?"
        )
    if metadata["config_hash"] not in (toml_hash(content), config_hash(config)):
        raise RunError(
            f"{folder}: {CONFIG} (hash {config_hash(config)}) is not the configuration that "
            f"{WEIGHTS} was trained with (hash {metadata['config_hash']}); put the original back"
        )
    generator = _build(config)
    load_weights(folder / WEIGHTS, generator)
    lay_channels_last(generator)
    place = torch.device(device)
    return Run(folder, generator.to(place).eval(), config, metadata, place)


def find_runs(folder: str | Path = ".") -> list[Path]:
    """Return the complete run folders at most two levels below ``folder``, by name."""
    folder = Path(folder)
    found = {path.parent for depth in ("*", "*/*") for path in folder.glob(f"{depth}/{WEIGHTS}")}
    return sorted(path for path in found if (path / CONFIG).is_file())


def _build(config: Config) -> nn.Module:
    if isinstance(config, StackConfig):
        return build_stack_generator(config)
    if isinstance(config, SliceConfig):
        return build_generator(config.system, **vars(config.generator))
    return build_generator3d(config)


def _check_complete(folder: Path) -> None:
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder; petsynth train makes one")
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise RunError(
            f"{folder}: is no finished run, {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; name a folder that petsynth train "
            "wrote"
        )
