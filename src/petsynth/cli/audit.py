"""``petsynth audit``: is anything of the test subjects among what a model was trained on?

Looks for one subject in two parts of the split (under other labels, too, by participants.tsv), for
the same scan under two names, for slices in place of subjects, for T1s that were made from the PET
and, of runs, for test subjects among the training subjects. Ends with status 1 if there is a leak.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth audit``."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Prepared data: the folder that petsynth prepare wrote."""
    runs: Annotated[tuple[str, ...], tyro.conf.arg(metavar="RUN ...")] = ()
    """Run folders or pretrained models to look at; their training subjects are compared with the
    test subjects."""
    split: Literal["test", "validation"] = "test"
    """Which subjects must not be among a run's training subjects."""
    json: bool = False
    """Print JSON on stdout instead of lines."""


HELP = Help(
    "audit",
    """Look for test subjects among what a model was trained on.

    Looks for one subject in two parts of the split (under other labels, too, by participants.tsv),
    for the same scan under two names, for slices in place of subjects, for T1s that were made from
    the PET and, of runs, for test subjects among the training subjects. Ends with status 1 if there
    is a leak.""",
    {"options": ("runs", "split", "json")},
    (
        "petsynth audit prepared",
        "petsynth audit prepared --runs runs/axial petsynth-fdg",
    ),
)


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


def run(args: Args) -> None:
    """Audit and print.

    Raises
    ------
    SplitError
        If there is a leak; all of them are printed before.
    InputError
        If the data or a run cannot be read.
    """
    import dataclasses
    import json

    from petsynth.data.prepared import PreparedData
    from petsynth.errors import SplitError
    from petsynth.evaluation.audit import audit_images, audit_names, audit_run
    from petsynth.inference.pretrained import find_run_folder
    from petsynth.log import Progress

    data = PreparedData(args.data)
    findings = audit_names(data)
    try:
        scans = len(data.participants())
    except SplitError:  # a finding already, and nothing more can be read
        scans = 0
    if scans:
        for name in args.runs:
            findings += audit_run(find_run_folder(name), data, args.split, str(name))
        with Progress("comparing scans", total=scans) as progress:
            findings += audit_images(data, progress.advance)
    if args.json:
        print(json.dumps([dataclasses.asdict(each) for each in findings], indent=2))
    else:
        for each in findings:
            print(f"{'LEAK' if each.is_leak else 'remark'}: {each.message}")
    leaks = sum(each.is_leak for each in findings)
    if leaks:
        raise SplitError(f"{args.data}: {leaks} leak(s); results on its test subjects say nothing")
    if not args.json:
        print(f"{args.data}: {scans} scans, no leak found")
