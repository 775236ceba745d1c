"""``petsynth predict``: a synthetic PET for every T1 that is named.

Each T1 (NIfTI, any orientation and voxel size) gets a synthetic PET on its own grid and on the
model's, with sidecars that say so and a labelled picture. A T1 that cannot be used is reported
and the others are finished.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from petsynth.cli.options import parse_options

if TYPE_CHECKING:
    from petsynth.inference import Run
    from petsynth.log import Progress

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth predict``."""

    t1: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """T1-weighted images, .nii or .nii.gz, with the skull or without."""
    out: Path
    """Folder for the synthetic PET; made if missing."""
    model: str | None = None
    """Name of a pretrained model (see petsynth models), run folder or model.safetensors of a
    trained model; default: petsynth-fdg, which comes with petsynth."""
    planes: Literal["axial", "all"] = "axial"
    """axial: a stack of axial slices (paper A); all: mean over predictions in three planes."""
    samples: int = 1
    """Dropout draws (paper A's models only); of more, mean and standard deviation are written."""
    seed: int = 0
    """Chooses the dropout draws: the same seed gives the same images."""
    masks: tuple[Path, ...] = ()
    """Brain masks, one per T1 in its order, or one folder to find them in; computed if left out."""
    batch_size: int = 8
    """Slices at once; changes speed and memory, not the result."""
    threads: int | None = None
    """CPU threads; all cores if left out, and never more."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto: the GPU if there is one."""
    overwrite: bool = False
    """Write into a folder that holds something else, and over earlier results."""


def parse(argv: list[str]) -> Args:
    """Read the command line after ``petsynth predict``."""
    return parse_options(Args, argv, command="predict", description=__doc__)


def run(args: Args) -> None:
    """Predict each T1 in turn.

    Raises
    ------
    ArgumentError
        If an option has an impossible value.
    RunError
        If the model cannot be used.
    OutputError
        If results would overwrite each other or something else.
    InputError
        If a T1 could not be used; the others are finished before.
    """
    from petsynth.errors import InputError, RegistrationError
    from petsynth.inference import load_model
    from petsynth.inference.device import choose_device
    from petsynth.log import Progress

    _check_arguments(args)
    model = load_model(args.model, choose_device(args.device, args.threads))
    if args.model is None:
        logger.info(_which_model(model))
    _check_out(args, model)
    model.system.check_samples(args.samples)
    _warn_of_unseen_planes(args, model)
    failed = []
    with Progress("predicting", total=len(args.t1) * args.samples) as progress:
        for number, t1 in enumerate(args.t1):
            try:
                logger.info(f"{t1} -> {_predict_one(args, model, number, progress)}")
            except (InputError, RegistrationError) as error:
                if len(args.t1) == 1:
                    raise
                logger.error(f"petsynth predict: error: {error}")
                failed.append(str(t1))
                progress.advance((number + 1) * args.samples - progress.done)
    if failed:
        raise InputError(
            f"{len(failed)} of {len(args.t1)} T1s could not be used, the others are finished: "
            f"{', '.join(failed)}"
        )


def _predict_one(args: Args, model: Run, number: int, progress: Progress) -> Path:
    from petsynth.inference import PredictionSettings, predict_scan, write_prediction
    from petsynth.slicing import ALL_PLANES

    settings = PredictionSettings(
        planes=ALL_PLANES if args.planes == "all" else ("axial",),
        samples=args.samples,
        seed=args.seed,
        batch_size=args.batch_size,
        on_sample=progress.advance,
    )
    scan = predict_scan(model, args.t1[number], mask=_mask(args, number), settings=settings)
    return write_prediction(scan, args.out)[0]


def _check_arguments(args: Args) -> None:
    from petsynth.errors import ArgumentError

    for name, value, least in [
        ("--samples", args.samples, 1),
        ("--batch-size", args.batch_size, 1),
        ("--seed", args.seed, 0),
    ]:
        if value < least:
            raise ArgumentError(f"{name} {value}: must be {least} or more")
    if not args.t1:
        raise ArgumentError("no T1 is named: give one NIfTI file or more")
    folder = len(args.masks) == 1 and args.masks[0].is_dir()
    if args.masks and not folder and len(args.masks) != len(args.t1):
        raise ArgumentError(
            f"--masks: {len(args.masks)} masks for {len(args.t1)} T1s; give one file per T1 in the "
            "same order, or one folder"
        )


def _which_model(model: Run) -> str:
    source = "simulated " if model.simulated else ""
    return (
        f"model: {model.name}, which comes with petsynth ({model.tracer}, trained on {source}PET; "
        "research use, not for diagnosis); petsynth models lists others, --model names one"
    )


def _check_out(args: Args, model: Run) -> None:
    from petsynth.errors import OutputError
    from petsynth.inference.outputs import result_paths

    t1_of: dict[Path, Path] = {}
    for t1 in args.t1:
        for path in result_paths(
            args.out, t1, model, has_std=model.system.std_kind(args.samples) is not None
        ):
            if path in t1_of:
                raise OutputError(
                    f"{t1_of[path]} and {t1} would both be written to {path}; rename one, or "
                    "predict them into different folders"
                )
            t1_of[path] = t1
    if args.out.exists() and not args.out.is_dir():
        raise OutputError(f"{args.out}: is a file; name a folder")
    if args.overwrite or not args.out.is_dir():
        return
    there = [path for path in t1_of if path.exists()]
    if there:
        raise OutputError(f"{there[0]}: exists already; give --overwrite to replace it")
    held = sorted(path.name for path in args.out.iterdir())
    if held and not any("_desc-synth_" in name for name in held):
        raise OutputError(
            f"{args.out}: holds {held[0]}, which is no prediction; name another folder, or give "
            "--overwrite to write beside it"
        )


def _warn_of_unseen_planes(args: Args, model: Run) -> None:
    import warnings

    from petsynth.errors import PetsynthWarning
    from petsynth.slicing import ALL_PLANES

    unseen = model.system.unseen_planes(ALL_PLANES if args.planes == "all" else ("axial",))
    if unseen:
        warnings.warn(
            f"{model.folder} was not trained on {' and '.join(unseen)} slices: what it makes of "
            "them is worse",
            PetsynthWarning,
            stacklevel=2,
        )


def _mask(args: Args, number: int) -> Path | None:
    from petsynth.io.bids.brain_masks import find_brain_mask

    if not args.masks:
        return None
    if args.masks[0].is_dir():
        return find_brain_mask(args.masks[0], args.t1[number])
    return args.masks[number]
