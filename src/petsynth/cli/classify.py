"""``petsynth classify``: does a synthetic PET help to tell two groups of subjects apart?

Classifies the test subjects of one or several evaluations, AD against CN unless told otherwise, by
regional features of the MRI, the reference PET, each model's synthetic PET, and MRI and PET
together: nested cross-validation over subjects, areas under the ROC curve with intervals, a
permutation test against chance, and DeLong's comparison of every pair. Says first whether the
synthetic PET adds anything to the MRI.
"""

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
    """Options of ``petsynth classify``."""

    evaluations: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="EVALUATION ...")
    ]
    """Folders of petsynth evaluate; with regions. Of several, the test subjects must be different
    people."""
    out: Path
    """Folder for tables, figures and report; made if missing."""
    groups: Annotated[tuple[str, str], tyro.conf.arg(metavar="ONE OTHER")] = ("AD", "CN")
    """The two diagnoses, as participants.tsv has them; the first one counts as positive."""
    folds: int = 5
    """Parts of the outer cross-validation."""
    repeats: int = 5
    """Divisions into folds that are averaged over."""
    permutations: int = 1000
    """Permutations for the test against chance; of the diagnoses. 0: no test."""
    seed: int = 0
    """Chooses folds and permutations."""
    overwrite: bool = False
    """Replace an earlier classification in the same folder."""


HELP = Help(
    "classify",
    """Ask whether a synthetic PET helps to tell two groups of subjects apart.

    Classifies the test subjects of one or several evaluations, AD against CN unless told otherwise,
    by regional features of the MRI, the reference PET, each model's synthetic PET, and MRI and PET
    together: nested cross-validation over subjects, areas under the ROC curve with intervals, a
    permutation test against chance, and DeLong's comparison of every pair. Says first whether the
    synthetic PET adds anything to the MRI.""",
    {
        "how": ("groups", "folds", "repeats", "permutations", "seed"),
        "output": ("overwrite",),
    },
    (
        "petsynth classify evaluation --out classification",
        "petsynth classify evaluation --groups MCI CN --out classification",
    ),
)


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


def run(args: Args) -> None:
    """Classify, print and write.

    Raises
    ------
    ArgumentError
        If an option has an impossible value.
    InputError
        If an evaluation cannot be used, or a group has too few subjects.
    OutputError
        If the folder holds something already.
    """
    from petsynth.errors import ArgumentError
    from petsynth.evaluation.classification import Settings, check, classify
    from petsynth.evaluation.group_features import read_group_features
    from petsynth.io.lock import lock_folder
    from petsynth.io.removal import make_own_folder
    from petsynth.log import Progress
    from petsynth.report.classification import FILES, format_areas, write_classification

    if args.groups[0] == args.groups[1]:
        raise ArgumentError(f"--groups {' '.join(args.groups)}: name two different diagnoses")
    settings = Settings(args.folds, args.repeats, args.permutations, args.seed)
    data = read_group_features(args.evaluations, args.groups)
    check(data, settings)
    with lock_folder(args.out):
        make_own_folder(args.out, FILES, "a classification", overwrite=args.overwrite)
        steps = len(data.sets) * args.folds * args.repeats
        with Progress("classifying", total=steps) as progress:
            found = classify(data, settings, progress.advance)
        findings = write_classification(found, args.out)
    print("\n".join(f"- {finding}" for finding in findings))
    print()
    print(format_areas(found))
    logger.info(f"report: {args.out / 'report.html'}")
