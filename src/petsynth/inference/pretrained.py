"""The models that come with the package, and how a model is found by name, folder or file.

A pretrained model is a run folder inside the package (``petsynth/pretrained/NAME``):
configuration, weights, model card. Its weights are checked against the checksum below whenever
they are loaded, so that a damaged or exchanged file is noticed.
"""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from petsynth.errors import RunError
from petsynth.inference.run import WEIGHTS, Run, find_runs, load_run

CHECKSUMS: dict[str, str] = {
    "petsynth-fdg": "79aafc330743a94845198165c031c86a481331b6e33c95202d76d1bba9239fef",
    "petsynth-av45": "62b165093ece78cc975775956fd7f608ca8191ae9368be70ee83e2ac09a9d076",
    "petsynth-av1451": "48206cbd58b54896b6138a725ec9108822655190838acfe89b703be48c2c52b0",
}
"""Name of each pretrained model -> SHA-256 of its weights file."""

DEFAULT = "petsynth-fdg"
"""The model that is used where none is named."""

CARD = "model_card.md"


@dataclass(frozen=True)
class PretrainedModel:
    """A model that comes with the package.

    Parameters
    ----------
    name : str
        What ``--model`` takes.
    folder : Path
        Its run folder.
    checksum : str
        SHA-256 of its weights file.
    """

    name: str
    folder: Path
    checksum: str

    @property
    def card(self) -> Path:
        """The model card."""
        return self.folder / CARD

    def check(self) -> None:
        """Raise RunError unless the weights are those that were shipped."""
        path = self.folder / WEIGHTS
        if not path.is_file():
            raise RunError(f"{path}: is missing from the installation; install petsynth again")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != self.checksum:
            raise RunError(
                f"{path}: damaged (SHA-256 {found[:12]}..., shipped was {self.checksum[:12]}...); "
                "install petsynth again"
            )


def pretrained_models() -> list[PretrainedModel]:
    """Return the models that come with the package, by name."""
    root = Path(__file__).parents[1] / "pretrained"
    return [PretrainedModel(name, root / name, checksum) for name, checksum in CHECKSUMS.items()]


def load_model(model: str | Path | None = None, device: torch.device | str = "cpu") -> Run:
    """Load a model by its name, its run folder or its weights file.

    Parameters
    ----------
    model : str or Path, optional
        A file or folder of that name comes before a pretrained model; `DEFAULT` if left out.
    device : torch.device or str
        Where to compute.

    Raises
    ------
    RunError
        If there is no such model, or it cannot be used.
    ConfigError
        If its configuration is not valid.
    """
    return load_run(_find_run(model), device)


def find_weights(model: str | Path) -> Path:
    """Return the weights file of a model, by its name, its run folder or that file itself.

    Raises
    ------
    RunError
        If there is no such model, or a pretrained one is damaged.
    """
    path = Path(model)
    return path if path.is_file() else _find_run(model) / WEIGHTS


def find_run_folder(model: str | Path) -> Path:
    """Return a run folder as it is named, or a pretrained model's if there is none of that name.

    Raises
    ------
    RunError
        If the pretrained model is damaged.
    """
    is_name = not Path(model).exists() and str(model) in CHECKSUMS
    return _find_run(model) if is_name else Path(model)


def _find_run(model: str | Path | None) -> Path:
    path = Path(model or DEFAULT)
    if model is not None and path.is_file():
        return _run_of(path)
    if model is not None and path.is_dir():
        return path
    named = {each.name: each for each in pretrained_models()}.get(str(path))
    if named is None:
        raise RunError(_no_such_model(path))
    named.check()
    return named.folder


def _run_of(weights: Path) -> Path:
    if weights.name != WEIGHTS:
        raise RunError(
            f"{weights}: is no {WEIGHTS}; name a run folder, its {WEIGHTS} or a pretrained model"
        )
    return weights.parent


def _no_such_model(path: Path) -> str:
    close = difflib.get_close_matches(str(path), CHECKSUMS, n=1, cutoff=0.8)
    hint = f" (did you mean {close[0]}?)" if close else f"; pretrained: {', '.join(CHECKSUMS)}"
    runs = ", ".join(map(str, find_runs()))
    nearby = f"; trained runs nearby: {runs}" if runs else ""
    return f"{path}: no such run folder, weights file or pretrained model{hint}{nearby}"
