"""The folder of one training run, and whether a training may go on in it.

::

    RUN/config.toml               the fully resolved configuration
    RUN/data.json                 which prepared data it is trained on
    RUN/start.json                which trained weights it started from, if it did (``--from``)
    RUN/model.safetensors         the generator after the last finished epoch (paper B: written
                                  every `validate_every` epochs)
    RUN/model_card.md             what that model is, for readers
    RUN/train_log.csv             losses by step
    RUN/validation_log.csv        image metrics by epoch (where there are validation subjects)
    RUN/checkpoints/last.pt       everything that is needed to go on; written with the model, and
                                  every `checkpoint_minutes`
    RUN/checkpoints/best.safetensors   the generator with the smallest validation error
    RUN/samples/*.png             pictures during training
    RUN/events.out.tfevents.*     TensorBoard
    RUN/logs/petsynth-train-*.log   what the command said, one file per start
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petsynth.config import config_hash, config_to_toml, parse_config, toml_hash
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError, InputError, OutputError, RunError
from petsynth.io.atomic import atomic_path, write_json, write_text
from petsynth.io.lock import is_bookkeeping
from petsynth.io.removal import remove_own
from petsynth.io.text import exists, read_json, read_text, read_toml
from petsynth.log import LOG_FILES
from petsynth.networks.weights import copy_weights
from petsynth.systems.fields import SystemConfig

logger = logging.getLogger(__name__)


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
            if not exists(self.start):
                return None
            content = read_json(self.start)
            return {**content, "frozen_levels": int(content["frozen_levels"])}
        except (InputError, ValueError, KeyError, TypeError) as error:
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


FILES = (
    "config.toml",
    "data.json",
    "start.json",
    "model.safetensors",
    "model_card.md",
    "train_log.csv",
    "validation_log.csv",
    "checkpoints/last.pt",
    "checkpoints/best.safetensors",
    "samples/epoch-*.png",
    "events.out.tfevents.*",
    LOG_FILES,
)
"""Names of everything that a training writes into its run folder."""

ADJUSTABLE = frozenset(
    f"training.{name}"
    for name in (
        "epochs",
        "max_steps",
        "log_every",
        "checkpoint_minutes",
        "validate_every",
        "samples_every",
        "workers",
    )
)
"""Keys that may change when a training goes on: how long it is, and what it writes on the way."""
_LENGTH = ("training.epochs", "training.max_steps")


def open_run(
    root: str | Path,
    config: SystemConfig,
    data: PreparedData,
    *,
    resume: bool,
    overwrite: bool,
    started_from: dict[str, Any] | None = None,
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
        Whether to remove an earlier run first: its `FILES`, and nothing if there is anything else.
    started_from : dict, optional
        Of the trained weights that the training starts from.

    Raises
    ------
    OutputError
        If the folder holds something and neither is asked for, or both are, or it holds
        something else.
    RunError
        If the run to go on with has other data or another configuration, `ADJUSTABLE` keys
        excepted; the keys that differ are named. A key that an older version lacked counts at its
        default.
    """
    folder = RunFolder(Path(root))
    if folder.root.exists() and not folder.root.is_dir():
        raise OutputError(f"{root}: is a file; name a folder")
    held = sorted(path.name for path in folder.root.iterdir()) if folder.root.is_dir() else []
    held = [name for name in held if not is_bookkeeping(name)]
    if held and overwrite and resume:
        raise OutputError(f"{root}: give --resume to go on or --overwrite to start anew, not both")
    if held and overwrite:
        remove_own(folder.root, FILES, "a run")
    elif folder.config.exists() and resume:
        _check_same(folder, config, data)
        return folder
    elif folder.config.exists():
        raise OutputError(
            f"{root}: holds a run already; go on with --resume, replace it with --overwrite, "
            "or name another folder"
        )
    elif held and not _has_just_begun(folder, held):
        raise OutputError(f"{root}: holds {held[0]}, which is no run; name another folder")
    write_json(folder.data, identify_data(data))
    if started_from is not None:
        write_json(folder.start, started_from)
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


def _has_just_begun(folder: RunFolder, held: list[str]) -> bool:
    """Whether a training was killed before it wrote its configuration."""
    if not set(held) <= {folder.data.name, folder.start.name}:
        return False
    try:
        return "training_participants" in read_json(folder.data)
    except InputError:
        return False


def adopt_changes(folder: RunFolder, config: SystemConfig, step: int) -> None:
    """Let a training that goes on have the `ADJUSTABLE` keys of a new configuration.

    ``config.toml`` then holds the new values and, in its first lines, which were changed when. The
    weights files name the new configuration as theirs, too.

    Parameters
    ----------
    folder : RunFolder
        That `open_run` has accepted.
    config : SystemConfig
        The new configuration.
    step : int
        Where the training stands.
    """
    content = read_toml(folder.config)
    before, now = _all_values(content), tomllib.loads(config_to_toml(config))
    changes = dict(_differences(before, now))
    if not changes:
        return
    told = "; ".join(f"{key} {difference}" for key, difference in changes.items())
    stretched = ""
    if any(key in _LENGTH for key in changes):
        stretched = "; a learning-rate schedule is stretched over the new number of steps"
    logger.info(f"{folder.root}: changed after step {step}: {told}{stretched}")
    # Old and new hash stand in the weights until config.toml is replaced: a kill in between leaves
    # a run that can be used.
    earlier = toml_hash(content)
    hashes = {"config_hash": config_hash(config), "earlier_config_hash": earlier}
    for weights in (folder.model, folder.best):
        if weights.exists():
            with atomic_path(weights) as temporary:
                copy_weights(weights, temporary, hashes)
    text = read_text(folder.config)
    comments = [line for line in text.splitlines() if line.startswith("#")]
    comments.append(f"# changed after step {step}: {told}")
    write_text(folder.config, "\n".join(comments) + "\n" + config_to_toml(config))


def _check_same(folder: RunFolder, config: SystemConfig, data: PreparedData) -> None:
    pairs: list[tuple[str, Path, Callable[[Path], Any], Any]] = [
        (
            "configuration",
            folder.config,
            lambda path: _all_values(read_toml(path)),
            tomllib.loads(config_to_toml(config)),
        ),
        ("prepared data", folder.data, read_json, identify_data(data)),
    ]
    for what, path, read, now in pairs:
        try:
            before = read(path)
        except (InputError, ConfigError) as error:
            raise RunError(f"{path}: cannot be read ({error}); train into a new folder") from None
        differences = [
            f"{key} {difference}"
            for key, difference in _differences(before, now)
            if what != "configuration" or key not in ADJUSTABLE
        ]
        if differences:
            raise RunError(
                f"{folder.root}: was started with another {what}: {'; '.join(differences)}; "
                "use the same to resume, or train into a new folder"
            )


def _all_values(content: dict[str, Any]) -> dict[str, Any]:
    """Return all values as TOML has them, those of keys that a file has not as well."""
    return tomllib.loads(config_to_toml(parse_config(content)))


def _differences(before: Any, now: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys whose values differ, each with both values in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            inner = f"{name}.{key}" if name else key
            yield from _differences(before.get(key), now.get(key), inner)
    elif before != now:
        yield name, f"({_short(before)} there, {_short(now)} now)"


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
