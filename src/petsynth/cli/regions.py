"""``petsynth regions``: mean uptake per region of a PET, measured or synthetic.

Each PET (NIfTI) gets a table of its SUVR in the regions of an atlas that is brought to the subject
through the T1, or of the subject's own segmentation: with volumes, asymmetry, the tracer's
composites, and z-scores for FDG. A BIDS folder is measured as a whole. What cannot be measured is
n/a, with the reason. No model is needed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser

if TYPE_CHECKING:
    from petsynth.regional.atlas import Atlas
    from petsynth.regional.scan import ScanFiles, ScanRegions

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth regions``."""

    pet: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PET ...")]
    """PET images, or one BIDS folder; its PET and T1 are paired as by petsynth prepare."""
    t1: tuple[Path, ...] = ()
    """T1-weighted images, one per PET in its order; in a BIDS folder they are found."""
    atlas: str = "dkt"
    """Atlas; dkt: the bundled one of 62 cortical regions and deep structures; or a NIfTI label
    image in MNI152 space, with its names beside it (STEM.tsv with the columns index and name)."""
    labels: tuple[Path, ...] = ()
    """Segmentations of the subjects, in place of an atlas; FreeSurfer's aseg or aparc+aseg,
    SynthSeg, MUSE, one per PET in its order, or one folder to find them in."""
    mask: tuple[Path, ...] = ()
    """Brain masks, one per T1, or a folder of them; in the order of the T1s. Computed if left
    out."""
    reference: str | None = None
    """Reference region of the SUVR; pons, pons-vermis, cerebellum (whole), cerebellar-grey or
    inferior-cerebellar-grey; if left out, the tracer's own, or none for a PET that is in SUVR."""
    tracer: str | None = None
    """FDG, AV45, AV1451, FBB, FMM or PIB; by the file's name or sidecar if left out. In a BIDS
    folder with several tracers: which one is measured."""
    aligned: bool = False
    """Do not register: the PET lies on the T1 already; or on the labels."""
    out: Path | None = None
    """Folder for the tables; made if missing. A single scan's table is only shown without it."""
    overwrite: bool = False
    """Write over earlier tables in the same folder."""


HELP = Help(
    "regions",
    """Measure the mean uptake per region of a PET, measured or synthetic.

    Each PET gets a table of its SUVR in the regions of an atlas that is brought to the subject
    through the T1, or of the subject's own segmentation: with volumes, asymmetry, the tracer's
    composites, and z-scores for FDG. A BIDS folder is measured as a whole. What cannot be measured
    is n/a, with the reason. No model is needed.""",
    {
        "images and regions": ("t1", "atlas", "labels", "mask", "aligned"),
        "units": ("reference", "tracer"),
        "output": ("out", "overwrite"),
    },
    (
        "petsynth regions sub-01_trc-18FFDG_pet.nii.gz --t1 sub-01_T1w.nii.gz",
        "petsynth regions bids --tracer FDG --labels derivatives/synthseg --out regions",
    ),
)


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


def run(args: Args) -> None:
    """Measure each scan in turn.

    Raises
    ------
    ArgumentError
        If options do not go together.
    OutputError
        If tables would overwrite others.
    InputError, RegistrationError
        If a scan could not be measured; the others are finished before.
    """
    from petsynth.errors import ArgumentError, InputError, RegistrationError
    from petsynth.log import Progress
    from petsynth.regional.atlas import read_atlas

    _check_arguments(args)
    atlas = None if args.labels else read_atlas(args.atlas)
    files, failed = _find_files(args)
    total = len(files) + len(failed)
    if args.out is None and len(files) > 1:
        raise ArgumentError(f"{len(files)} scans: name a folder for their tables with --out")
    _check_out(args, files)
    tables = {}
    with _locked(args.out), Progress("measuring", total=len(files)) as progress:
        for each in files:
            try:
                scan = _measure(args, each, atlas)
                tables[each.pet.name] = scan.table
            except (InputError, RegistrationError) as error:
                if total == 1:
                    raise
                logger.error(f"petsynth regions: error: {error}")
                failed.append(each.pet.name)
            progress.advance(note=each.pet.name)
        if args.out is not None and len(tables) > 1:
            from petsynth.regional.outputs import write_group

            logger.info(f"all scans: {write_group(tables, args.out)}")
    if failed:
        raise InputError(
            f"{len(failed)} of {total} scans could not be measured, the others are finished: "
            f"{', '.join(failed)}"
        )


def _measure(args: Args, files: ScanFiles, atlas: Atlas | None) -> ScanRegions:
    import warnings

    from petsynth.errors import PetsynthWarning
    from petsynth.regional.outputs import format_scan, write_scan
    from petsynth.regional.scan import ScanSettings, measure_scan

    scan = measure_scan(files, ScanSettings(args.tracer, args.reference, args.aligned), atlas)
    for warning in scan.warnings:
        warnings.warn(warning, PetsynthWarning, stacklevel=2)
    if len(args.pet) == 1 and not args.pet[0].is_dir():
        print(format_scan(scan))
    if args.out is not None:
        logger.info(f"{files.pet.name} -> {write_scan(scan, args.out, files.pet)}")
    return scan


def _locked(out: Path | None) -> AbstractContextManager[Callable[[], None] | None]:
    from petsynth.io.lock import lock_folder

    return contextlib.nullcontext() if out is None else lock_folder(out)


def _check_arguments(args: Args) -> None:
    from petsynth.errors import ArgumentError

    if not args.pet:
        raise ArgumentError("no PET is named: give one NIfTI file or more, or a BIDS folder")
    folders = [path for path in args.pet if path.is_dir()]
    if folders and len(args.pet) > 1:
        raise ArgumentError(f"{folders[0]}: is a folder: name one folder, or files alone")
    if folders and args.t1:
        raise ArgumentError("--t1: the T1s of a BIDS folder are found by themselves; leave it out")
    for option, paths in (("--t1", args.t1), ("--labels", args.labels), ("--mask", args.mask)):
        one_folder = option != "--t1" and len(paths) == 1 and paths[0].is_dir()
        if folders and paths and not one_folder:
            raise ArgumentError(f"{option}: of a BIDS folder's scans it must be one folder")
        if not folders and paths and not one_folder and len(paths) != len(args.pet):
            raise ArgumentError(
                f"{option}: {len(paths)} files for {len(args.pet)} PETs; give one per PET in the "
                "same order"
            )


def _find_files(args: Args) -> tuple[list[ScanFiles], list[str]]:
    """Return what belongs to each PET, and the PETs to which something is missing."""
    from petsynth.regional.scan import ScanFiles

    if args.pet[0].is_dir():
        return _find_in_dataset(args, args.pet[0])
    found = []
    for number, pet in enumerate(args.pet):
        t1 = args.t1[number] if args.t1 else None
        labels = _one(args.labels, number, t1 or pet, "labels")
        mask = _one(args.mask, number, t1 or pet, "mask")
        found.append(ScanFiles(pet, t1, labels, mask))
    return found, []


def _find_in_dataset(args: Args, folder: Path) -> tuple[list[ScanFiles], list[str]]:
    from petsynth.errors import InputError
    from petsynth.io.bids.index import Choice, index_dataset
    from petsynth.regional.scan import ScanFiles

    index = index_dataset(folder, Choice(tracer=args.tracer, every_visit=True))
    for participant, reason in index.excluded.items():
        logger.warning(f"{participant} is left out: {reason}")
    found: list[ScanFiles] = []
    missing: dict[str, str] = {}
    for scan in index.scans:
        try:
            labels = _one(args.labels, 0, scan.t1, "labels")
            found.append(ScanFiles(scan.pet, scan.t1, labels, _one(args.mask, 0, scan.t1, "mask")))
        except InputError as error:
            missing[scan.pet.name] = str(error)
            logger.error(f"petsynth regions: error: {error}")
    if not found:
        example = next(iter(missing.values()), "none has a T1 and a PET")
        raise InputError(f"{folder}: no scan can be measured; for example: {example}")
    return found, list(missing)


def _one(paths: tuple[Path, ...], number: int, image: Path, kind: str) -> Path | None:
    """Return the file of one scan among those that were named, or from the folder that was."""
    from petsynth.io.bids.brain_masks import find_brain_mask, find_segmentation

    if not paths:
        return None
    if paths[0].is_dir():
        find = find_segmentation if kind == "labels" else find_brain_mask
        return find(paths[0], image)
    return paths[number]


def _check_out(args: Args, files: list[ScanFiles]) -> None:
    """Refuse tables that would overwrite each other, or earlier ones."""
    from petsynth.errors import OutputError
    from petsynth.regional.outputs import GROUP_TABLE

    names = [each.pet.name for each in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if args.out is None:
        return
    if twice:
        raise OutputError(f"{twice[0]}: two PETs have this name; measure them into two folders")
    if args.out.exists() and not args.out.is_dir():
        raise OutputError(f"{args.out}: is a file; name a folder")
    earlier = sorted(args.out.glob("*_regions.tsv")) + sorted(args.out.glob(GROUP_TABLE))
    if earlier and not args.overwrite:
        raise OutputError(
            f"{args.out}: holds {earlier[0].name} already; give --overwrite to write over it, or "
            "name another folder"
        )
