"""``petsynth predict``: a synthetic PET for every T1 that is named.

Each T1 (any format, orientation and voxel size) gets a synthetic PET on its own grid and on the
model's, with sidecars that say so and a labelled picture. The folder is a BIDS derivative dataset
whose index.html shows all pictures. A T1 that cannot be used is reported
and the others are finished.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petsynth.cli.predict_options import HELP, Args, check_arguments, given_covariates, parse

if TYPE_CHECKING:
    from petsynth.cli.predict_inputs import Inputs
    from petsynth.execution import Messages
    from petsynth.inference import Run
    from petsynth.slicing import Plane

logger = logging.getLogger(__name__)

__all__ = ["HELP", "Args", "parse", "run"]

PRELOAD = ("petsynth.inference", "petsynth.inference.dataset", "petsynth.inference.finished")
"""What processes side by side share."""


@dataclass(frozen=True)
class Outcome:
    """What became of a T1 in another process.

    Parameters
    ----------
    failed : str
        What the T1 is called, if it could not be used; empty if it could.
    messages : Messages
        What was said meanwhile.
    """

    failed: str
    messages: Messages


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
    import tempfile

    from petsynth.cli.predict_inputs import convert_inputs, expand_folders
    from petsynth.errors import InputError
    from petsynth.execution import check_processes

    check_processes(args.nprocs, args.num_parts, args.part_id)
    args, empty = expand_folders(args)
    if not args.t1:
        logger.info(f"part {args.part_id} of {args.num_parts} has no T1: nothing to do")
        return
    check_arguments(args)
    with tempfile.TemporaryDirectory(**_scratch(args)) as scratch:
        inputs = convert_inputs(args, Path(scratch))
        several = args.nprocs > 1 and len(inputs.args.t1) > 1
        side_by_side = several or args.scheduler is not None
        failed = empty + inputs.failed + _predict_all(inputs, side_by_side=side_by_side)
    if failed:
        count = len(inputs.args.t1) + len(inputs.failed) + len(empty)
        raise InputError(
            f"{len(failed)} of {count} T1s could not be used, the others are finished: "
            f"{', '.join(failed)}"
        )


def _scratch(args: Args) -> dict[str, Any]:
    """Return where converted T1s go: where workers of a cluster see them, too."""
    from petsynth.io.atomic import temporary_prefix

    if args.scheduler is None:
        return {"prefix": "petsynth-"}
    out = args.out.absolute()
    parent = next(each for each in (out, *out.parents) if each.is_dir())
    return {"prefix": f"{temporary_prefix()}t1s-", "dir": parent}


def _predict_all(inputs: Inputs, *, side_by_side: bool) -> list[str]:
    """Predict all T1s, and return those that could not be used.

    Parameters
    ----------
    inputs : Inputs
        NIfTI files, and what each of them is called in messages.
    side_by_side : bool
        Whether other processes predict.
    """
    from petsynth.inference.dataset import finish_dataset
    from petsynth.io.lock import lock_folder
    from petsynth.log import keep_log_in

    args = inputs.args
    _load.cache_clear()  # of an earlier command of this process: its files may be others now
    model = _load(args.model, args.device, args.threads)
    if args.model is None:
        logger.info(_which_model(model))
    model.system.check_samples(args.samples)
    _check_out(inputs, model)
    _warn_of_unseen_planes(args, model)
    # Jobs of an array may predict into one folder; each T1 has a lock of its own, too.
    with lock_folder(args.out, key="predict") as check_folder:
        keep_log_in(args.out)
        predict = _predict_side_by_side if side_by_side else _predict_in_turn
        failed = predict(inputs, check_folder)
        if len(failed) < len(args.t1):
            finish_dataset(args.out, simulated=model.simulated, with_page=args.num_parts == 1)
    return failed


@functools.lru_cache(maxsize=1)
def _load(model: str | None, device: str, threads: int | None) -> Run:
    """Load the model once per process."""
    from petsynth.inference import load_model
    from petsynth.inference.run import choose_device

    return load_model(model, choose_device(device, threads))


def _predict_in_turn(inputs: Inputs, check_folder: Callable[[], None]) -> list[str]:
    """Predict one T1 after the other, and return those that could not be used."""
    from petsynth.errors import InputError, RegistrationError
    from petsynth.log import Progress

    args = inputs.args
    failed = []
    with Progress("predicting", total=len(args.t1) * args.samples) as progress:
        for number, t1 in enumerate(args.t1):
            check_folder()
            try:
                _predict_t1(inputs.only(number), progress.advance)
            except (InputError, RegistrationError) as error:
                told = _named(error, inputs, t1)
                if len(args.t1) == 1:
                    raise type(error)(told) from None
                logger.error(f"petsynth predict: error: {told}")
                failed.append(str(inputs.names[t1]))
            if left := (number + 1) * args.samples - progress.done:
                progress.advance(left)
    return failed


def _predict_side_by_side(inputs: Inputs, check_folder: Callable[[], None]) -> list[str]:
    """Predict in other processes, here or on a cluster; return T1s that could not be used."""
    from petsynth.execution import repeat, run_side_by_side
    from petsynth.log import Progress

    args = inputs.args
    count = min(args.nprocs, len(args.t1))
    threads = args.threads or max((os.cpu_count() or 1) // count, 1)
    inputs = dataclasses.replace(inputs, args=dataclasses.replace(args, threads=threads))
    if args.scheduler is not None:
        inputs = inputs.absolute()
    failed = []
    with Progress("predicting", total=len(args.t1)) as progress:
        outcomes = run_side_by_side(
            _predict_elsewhere,
            [(inputs.only(number),) for number in range(len(args.t1))],
            nprocs=args.nprocs,
            threads=threads,
            scheduler=args.scheduler,
            preload=PRELOAD,
            lost=_lost,
        )
        for outcome in outcomes:
            check_folder()
            repeat(outcome.messages)
            if outcome.failed:
                failed.append(outcome.failed)
            progress.advance()
    return failed


def _predict_elsewhere(inputs: Inputs) -> Outcome:
    """Predict one T1 in a process that tells nobody what it does."""
    from petsynth.errors import InputError, RegistrationError
    from petsynth.execution import collected

    (t1,) = inputs.args.t1
    failed = ""
    with collected() as messages:
        try:
            _predict_t1(inputs)
        except (InputError, RegistrationError) as error:
            logger.error(f"petsynth predict: error: {_named(error, inputs, t1)}")
            failed = str(inputs.names[t1])
    return Outcome(failed, messages)


def _lost(inputs: Inputs) -> Outcome:
    from petsynth.execution import KILLED, collected

    name = str(inputs.names[inputs.args.t1[0]])
    with collected() as messages:
        logger.error(f"petsynth predict: error: {name}: {KILLED}")
    return Outcome(name, messages)


def _named(error: Exception, inputs: Inputs, t1: Path) -> str:
    return str(error).replace(str(t1), str(inputs.names[t1]))


def _predict_t1(inputs: Inputs, on_sample: Callable[[], None] = lambda: None) -> None:
    """Predict the one T1 and write it, as DICOM too where that is asked for."""
    from petsynth.cli.predict_dicom import write_dicom

    args = inputs.args
    (t1,) = args.t1
    model = _load(args.model, args.device, args.threads)
    logger.info(f"{inputs.names[t1]} -> {_predict_one(args, model, 0, on_sample)}")
    if t1 in inputs.series:
        main = _paths(args, model, 0)[0]
        logger.info(write_dicom(main, *inputs.series[t1], args.out))


def _predict_one(args: Args, model: Run, number: int, on_sample: Callable[[], None]) -> str:
    """Predict a T1 unless that is done already, and say where the main image stands."""
    from petsynth.inference import PredictionSettings, predict_scan, write_prediction
    from petsynth.inference.finished import check_result_names, is_finished
    from petsynth.io.lock import LOCK, lock_folder

    paths = _paths(args, model, number)
    check_result_names(args.t1[number], paths)
    digest = hashlib.sha256(os.fsencode(paths[0].name)).hexdigest()[:16]
    with lock_folder(args.out, name=f".{digest}{LOCK}"):
        is_there = not args.overwrite and paths[0].exists()
        if is_there and is_finished(paths, _origin(args, model, number)):
            return f"{paths[0]} (kept: the same model, inputs and options)"
        settings = PredictionSettings(
            planes=_planes(args),
            samples=args.samples,
            seed=args.seed,
            batch_size=args.batch_size,
            on_sample=on_sample,
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
    from petsynth.data.covariate_table import read_covariate_texts
    from petsynth.inference.scan import check_covariates
    from petsynth.io.bids.names import parse_entities, participant_key

    given = given_covariates(args)
    if args.participants is None:
        check_covariates(model, given)
        return given
    subject = parse_entities(args.t1[number].name).get("sub", args.t1[number].name)
    told = read_covariate_texts(args.participants).get(participant_key(subject), {})
    used = model.system.covariates_used()
    return {name: text for name, text in told.items() if name in used}


def _which_model(model: Run) -> str:
    source = "simulated " if model.simulated else ""
    return (
        f"model: {model.name}, which comes with petsynth ({model.tracer}, trained on {source}PET; "
        "research use, not for diagnosis); petsynth models lists others, --model names one"
    )


def _check_out(inputs: Inputs, model: Run) -> None:
    """Refuse results that would overwrite each other, or something else than themselves."""
    from petsynth.errors import OutputError
    from petsynth.inference.dataset import is_dataset
    from petsynth.io.lock import is_bookkeeping
    from petsynth.log import LOGS

    args, names = inputs.args, inputs.names
    t1_of: dict[Path, Path] = {}
    for number, t1 in enumerate(args.t1):
        for path in _paths(args, model, number):
            if path in t1_of:
                raise OutputError(
                    f"{names[t1_of[path]]} and {names[t1]} would both be written to {path}; "
                    "rename one, or predict them into different folders"
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
    held = [name for name in held if name != LOGS]
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
