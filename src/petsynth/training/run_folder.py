"""The folder of one training run, and whether a training may go on in it.

::

    RUN/config.toml               the fully resolved configuration
    RUN/data.json                 which prepared data it is trained on
    RUN/start.json                which trained weights it started from, if it did (``--from``)
    RUN/model.safetensors         the generator after the last finished epoch (paper B: written
                                  every `validate_every` epochs)
    RUN/model_card.md             what that model is, for people
    RUN/train_log.csv             losses by step
    RUN/validation_log.csv        image metrics by epoch (where there are validation subjects)
    RUN/checkpoints/last.pt       everything that is needed to go on; written with the model, and
                                  every `checkpoint_minutes`
    RUN/checkpoints/best.safetensors   the generator with the smallest validation error
    RUN/samples/*.png             pictures during training
    RUN/events.out.tfevents.*     TensorBoard
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petsynth.config import config_to_toml, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError, OutputError, RunError
from petsynth.io.atomic import write_json, write_text
from petsynth.systems.fields import SystemConfig


@dataclass(frozen=True)
class RunFolder:
    """The paths inside a run."""

    root: Path

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.root / "config.toml"

    @property
    def data(self) -> Path:
        """The identity of the prepared data."""
        return self.root / "data.json"

    @property
    def start(self) -> Path:
        """Which trained weights the training started from; there if it did."""
        return self.root / "start.json"

    def read_start(self) -> dict[str, Any] | None:
        """Return `petsynth.training.initial_weights.Start.describe`; None for random weights.

        Raises
        ------
        RunError
            If the file is damaged.
        """
        try:
            content: dict[str, Any] = json.loads(self.start.read_text(encoding="utf-8"))
            return {**content, "frozen_levels": int(content["frozen_levels"])}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{self.start}: damaged ({error}); copy the run again") from None

    @property
    def model(self) -> Path:
        """The generator's weights."""
        return self.root / "model.safetensors"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.root / "model_card.md"

    @property
    def train_log(self) -> Path:
        """Losses."""
        return self.root / "train_log.csv"

    @property
    def validation_log(self) -> Path:
        """Image metrics on the validation subjects."""
        return self.root / "validation_log.csv"

    @property
    def checkpoint(self) -> Path:
        """The state from which training goes on."""
        return self.root / "checkpoints" / "last.pt"

    @property
    def best(self) -> Path:
        """The weights with the smallest validation error."""
        return self.root / "checkpoints" / "best.safetensors"

    @property
    def samples(self) -> Path:
        """Pictures during training."""
        return self.root / "samples"

    def parts(self) -> list[Path]:
        """Return the files and folders of a run that are there."""
        named = [self.config, self.data, self.start, self.model, self.card, self.train_log]
        named += [self.validation_log, self.checkpoint.parent, self.samples]
        return [path for path in named if path.exists()] + sorted(self.root.glob("events.out.*"))


def open_run(
    root: str | Path, config: SystemConfig, data: PreparedData, *, resume: bool, overwrite: bool
) -> RunFolder:
    """Make a run folder, or check that an earlier training may go on in it.

    Parameters
    ----------
    root : str or Path
        The folder.
    config : SystemConfig
        What is about to be trained.
    data : PreparedData
        What it is trained on.
    resume : bool
        Whether to go on with what is there; an empty or missing folder is started.
    overwrite : bool
        Whether to remove an earlier run first.

    Raises
    ------
    OutputError
        If the folder holds something and neither is asked for, or both are, or it holds
        something else.
    RunError
        If the run to go on with has another configuration or other data; the keys that differ
        are named. A key that an older version lacked counts at its default.
    """
    folder = RunFolder(Path(root))
    if folder.root.exists() and not folder.root.is_dir():
        raise OutputError(f"{root}: is a file; name a folder")
    held = set(folder.root.iterdir()) if folder.root.is_dir() else set()
    if held and overwrite and resume:
        raise OutputError(f"{root}: give --resume to go on or --overwrite to start anew, not both")
    if held and overwrite:
        _clear(folder, held)
    elif folder.config.exists() and resume:
        _check_same(folder, config, data)
        return folder
    elif folder.config.exists():
        raise OutputError(
            f"{root}: holds a run already; go on with --resume, replace it with --overwrite, "
            "or name another folder"
        )
    elif held:
        raise OutputError(f"{root}: holds {min(held).name}, which is no run; name another folder")
    write_json(folder.data, identify_data(data))
    write_text(folder.config, config_to_toml(config))
    return folder


def identify_data(data: PreparedData) -> dict[str, Any]:
    """Return what tells prepared data from others: tracer, grid, scale, subjects of the split."""
    return {
        "tracer": data.tracer,
        "unit": data.unit,
        "frames": data.frames,
        "grid": data.grid.to_dict(),
        **({} if data.t1_grid is None else {"t1_grid": data.t1_grid.to_dict()}),
        "pet_scale": data.pet_scale,
        "simulated": data.simulated,
        "training_participants": data.participants("train"),
        "validation_participants": data.participants("validation"),
    }


def _clear(folder: RunFolder, held: set[Path]) -> None:
    parts = set(folder.parts())
    others = sorted(path.name for path in held - parts if not path.name.startswith(".tmp-"))
    if others:
        raise OutputError(
            f"{folder.root}: holds {others[0]}, which is no part of a run; nothing was removed: "
            "name another folder"
        )
    for path in parts:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _check_same(folder: RunFolder, config: SystemConfig, data: PreparedData) -> None:
    pairs: list[tuple[str, Path, Callable[[str], Any], Any]] = [
        ("configuration", folder.config, _read_config, _read_config(config_to_toml(config))),
        ("prepared data", folder.data, json.loads, identify_data(data)),
    ]
    for what, path, read, now in pairs:
        try:
            before = read(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, ConfigError) as error:
            raise RunError(f"{path}: cannot be read ({error}); train into a new folder") from None
        differences = list(_differences(before, now))
        if differences:
            raise RunError(
                f"{folder.root}: was started with another {what}: {'; '.join(differences)}; "
                "use the same to resume, or train into a new folder"
            )


def _read_config(text: str) -> dict[str, Any]:
    """Return all values, those of keys that an older version had not yet as well."""
    return tomllib.loads(config_to_toml(parse_config(tomllib.loads(text))))


def _differences(before: Any, now: Any, name: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            difference
            for key in sorted(before.keys() | now.keys())
            for difference in _differences(
                before.get(key), now.get(key), f"{name}.{key}" if name else key
            )
        ]
    return [] if before == now else [f"{name} ({_short(before)} there, {_short(now)} now)"]


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
