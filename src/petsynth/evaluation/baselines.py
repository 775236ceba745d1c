"""What a model must beat: predictions that need no network.

References
----------
Paper A, section 2.5: the between-subject baseline. The mean training PET is ours; for the
regression from the T1 see `petsynth.evaluation.tissue`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData
from petsynth.evaluation.measures import Ruler, Scores, measure_slice, measure_volume
from petsynth.slicing import middle_slice


def mean_training_pet(
    data: PreparedData, on_subject: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """Average the PET of the training subjects, voxel by voxel and frame by frame, in PET units.

    A running sum: memory does not grow with the number of subjects.
    """
    participants = data.participants("train")
    total = np.zeros(data.pet(participants[0]).shape)
    for participant in participants:
        total += data.pet(participant)
        on_subject()
    return (total / len(participants)).astype(np.float32)


def between_subjects(data: PreparedData, ruler: Ruler) -> Iterator[tuple[str, str, Scores]]:
    """Compare the PET of each training subject with that of the others.

    Middle slices: every subject with every other, N (N - 1) ordered pairs (132 of 12). The
    slice measures do not depend on the order, so each pair is measured once and given twice.
    Volumes and brains: each subject with the next in the split's order, the last with the
    first, since whole volumes of all pairs would take hours for large cohorts.

    Yields
    ------
    participant, other : str
        The pair; ``participant`` stands for the real PET, and its mask is the brain.
    scores : dict of dict of float
        ``middle_slice`` for every pair, ``volume`` and ``brain`` for neighbours.
    """
    participants = data.participants("train")
    levels = [ruler.grey_levels(middle_slice(data.static_pet(name))) for name in participants]
    for first, second in combinations(range(len(participants)), 2):
        scores = measure_slice(levels[first], levels[second])
        for one, other in ((first, second), (second, first)):
            pair = (participants[one], participants[other])
            is_next = other == (one + 1) % len(participants)
            volumes = _volumes(data, *pair, ruler) if is_next else {}
            yield (*pair, {"middle_slice": scores, **volumes})


def pairs_of(subjects: int) -> int:
    """Return the number of ordered pairs of different subjects.

    Examples
    --------
    >>> pairs_of(12)
    132
    """
    return subjects * (subjects - 1)


def derangement(participants: list[str]) -> dict[str, str]:
    """Give each subject another one: the next in the list, the first to the last.

    Examples
    --------
    >>> derangement(["a", "b", "c"])
    {'a': 'b', 'b': 'c', 'c': 'a'}
    """
    return dict(zip(participants, participants[1:] + participants[:1], strict=True))


def _volumes(data: PreparedData, participant: str, other: str, ruler: Ruler) -> Scores:
    return measure_volume(
        data.static_pet(participant), data.static_pet(other), data.mask(participant), ruler
    )
