"""Every knob of a training run, in one place: read from TOML, validated, frozen.

The defaults are paper A's axial configuration (section 2.3 of Jung et al., and the public
Keras notebook that it names). Functions elsewhere take plain arguments; only the command line,
training, inference and evaluation know this file.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from petsynth.errors import ConfigError, InputError

_STRICT = ConfigDict(extra="forbid")

Plane = Literal["sagittal", "coronal", "axial"]
Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=_STRICT)
class DataConfig:
    """What the network sees."""

    planes: tuple[Plane, ...] = ("axial",)
    """Slicing directions used for training; paper A: axial, or all three."""
    intensity: Literal["uint8-jpeg", "float"] = "uint8-jpeg"
    """uint8-jpeg: slices pass through 8-bit JPEG of quality 100 (paper A); float: unquantised."""
    canvas: Positive = 256
    """Side of the square image, in pixels, on whose middle a slice is placed."""
    flip: bool = True
    """Mirror left and right with probability 1/2 (never sagittal slices: theirs is front-back)."""


@dataclass(frozen=True, config=_STRICT)
class GeneratorConfig:
    """The U-Net."""

    filters: Positive = 64
    """Channels of the outermost level; they double inwards."""
    max_filters: Positive = 512
    """Upper limit of that doubling."""
    levels: Positive = 8
    """Number of halvings; the canvas must be divisible by 2 to this power."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of channels' values dropped, in training and in prediction."""
    dropout_levels: NotNegative = 3
    """Number of innermost up-blocks that have dropout."""


@dataclass(frozen=True, config=_STRICT)
class DiscriminatorConfig:
    """The PatchGAN."""

    filters: Positive = 64
    """Channels of the first layer."""
    layers: Positive = 3
    """Number of stride-2 layers; 3 gives a receptive field of 70 pixels."""


@dataclass(frozen=True, config=_STRICT)
class LossConfig:
    """Weights of the generator's loss terms."""

    adversarial: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the cross-entropy of fooling the discriminator; 0 trains on L1 alone."""
    l1: Annotated[float, Field(ge=0)] = 100.0
    """Weight of the mean absolute error, in the network's units of [-1, 1]."""


@dataclass(frozen=True, config=_STRICT)
class OptimiserConfig:
    """Adam, the same for both networks."""

    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    """Step size."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Decay of the first moment."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the second moment."""


@dataclass(frozen=True, config=_STRICT)
class TrainingConfig:
    """How long, in what portions, and what is written on the way."""

    epochs: Positive = 100
    """Passes over the training slices."""
    max_steps: NotNegative = 0
    """Stop after this many steps, if that is sooner than the epochs; 0: no such limit."""
    batch_size: Positive = 1
    """Slices per step."""
    workers: NotNegative = 0
    """Processes that load data beside the training process."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Arithmetic, in lightning-fabric's words; bf16-mixed is faster where the processor has it."""
    log_every: Positive = 50
    """Steps between rows of train_log.csv; each row is the mean over the steps since the last."""
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 10.0
    """A checkpoint is written after every epoch, and within one after this many minutes."""
    validate_every: Positive = 1
    """Epochs between validations on the validation subjects (none without such subjects)."""
    samples_every: Positive = 1
    """Epochs between sample pictures."""


@dataclass(frozen=True, config=_STRICT)
class Config:
    """A training run."""

    system: Literal["pix2pix-axial", "pix2pix-augmented"] = "pix2pix-axial"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Starts every random draw: weights, shuffling, flips, dropout."""
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    generator: GeneratorConfig = dataclasses.field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = dataclasses.field(default_factory=DiscriminatorConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimiser: OptimiserConfig = dataclasses.field(default_factory=OptimiserConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


def load_config(path: str | Path) -> Config:
    """Read and validate a TOML file.

    Parameters
    ----------
    path : str or Path
        A file, or the name of a shipped configuration such as ``small/pix2pix-axial.toml``.

    Raises
    ------
    InputError
        If there is no such file.
    ConfigError
        If it is no TOML, or has unknown keys (the closest known one is named) or bad values;
        all mistakes are reported at once.
    """
    return parse_config(read_toml(path), source=str(path))


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the nested tables of a TOML file, or of the shipped configuration of that name.

    Raises
    ------
    InputError
        If there is no such file.
    ConfigError
        If it is no TOML.
    """
    shipped = shipped_configs()
    found = Path(path) if Path(path).exists() else shipped.get(str(path), Path(path))
    try:
        return tomllib.loads(found.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = ", ".join(shipped)
        raise InputError(f"{path}: no such configuration file; shipped are {names}") from None
    except (IsADirectoryError, UnicodeDecodeError):
        raise InputError(f"{path}: not a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def shipped_configs() -> dict[str, Path]:
    """Return the configurations that come with the package, by name.

    They stand in ``configs/`` at the root of the repository; an installed package carries a
    copy within itself.
    """
    package = Path(__file__).parent
    inside, repository = package / "configs", package.parents[1] / "configs"
    root = inside if inside.is_dir() else repository
    return {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.toml"))}


def parse_config(content: dict[str, Any], source: str = "configuration") -> Config:
    """Validate nested tables into a `Config`; ``source`` is named in messages.

    Examples
    --------
    >>> parse_config({"seed": 3}).seed
    3
    >>> parse_config({"sead": 3})
    Traceback (most recent call last):
    ...
    petsynth.errors.ConfigError: configuration: unknown key 'sead' (did you mean 'seed'?)
    """
    try:
        config = TypeAdapter(Config).validate_python(content)
    except ValidationError as error:
        mistakes = [_describe(item) for item in error.errors()]
        raise ConfigError(f"{source}: " + "; ".join(mistakes)) from None
    _check_consistency(config, source)
    return config


def config_to_toml(config: Config) -> str:
    """Return the fully resolved configuration as TOML."""
    return tomli_w.dumps(dataclasses.asdict(config))


def config_hash(config: Config) -> str:
    """Return 12 hexadecimal digits that differ whenever any value differs."""
    return hashlib.sha256(config_to_toml(config).encode()).hexdigest()[:12]


def _check_consistency(config: Config, source: str) -> None:
    mistakes = []
    if config.data.canvas % 2**config.generator.levels:
        mistakes.append(
            f"data.canvas is {config.data.canvas}, not divisible by "
            f"2**generator.levels = {2**config.generator.levels}"
        )
    if config.data.canvas // 2**config.discriminator.layers < 3:
        mistakes.append(
            f"data.canvas {config.data.canvas} is too small for discriminator.layers "
            f"{config.discriminator.layers}: no patch would be left to judge"
        )
    if not config.data.planes or len(set(config.data.planes)) < len(config.data.planes):
        mistakes.append("data.planes must name at least one plane, each once")
    if config.generator.dropout_levels >= config.generator.levels:
        mistakes.append("generator.dropout_levels must be smaller than generator.levels")
    if mistakes:
        raise ConfigError(f"{source}: " + "; ".join(mistakes))


def _describe(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] != "unexpected_keyword_argument":
        return f"{where}: {item['msg'].lower()}, got {item['input']!r}"
    return describe_unknown_key(where)


def describe_unknown_key(key: str) -> str:
    """Say that there is no such key, and name the closest one.

    Examples
    --------
    >>> describe_unknown_key("training.epoch")
    "unknown key 'training.epoch' (did you mean 'training.epochs'?)"
    """
    close = difflib.get_close_matches(key, known_keys(), n=1, cutoff=0.5)
    hint = f" (did you mean '{close[0]}'?)" if close else f"; known keys: {', '.join(known_keys())}"
    return f"unknown key '{key}'{hint}"


def known_keys(kind: Any = Config, prefix: str = "") -> list[str]:
    """Return every key as it is written on the command line, such as ``training.epochs``."""
    keys = []
    defaults = kind()
    for field in dataclasses.fields(kind):
        keys.append(prefix + field.name)
        value = getattr(defaults, field.name)
        if dataclasses.is_dataclass(value):
            keys.extend(known_keys(type(value), f"{prefix}{field.name}."))
    return keys
