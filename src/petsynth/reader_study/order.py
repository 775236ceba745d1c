"""Which case a reader sees when: random, balanced over kinds, some cases twice.

References
----------
Ours. Kinds of images of one subject are spread over blocks by a cyclic Latin square, so that over
readers each kind comes first equally often (counterbalancing; Obuchowski, Academic Radiology 2009).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from petsynth.errors import ConfigError
from petsynth.reader_study.study import Case, Study


@dataclass(frozen=True)
class Presentation:
    """A case at a place in a reader's order.

    Parameters
    ----------
    position : int
        From 1 on.
    case : Case
        What is shown.
    is_repeat : bool
        Whether the reader has seen it before.
    """

    position: int
    case: Case
    is_repeat: bool


def presentations(study: Study, reader: str) -> list[Presentation]:
    """Return a reader's order: the same whenever it is asked for.

    Parameters
    ----------
    study : Study
        With the seed.
    reader : str
        One of its readers.

    Raises
    ------
    ConfigError
        If the study has no such reader.
    """
    if reader not in study.readers:
        raise ConfigError(f"{reader}: is no reader of the study")
    random = _random(study, reader)
    first = _first_time(study, study.readers.index(reader), random)
    order = [(case, False) for case in first]
    early = first[: max((len(first) + 1) // 2, study.repeats)]
    again = random.choice(len(early), size=study.repeats, replace=False)
    for number in again:
        place = int(random.integers(max(len(first) // 2, int(number) + 1), len(order) + 1))
        order.insert(place, (early[int(number)], True))
    return [
        Presentation(position, case, is_repeat)
        for position, (case, is_repeat) in enumerate(order, start=1)
    ]


def _first_time(study: Study, number: int, random: np.random.Generator) -> list[Case]:
    """Return every case once: block by block, a subject once in each block."""
    subjects: dict[str, list[Case]] = {}
    for case in study.cases:
        subjects.setdefault(case.subject, []).append(case)
    blocks: list[list[Case]] = [[] for _ in range(max(map(len, subjects.values())))]
    for place, cases in enumerate(subjects.values()):
        for block in range(len(cases)):
            blocks[block].append(cases[(block + place + number) % len(cases)])
    found = []
    for each in blocks:
        found += [each[int(at)] for at in random.permutation(len(each))]
    return found


def _random(study: Study, reader: str) -> np.random.Generator:
    key = hashlib.sha256(f"{study.seed}/{reader}".encode()).digest()
    return np.random.default_rng(list(key))
