"""``petsynth predict``: a synthetic PET for every T1 that is named.

Each T1 (NIfTI, any orientation and voxel size) gets a synthetic PET on its own grid and on the
model's, with sidecars that say so and a labelled picture. The folder is a BIDS derivative dataset
whose index.html shows all pictures. A T1 that cannot be used is reported
and the others are finished.
"""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from petsynth.cli.options import parse_options

if TYPE_CHECKING:
    from petsynth.inference import Run
    from petsynth.log import Progress
    from petsynth.slicing import Plane

logger = logging.getLogger(__name__)

MOST_SAMPLES = 10_000
"""Samples that mean and standard deviation are taken over at most."""


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
    """Samples of the generator's dropout (paper A's models only); of more than one, mean and
    standard deviation are written."""
    seed: int = 0
    """Seed of the samples: the same seed gives the same images."""
    masks: tuple[Path, ...] = ()
    """Brain masks, one per T1 in its order, or one folder to find them in; computed if left out."""
    age: str | None = None
    """Age in years. This and the next six are for models that use them (petsynth models)."""
    sex: str | None = None
    """F or M."""
    diagnosis: str | None = None
    """CN, MCI or AD."""
    mmse: str | None = None
    """Mini-mental state examination, 0 to 30."""
    amyloid: str | None = None
    """Amyloid status: positive or negative."""
    tau: str | None = None
    """Tau status: positive or negative."""
    apoe: str | None = None
    """Number of e4 alleles (0, 1, 2) or genotype, such as e3/e4."""
    participants: Path | None = None
    """Table with participant_id (sub-01), age, sex, diagnosis, mmse, amyloid, tau, apoe of several
    T1s, such as BIDS's participants.tsv; n/a where unknown."""
    batch_size: int = 8
    """Slices at once; changes speed and memory, not the result."""
    threads: int | None = None
    """CPU threads; all cores if left out, and never more."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto: the GPU if there is one."""
    overwrite: bool = False
    """Write into a folder that holds something else, and over earlier results. Without it, what the
    same command has finished before is kept."""


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
    from petsynth.inference.dataset import finish_dataset
    from petsynth.inference.device import choose_device
    from petsynth.io.lock import lock_folder
    from petsynth.log import Progress

    _check_arguments(args)
    model = load_model(args.model, choose_device(args.device, args.threads))
    if args.model is None:
        logger.info(_which_model(model))
    model.system.check_samples(args.samples)
    _check_out(args, model)
    _warn_of_unseen_planes(args, model)
    failed = []
    # Jobs of an array may predict into one folder; each T1 has a lock of its own, too.
    with (
        lock_folder(args.out, key="predict") as check_folder,
        Progress("predicting", total=len(args.t1) * args.samples) as progress,
    ):
        for number, t1 in enumerate(args.t1):
            check_folder()
            try:
                logger.info(f"{t1} -> {_predict_one(args, model, number, progress)}")
            except (InputError, RegistrationError) as error:
                if len(args.t1) == 1:
                    raise
                logger.error(f"petsynth predict: error: {error}")
                failed.append(str(t1))
            progress.advance((number + 1) * args.samples - progress.done)
        if len(failed) < len(args.t1):
            finish_dataset(args.out, simulated=model.simulated)
    if failed:
        raise InputError(
            f"{len(failed)} of {len(args.t1)} T1s could not be used, the others are finished: "
            f"{', '.join(failed)}"
        )


def _predict_one(args: Args, model: Run, number: int, progress: Progress) -> str:
    """Predict a T1 unless that is done already, and say where the main image stands."""
    from petsynth.inference import PredictionSettings, predict_scan, write_prediction
    from petsynth.inference.finished import check_result_names, is_finished
    from petsynth.io.lock import LOCK, lock_folder

    paths = _paths(args, model, number)
    check_result_names(args.t1[number], paths)
    digest = hashlib.sha256(paths[0].name.encode()).hexdigest()[:16]
    with lock_folder(args.out, name=f".{digest}{LOCK}"):
        is_there = not args.overwrite and paths[0].exists()
        if is_there and is_finished(paths, _origin(args, model, number)):
            return f"{paths[0]} (kept: the same model, inputs and options)"
        settings = PredictionSettings(
            planes=_planes(args),
            samples=args.samples,
            seed=args.seed,
            batch_size=args.batch_size,
            on_sample=progress.advance,
        )
        scan = predict_scan(
            model,
            args.t1[number],
            mask=_mask(args, number),
            settings=settings,
            covariates=_covariates(args, model, number),
        )
        return str(write_prediction(scan, args.out)[0])


def _planes(args: Args) -> tuple[Plane, ...]:
    from petsynth.slicing import ALL_PLANES

    return ALL_PLANES if args.planes == "all" else ("axial",)


def _paths(args: Args, model: Run, number: int) -> list[Path]:
    from petsynth.inference.outputs import result_paths

    has_std = model.system.std_kind(args.samples) is not None
    return result_paths(args.out, args.t1[number], model, has_std=has_std)


def _origin(args: Args, model: Run, number: int) -> dict[str, Any]:
    from petsynth.inference.finished import fingerprint, origin_of

    return origin_of(
        model,
        model.system.planes_used(_planes(args)),
        args.samples,
        args.seed,
        fingerprint(args.t1[number], _mask(args, number)),
        _covariates(args, model, number),
    )


def _covariates(args: Args, model: Run, number: int) -> dict[str, str]:
    """Return what else is told of a T1's subject and the model uses."""
    from petsynth.data.prepared import read_covariate_texts
    from petsynth.inference.scan import check_covariates
    from petsynth.io.bids.names import parse_entities, participant_key

    given = _given_covariates(args)
    if args.participants is None:
        check_covariates(model, given)
        return given
    subject = parse_entities(args.t1[number].name).get("sub", args.t1[number].name)
    told = read_covariate_texts(args.participants).get(participant_key(subject), {})
    used = model.system.covariates_used()
    return {name: text for name, text in told.items() if name in used}


def _given_covariates(args: Args) -> dict[str, str]:
    from petsynth.covariates import COVARIATES

    given = {name: getattr(args, name) for name in COVARIATES}
    return {name: text for name, text in given.items() if text is not None}


def _check_arguments(args: Args) -> None:
    from petsynth.covariates import parse_covariates
    from petsynth.data.prepared import read_covariate_texts
    from petsynth.errors import ArgumentError

    for name, value, least in [
        ("--samples", args.samples, 1),
        ("--batch-size", args.batch_size, 1),
        ("--seed", args.seed, 0),
    ]:
        if value < least:
            raise ArgumentError(f"{name} {value}: must be {least} or more")
    if args.samples > MOST_SAMPLES:
        raise ArgumentError(f"--samples {args.samples}: must be {MOST_SAMPLES} or fewer")
    if not args.t1:
        raise ArgumentError("no T1 is named: give one NIfTI file or more")
    given = _given_covariates(args)
    if given and (len(args.t1) > 1 or args.participants is not None):
        raise ArgumentError(
            f"--{next(iter(given))}: is for one T1; name one, or give all in a table "
            "(--participants) and nothing beside it"
        )
    parse_covariates(given)
    if args.participants is not None:
        read_covariate_texts(args.participants)
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
    """Refuse results that would overwrite each other, or something else than themselves."""
    from petsynth.errors import OutputError
    from petsynth.inference.dataset import is_dataset
    from petsynth.io.lock import is_bookkeeping

    t1_of: dict[Path, Path] = {}
    for number, t1 in enumerate(args.t1):
        for path in _paths(args, model, number):
            if path in t1_of:
                raise OutputError(
                    f"{t1_of[path]} and {t1} would both be written to {path}; rename one, or "
                    "predict them into different folders"
                )
            t1_of[path] = t1
    if os.path.exists(args.out) and not args.out.is_dir():
        raise OutputError(f"{args.out}: is a file; name a folder")
    for path in t1_of:
        if os.path.isdir(path):
            raise OutputError(f"{path}: is a folder; name another folder than {args.out}")
    if args.overwrite or not args.out.is_dir():
        return
    for number in range(len(args.t1)):
        _check_earlier(args, model, number)
    held = sorted(path.name for path in args.out.iterdir() if not is_bookkeeping(path.name))
    if held and not is_dataset(args.out):
        raise OutputError(
            f"{args.out}: holds {held[0]}, which is no prediction; name another folder, or give "
            "--overwrite to write beside it"
        )


def _check_earlier(args: Args, model: Run, number: int) -> None:
    """Refuse to replace a finished prediction that the same command would not have made."""
    from petsynth.errors import InputError, OutputError
    from petsynth.inference.finished import differences

    main = _paths(args, model, number)[0]
    if not os.path.exists(main):
        return
    try:
        others = differences(main, _origin(args, model, number))
    except InputError:  # its T1 or mask cannot be read, which is said when its turn has come
        return
    if others:
        raise OutputError(
            f"{main}: exists already and has another {', '.join(others)}; give --overwrite to "
            "replace it"
        )


def _warn_of_unseen_planes(args: Args, model: Run) -> None:
    import warnings

    from petsynth.errors import PetsynthWarning

    unseen = model.system.unseen_planes(_planes(args))
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
