"""Names of the labels of segmentations: FreeSurfer, SynthSeg and MUSE; `labels.csv` has them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import pandas as pd

from petsynth.simulation.regions import Scheme

Group = Literal["cortex", "deep", "optional"]
_SIDES = {"left": "left", "l": "left", "lh": "left", "right": "right", "r": "right", "rh": "right"}


@dataclass(frozen=True)
class Label:
    """A label of a segmentation.

    Parameters
    ----------
    number : int
        In the image.
    name : str
        With ``_left`` or ``_right`` where it has two sides.
    group : {"cortex", "deep", "optional"}
        What a segmentation is expected to hold; see `expected`.
    """

    number: int
    name: str
    group: Group


@functools.cache
def label_names(scheme: Scheme) -> dict[int, Label]:
    """Return number -> label of one scheme.

    Examples
    --------
    >>> label_names("freesurfer")[1028].name, label_names("muse")[47].name
    ('superiorfrontal_left', 'hippocampus_right')
    """
    with resources.files(__package__).joinpath("labels.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, comment="#")
    rows = table[table["scheme"] == scheme].to_dict("records")
    return {int(row["label"]): Label(int(row["label"]), row["name"], row["group"]) for row in rows}


def expected(scheme: Scheme, present: Iterable[int]) -> list[Label]:
    """Return the labels that a segmentation should hold, and optional ones that it holds.

    Regions of the cortex are expected only where any is there: not of a segmentation without
    parcellation.

    Parameters
    ----------
    scheme : {"freesurfer", "muse"}
        Of the segmentation.
    present : iterable of int
        The labels that occur.
    """
    there, names = set(present), label_names(scheme)
    parcellated = any(each.group == "cortex" for number in there if (each := names.get(number)))
    return [
        each
        for number, each in names.items()
        if number in there or each.group == "deep" or (each.group == "cortex" and parcellated)
    ]


def split_side(name: str) -> tuple[str, str | None]:
    """Return a region's name without its side, and the side.

    Examples
    --------
    >>> split_side("superiorfrontal_left"), split_side("Right-Hippocampus"), split_side("pons")
    (('superiorfrontal', 'left'), ('hippocampus', 'right'), ('pons', None))
    >>> split_side("ctx-lh-precuneus"), split_side("Frontal_Sup_L"), split_side("lingual")
    (('ctx_precuneus', 'left'), ('frontal_sup', 'left'), ('lingual', None))
    """
    words = re.split(r"[\s_\-.]+", name.strip().lower())
    places = [place for place, word in enumerate(words) if word in _SIDES]
    if len(places) != 1 or len(words) == 1:
        return name, None
    (place,) = places
    return "_".join(words[:place] + words[place + 1 :]), _SIDES[words[place]]
