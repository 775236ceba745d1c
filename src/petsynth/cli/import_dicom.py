"""``petsynth import-dicom``: T1s and PETs of a DICOM folder as a BIDS dataset.

T1-weighted MRI and PET are found among all series, converted by dcm2niix and named as BIDS asks
for. The PET's sidecar says what its header says of unit, decay correction, dose, times and tracer.
Names, IDs, birth dates and UIDs are left out.
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
    from petsynth.io.dicom.dataset import ImportSettings
    from petsynth.io.dicom.kinds import Found

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth import-dicom``."""

    dicom: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DICOM")]
    """Folder of DICOM files of one or several patients, with all folders in it."""
    bids: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="BIDS")]
    """BIDS dataset; made if missing, added to if it is there."""
    participant_label: Annotated[str | None, tyro.conf.arg(metavar="LABEL")] = None
    """Label of the one patient; with or without sub-. Numbers (001, 002, ...) if left out."""
    key: Path | None = None
    """Table of who is who; written if missing, added to if it is there. It holds patient IDs and
    days, so keep it outside the dataset; with it, later imports know patients again."""
    t1_series: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N ...")] = ()
    """Numbers of the series that are T1s; found by their headers if left out. No other MRI is
    taken then."""
    pet_series: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N ...")] = ()
    """Numbers of the series that are PETs; found by their headers if left out. No other PET is
    taken then."""
    dry_run: bool = False
    """Only list the series and what they are taken for; nothing is written."""


HELP = Help(
    "import-dicom",
    """Import the T1s and PETs of a DICOM folder into a BIDS dataset.

    T1-weighted MRI and PET are found among all series, converted by dcm2niix and named as BIDS asks
    for. The PET's sidecar says what its header says of unit, decay correction, dose, times and
    tracer. Names, IDs, birth dates and UIDs are left out, days are moved; faces stay in the images.
    A series that cannot be used is said in one line, and the others go on. The same command once
    more keeps what is there. Needs the extra: pip install 'petsynth[dicom]'.""",
    {
        "who it is": ("participant_label", "key"),
        "which series": ("t1_series", "pet_series", "dry_run"),
    },
    (
        "petsynth import-dicom export my_bids --key who-is-who.tsv",
        "petsynth import-dicom export/patient7 my_bids --participant-label 07 --t1-series 4",
    ),
)

parse = parser(Args, HELP)


def run(args: Args) -> None:
    """Import a folder.

    Raises
    ------
    ArgumentError
        If the label is none, or options do not go together.
    InputError
        If the folder holds no T1 and no PET, or one of them could not be used; the others are
        written before.
    OutputError
        If the dataset cannot be written.
    """
    from petsynth.errors import InputError
    from petsynth.io.dicom.dataset import import_series, list_series
    from petsynth.log import Progress

    settings = _settings(args)
    found = list_series(args.dicom, settings, logger.warning)
    unusable = _tell_left_out(found)
    taken = [each for each in found if each.kind is not None]
    if args.dry_run:
        for each in taken:
            logger.info(f"{each.series.name}: {each.kind}")
    if not taken:
        raise InputError(
            f"{args.dicom}: no series is a T1 or a PET that can be used; --t1-series and "
            "--pet-series name one by its number"
        )
    if args.dry_run:
        return
    patients = len({each.series.patient for each in taken})
    if patients > 1:
        logger.info(f"{args.dicom}: series of {patients} patients")
    with Progress("importing", total=len(taken)) as progress:
        result = import_series(found, args.bids, settings, logger.info, progress.advance)
    logger.info(f"{args.bids}: {len(result.written)} images are new, {len(result.kept)} were there")
    failed = unusable + result.failed
    if failed:
        raise InputError(
            f"{len(failed)} of {len(taken) + len(unusable)} T1 and PET series could not be used, "
            f"the others are imported: {', '.join(failed)}"
        )


def _settings(args: Args) -> ImportSettings:
    from petsynth.errors import ArgumentError
    from petsynth.io.dicom.dataset import ImportSettings
    from petsynth.io.dicom.patients import is_label

    label = args.participant_label
    if label is not None:
        label = label.removeprefix("sub-")
        if not is_label(label):
            raise ArgumentError(f"--participant-label {label}: must be letters and digits alone")
    return ImportSettings(label, args.key, args.t1_series, args.pet_series)


def _tell_left_out(found: list[Found]) -> list[str]:
    """Say why series are left out, and return those that would have been T1s or PETs."""
    unusable = []
    for each in found:
        if each.kind is not None:
            continue
        if each.is_unusable:
            logger.error(f"petsynth import-dicom: error: {each.series.name}: {each.reason}")
            unusable.append(each.series.name)
        else:
            logger.info(f"{each.series.name}: {each.reason}; left out")
    return unusable
