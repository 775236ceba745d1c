"""``petsynth measure``: how good any synthetic PET is, beside its reference.

Two files, two folders (paired by BIDS entities, or by file name) or a table of pairs; anyone's
images, no model. PSNR, SSIM, MS-SSIM, MAE, RMSE, NRMSE, Pearson's r and Lin's concordance over the
whole volume, the brain and the middle axial slice. A pair that cannot be used is reported and the
others are measured.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser

if TYPE_CHECKING:
    from petsynth.evaluation.measure import Measurement
    from petsynth.evaluation.pair_files import PairFiles
    from petsynth.execution import Messages

logger = logging.getLogger(__name__)

_UNPAIRED_SHOWN = 5


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth measure``."""

    reference: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="REFERENCE")] = (
        None
    )
    """Reference PET, or a folder of them."""
    synthetic: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="SYNTHETIC")] = (
        None
    )
    """Synthetic PET, or a folder of them; in the same world (registered to the reference)."""
    pairs: Path | None = None
    """Table (TSV) in place of both; columns reference, synthetic and, optional, name, mask, t1;
    relative paths start at its folder."""
    mask: Path | None = None
    """Brain mask of all pairs; on any grid in the references' world."""
    masks: Path | None = None
    """Folder with a brain mask per reference; found by BIDS entities or by name."""
    t1: Path | None = None
    """T1 of the one pair, in which the brain is found; in the reference's world."""
    tracer: str = ""
    """Tracer, where sidecars and names do not tell it; FDG, AV45, AV1451, ..."""
    unit: str = ""
    """Unit of all images, where no sidecar tells it; SUVR, Bq/mL, ..."""
    data_range: float | None = None
    """Data range of PSNR, SSIM and NRMSE in the images' unit; of MS-SSIM, too. If left out: fixed
    per tracer in SUVR (FDG 2.5, AV45 3, AV1451 4), else highest minus lowest value of all reference
    images."""
    nprocs: int = 1
    """Processes that measure pairs side by side."""
    scheduler: str | None = None
    """Address of a Dask scheduler; tcp://HOST:8786. Its workers measure the pairs. They must see
    the same folders. Needs the extra dask."""
    num_parts: int = 1
    """Parts of the pairs, for jobs of an array that write one --out; see --part-id. The job that
    ends last writes the tables of all."""
    part_id: int = 0
    """Which part this job measures, from 0 on."""
    out: Path | None = None
    """Folder for measure.tsv, measure.json and measure.tex; made if missing."""
    overwrite: bool = False
    """Replace earlier measurements in the same folder."""


HELP = Help(
    "measure",
    """Measure how good any synthetic PET is, beside its reference.

    Two files, two folders (paired by BIDS entities, or by file name) or a table of pairs; anyone's
    images, no model. PSNR, SSIM, MS-SSIM, MAE, RMSE, NRMSE, Pearson's r and Lin's concordance over
    the whole volume, the brain and the middle axial slice. A pair that cannot be used is reported
    and the others are measured.""",
    {
        "images": ("pairs", "mask", "masks", "t1"),
        "units": ("tracer", "unit", "data_range"),
        "computing": ("nprocs", "scheduler", "num_parts", "part_id"),
        "output": ("out", "overwrite"),
    },
    (
        "petsynth measure measured.nii.gz synthetic.nii.gz --mask brain.nii.gz",
        "petsynth measure measured/ synthetic/ --masks masks/ --out measured-pairs",
    ),
)


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


def run(args: Args) -> None:
    """Measure the pairs, or this job's part of them.

    Raises
    ------
    ArgumentError
        If an option has an impossible value, or options do not fit together.
    InputError
        If pairs could not be measured; the others are measured before.
    OutputError
        If the folder holds something already.
    """
    import contextlib

    from petsynth.errors import InputError
    from petsynth.execution import part_of
    from petsynth.io.lock import lock_folder
    from petsynth.report.measurements import format_text

    _check_arguments(args)
    pairs, failed = _find_pairs(args)
    key = None if args.num_parts == 1 else _key(args, pairs)
    lock = contextlib.nullcontext() if args.out is None else lock_folder(args.out, key=key)
    with lock:
        if _is_done(args, key):
            logger.info(f"part {args.part_id} of {args.num_parts} is measured already")
            return
        chosen = part_of(pairs, args.num_parts, args.part_id)
        failed = failed if args.part_id == 0 else []  # told once
        found, bad = _measure_all(args, pairs, chosen)
        failed += bad
        if len(pairs) == 1 and bad and not found:
            raise InputError(bad[0])
        for line in failed:
            logger.error(f"petsynth measure: error: {line}")
        if found:
            print(format_text(found))
        _write(args, found, failed, key)
    if failed:
        others = ", the others are in the table" if found else ""
        raise InputError(
            f"{len(failed)} of {len(failed) + len(found)} pairs could not be measured{others}"
        )


def _is_done(args: Args, key: str | None) -> bool:
    """Refuse a folder of something else; say whether this job's part is there already."""
    from petsynth.io.removal import check_own, make_own_folder
    from petsynth.report.measurements import ANY_FILES, is_measured

    if args.out is None:
        return False
    if key is None:
        make_own_folder(args.out, ANY_FILES, "measurements", overwrite=args.overwrite)
        return False
    check_own(args.out, ANY_FILES, "measurements")
    return is_measured(args.out, part=args.part_id, parts=args.num_parts, key=key)


def _write(args: Args, found: list[Measurement], failed: list[str], key: str | None) -> None:
    """Write what was measured; tables of several parts with the last of them."""
    from petsynth.report.measurements import write_measurements, write_part

    if args.out is None:
        return
    if key is None:
        if found:
            write_measurements(found, failed, args.out)
            logger.info(f"tables: {args.out / 'measure.tsv'}")
    elif write_part(found, failed, args.out, part=args.part_id, parts=args.num_parts, key=key):
        logger.info(f"tables of all {args.num_parts} parts: {args.out / 'measure.tsv'}")


def _key(args: Args, pairs: list[PairFiles]) -> str:
    """Return what the jobs of an array have in common: files, options, version."""
    import dataclasses
    import hashlib
    import json
    import os

    from petsynth.version import __version__

    def identity(path: Path) -> list[str | int]:
        try:
            status = os.stat(path)
        except OSError:  # told when its turn has come
            return [str(path)]
        return [str(path), status.st_size, status.st_mtime_ns]

    files = [
        [pair.name, *(identity(path) for path in vars(pair).values() if isinstance(path, Path))]
        for pair in pairs
    ]
    alike = dataclasses.replace(args, nprocs=1, scheduler=None, part_id=0)
    content = [__version__, vars(alike), files]
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


def _check_arguments(args: Args) -> None:
    from petsynth.errors import ArgumentError, InputError
    from petsynth.execution import check_processes

    check_processes(args.nprocs, args.num_parts, args.part_id)
    if args.num_parts > 1 and args.out is None:
        raise ArgumentError("--num-parts: jobs of an array write one folder; name it with --out")
    if args.num_parts > 1 and args.overwrite:
        raise ArgumentError(
            "--overwrite with --num-parts: each job would remove what the others have measured; "
            "choose a new folder"
        )
    if args.pairs is not None and args.reference is not None:
        raise ArgumentError("--pairs: the table names the images; leave out REFERENCE SYNTHETIC")
    if args.pairs is None and (args.reference is None or args.synthetic is None):
        raise ArgumentError("name a REFERENCE and a SYNTHETIC image or folder, or give --pairs")
    if sum(each is not None for each in (args.mask, args.masks, args.t1)) > 1:
        raise ArgumentError("--mask, --masks, --t1: give one of them")
    if args.data_range is not None and not 0 < args.data_range < float("inf"):
        raise ArgumentError(f"--data-range {args.data_range:g}: must be positive and finite")
    if args.reference is None or args.synthetic is None:
        return
    for path in (args.reference, args.synthetic):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    if args.reference.is_dir() != args.synthetic.is_dir():
        raise ArgumentError(
            f"{args.reference} and {args.synthetic}: one is a folder, the other a file; name two "
            "files or two folders"
        )
    if args.t1 is not None and args.reference.is_dir():
        raise ArgumentError("--t1: is of one pair; give --masks DIR, or a column t1 in --pairs")


def _find_pairs(args: Args) -> tuple[list[PairFiles], list[str]]:
    """Return the pairs, and a line for each reference that has several partners."""
    from petsynth.evaluation.pair_files import PairFiles, pair_folders, read_pairs

    if args.pairs is not None:
        return read_pairs(args.pairs), []
    assert args.reference is not None
    assert args.synthetic is not None
    if not args.reference.is_dir():
        return [PairFiles(args.reference.name, args.reference, args.synthetic)], []
    found = pair_folders(args.reference, args.synthetic)
    for line in found.unpaired[:_UNPAIRED_SHOWN]:
        logger.warning(f"petsynth measure: warning: {line}")
    if len(found.unpaired) > _UNPAIRED_SHOWN:
        logger.warning(f"petsynth measure: warning: {len(found.unpaired)} in all have none")
    return found.pairs, found.ambiguous


def _measure_all(
    args: Args, pairs: list[PairFiles], chosen: list[PairFiles]
) -> tuple[list[Measurement], list[str]]:
    """Return what was measured of the chosen pairs, and a line for each that could not be."""
    from petsynth.errors import InputError
    from petsynth.execution import repeat, run_side_by_side
    from petsynth.log import Progress

    found: dict[int, Measurement] = {}
    failed: dict[int, str] = {}
    calls = []
    ranges = _Ranges(args, pairs)
    for number, pair in enumerate(chosen):
        try:
            calls.append((number, args, pair, ranges.of(pair)))
        except InputError as error:
            failed[number] = str(error)
    with Progress("measuring", total=len(calls)) as progress:
        results = run_side_by_side(
            _measure_pair,
            [_for_cluster(*call) if args.scheduler else call for call in calls],
            nprocs=args.nprocs,
            scheduler=args.scheduler,
            preload=("petsynth.evaluation.measure",),
            lost=_lost,
        )
        for number, result, messages in results:
            repeat(messages)
            if isinstance(result, str):
                failed[number] = result
            else:
                found[number] = result
            progress.advance(note=chosen[number].name)
    return [found[number] for number in sorted(found)], [failed[each] for each in sorted(failed)]


def _measure_pair(
    number: int, args: Args, pair: PairFiles, data_range: tuple[float, str]
) -> tuple[int, Measurement | str, Messages]:
    """Return a pair's number, its measurement or why there is none, and what was said."""
    from petsynth.errors import InputError
    from petsynth.evaluation.measure import measure
    from petsynth.evaluation.pair_files import find_companion
    from petsynth.execution import collected

    result: Measurement | str
    with collected() as messages:
        try:
            mask = pair.mask or args.mask
            if mask is None and args.masks is not None:
                mask = find_companion(args.masks, pair.reference, ("mask", "dseg"))
            result = measure(
                pair.reference,
                pair.synthetic,
                mask=mask,
                t1=None if mask else pair.t1 or args.t1,
                tracer=args.tracer,
                unit=args.unit,
                data_range=data_range,
                name=pair.name,
            )
        except InputError as error:
            result = str(error)
    return number, result, messages


def _lost(
    number: int, args: Args, pair: PairFiles, data_range: tuple[float, str]
) -> tuple[int, str, Messages]:
    from petsynth.execution import KILLED

    return number, f"{pair.reference}: {KILLED}", ()


def _for_cluster(
    number: int, args: Args, pair: PairFiles, data_range: tuple[float, str]
) -> tuple[int, Args, PairFiles, tuple[float, str]]:
    """Return the same call with paths from the root: workers run in folders of their own."""
    import dataclasses

    def absolute(of: Any) -> Any:
        paths = {name: path for name, path in vars(of).items() if isinstance(path, Path)}
        return dataclasses.replace(of, **{name: path.absolute() for name, path in paths.items()})

    return number, absolute(args), absolute(pair), data_range


class _Ranges:
    """Data ranges by tracer and unit: one for all pairs of a kind, so that figures compare."""

    def __init__(self, args: Args, pairs: list[PairFiles]) -> None:
        self._args, self._pairs = args, pairs
        self._known: dict[tuple[str, str], tuple[float, str]] = {}

    def of(self, pair: PairFiles) -> tuple[float, str]:
        """Return the data range for a pair, in the reference's unit, and where it comes from."""
        from petsynth.evaluation.measure import declared_range

        if self._args.data_range is not None:
            return self._args.data_range, "given"
        kind = self._kind(pair)
        if kind not in self._known:
            self._known[kind] = declared_range(*kind) or self._range_of(kind)
        return self._known[kind]

    def _kind(self, pair: PairFiles) -> tuple[str, str]:
        from petsynth.evaluation.pair_images import kind_of

        return kind_of(pair.reference, pair.synthetic, self._args.tracer, self._args.unit)

    def _range_of(self, kind: tuple[str, str]) -> tuple[float, str]:
        from petsynth.errors import InputError
        from petsynth.evaluation.measure import range_of
        from petsynth.evaluation.pair_images import read_pet_image

        limits, failed = [], []
        for pair in self._pairs:
            try:
                if self._kind(pair) == kind:
                    limits.append(read_pet_image(pair.reference, "reference").limits)
            except InputError as error:  # said when its turn has come
                failed.append(str(error))
        if not limits:
            raise InputError(failed[0])
        return range_of(limits)
