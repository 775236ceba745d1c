"""``petsynth send-dicom``: a DICOM folder to an archive, by C-STORE."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth send-dicom``."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Folder of DICOM files, with all folders in it."""
    archive: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="HOST:PORT")]
    """Where the archive listens."""
    title: Annotated[str, tyro.conf.arg(metavar="TITLE")] = "PETSYNTH"
    """What petsynth calls itself; many archives accept known titles (AE titles) alone."""
    their_title: Annotated[str, tyro.conf.arg(metavar="TITLE")] = "ANY-SCP"
    """What the archive calls itself."""


HELP = Help(
    "send-dicom",
    """Send a DICOM folder to an archive (C-STORE), such as a PACS or Orthanc.

    The files are sent as they are, with the patient's name, and without encryption: stay within the
    hospital's network. A file that the archive does not take is said in one line, and the others
    are sent. The same command once more does no harm: UIDs are the same, and an archive keeps each
    image once. Needs the extra: pip install 'petsynth[dicom]'.""",
    {"titles": ("title", "their_title")},
    (
        "petsynth send-dicom predictions/dicom pacs.example.org:104",
        "petsynth send-dicom predictions/dicom localhost:4242 --their-title ORTHANC",
    ),
)

parse = parser(Args, HELP)


def run(args: Args) -> None:
    """Send a folder.

    Raises
    ------
    ArgumentError
        If the archive is not HOST:PORT, or a title is none.
    InputError
        If the folder holds no DICOM, or the archive did not take a file; the others are sent.
    OutputError
        If the archive does not answer or refuses.
    """
    from petsynth.errors import InputError
    from petsynth.io.dicom.sending import find_sendable, parse_node, send
    from petsynth.log import Progress

    node = parse_node(args.archive, args.their_title, args.title)
    paths = find_sendable(args.folder)
    with Progress("sending", total=len(paths)) as progress:
        sent = send(paths, node, logger.warning, progress.advance)
    logger.info(f"{sent} of {len(paths)} files -> {node.name}")
    if sent < len(paths):
        raise InputError(f"{args.folder}: {len(paths) - sent} of {len(paths)} files were not taken")
