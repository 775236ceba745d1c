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
from typing import TYPE_CHECKING, Annotated

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser

if TYPE_CHECKING:
    from petsynth.evaluation.measure import Measurement
    from petsynth.evaluation.pair_files import PairFiles

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
    """Measure each pair in turn.

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
    from petsynth.io.lock import lock_folder
    from petsynth.io.removal import make_own_folder
    from petsynth.report.measurements import FILES, format_text, write_measurements

    _check_arguments(args)
    pairs, failed = _find_pairs(args)
    lock = contextlib.nullcontext() if args.out is None else lock_folder(args.out)
    with lock:
        if args.out is not None:
            make_own_folder(args.out, FILES, "measurements", overwrite=args.overwrite)
        found, bad = _measure_all(args, pairs)
        failed += bad
        if len(pairs) == 1 and bad and not found:
            raise InputError(bad[0])
        for line in failed:
            logger.error(f"petsynth measure: error: {line}")
        if found:
            print(format_text(found))
            if args.out is not None:
                write_measurements(found, failed, args.out)
                logger.info(f"tables: {args.out / 'measure.tsv'}")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(failed) + len(found)} pairs could not be measured, the others "
            "are in the table"
        )


def _check_arguments(args: Args) -> None:
    from petsynth.errors import ArgumentError, InputError

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


def _measure_all(args: Args, pairs: list[PairFiles]) -> tuple[list[Measurement], list[str]]:
    """Return what was measured, and a line for each pair that could not be."""
    from petsynth.errors import InputError
    from petsynth.evaluation.measure import measure
    from petsynth.evaluation.pair_files import find_companion
    from petsynth.log import Progress

    found, failed = [], []
    ranges = _Ranges(args, pairs)
    with Progress("measuring", total=len(pairs)) as progress:
        for pair in pairs:
            try:
                mask = pair.mask or args.mask
                if mask is None and args.masks is not None:
                    mask = find_companion(args.masks, pair.reference, ("mask", "dseg"))
                found.append(
                    measure(
                        pair.reference,
                        pair.synthetic,
                        mask=mask,
                        t1=None if mask else pair.t1 or args.t1,
                        tracer=args.tracer,
                        unit=args.unit,
                        data_range=ranges.of(pair),
                        name=pair.name,
                    )
                )
            except InputError as error:
                failed.append(str(error))
            progress.advance(note=pair.name)
    return found, failed


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
