"""What ``petsynth prepare`` says without preparing: pages, and the paragraph for a paper."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from petsynth import __version__
from petsynth.cli.prepare.settings import preprocessing_of, settings_in
from petsynth.errors import InputError
from petsynth.prepare.derivatives import read_simulated
from petsynth.prepare.methods_text import as_markdown, boilerplate
from petsynth.prepare.output_folder import finished_subjects
from petsynth.prepare.pages import describe_group, write_all_pages

if TYPE_CHECKING:
    from petsynth.cli.prepare.command import Args

logger = logging.getLogger(__name__)


def make_pages(args: Args) -> None:
    """Make the pages of the finished subjects and of the group anew.

    Raises
    ------
    InputError
        If no subject is prepared.
    OutputError
        If the pages cannot be written.
    """
    settings_in(args.out_dir)
    if not finished_subjects(args.out_dir):
        raise InputError(
            f"{args.out_dir}: holds no prepared subjects; run the participant level first"
        )
    count = write_all_pages(args.out_dir, simulated=read_simulated(args.bids_dir))
    logger.info(f"pages of {count} subjects and of the group: {args.out_dir}")


def print_boilerplate(args: Args) -> None:
    """Print the paragraph and its references; nothing is written.

    It tells of the finished subjects. Before there are any it tells of the options, and knows
    neither how the brain will be found nor which unit the PET has.
    """
    told = describe_group(args.out_dir)
    if told is None:
        brain = {"mask_source": "given"} if args.masks else {}
        told = boilerplate(dataclasses.asdict(preprocessing_of(args)), brain, __version__)
    print(as_markdown(*told), end="")
