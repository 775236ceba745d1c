"""What a model must beat: predictions that need no network.

References
----------
Paper A, section 2.5: the between-subject baseline. The mean training PET is ours; for the
regression from the T1 see `petsynth.evaluation.tissue`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError
from petsynth.evaluation.measures import Ruler, Scores, measure_slice, measure_volume
from petsynth.io.bids.names import participant_of
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
    first, since whole volumes of all pairs would take hours for large cohorts. Two visits of one
    person are never compared.

    Yields
    ------
    participant, other : str
        The pair; ``participant`` stands for the real PET, and its mask is the brain.
    scores : dict of dict of float
        ``middle_slice`` for every pair, ``volume`` and ``brain`` for neighbours.
    """
    participants = data.participants("train")
    following = derangement(participants)
    levels = [ruler.grey_levels(middle_slice(data.static_pet(name))) for name in participants]
    for first, second in combinations(range(len(participants)), 2):
        pair = (participants[first], participants[second])
        if participant_of(pair[0]) == participant_of(pair[1]):
            continue
        scores = measure_slice(levels[first], levels[second])
        for one, other in (pair, pair[::-1]):
            volumes = _volumes(data, one, other, ruler) if following[one] == other else {}
            yield one, other, {"middle_slice": scores, **volumes}


def pairs_of(participants: list[str]) -> int:
    """Return the number of ordered pairs of scans of different people.

    Examples
    --------
    >>> pairs_of([f"sub-{number}" for number in range(12)])
    132
    >>> pairs_of(["sub-1_ses-a", "sub-1_ses-b", "sub-2_ses-a"])
    4
    """
    visits = Counter(map(participant_of, participants)).values()
    return len(participants) ** 2 - sum(count**2 for count in visits)


def derangement(participants: list[str]) -> dict[str, str]:
    """Give each subject another one: the next in the list, the first to the last.

    A visit is given one of the next person's, the first to the first and so on.

    Raises
    ------
    InputError
        If there are not two people.

    Examples
    --------
    >>> derangement(["a", "b", "c"])
    {'a': 'b', 'b': 'c', 'c': 'a'}
    >>> derangement(["a_ses-1", "a_ses-2", "b_ses-1"])
    {'a_ses-1': 'b_ses-1', 'a_ses-2': 'b_ses-1', 'b_ses-1': 'a_ses-1'}
    """
    visits: dict[str, list[str]] = {}
    for name in participants:
        visits.setdefault(participant_of(name), []).append(name)
    people = list(visits)
    if len(people) < 2:
        raise InputError(f"{len(people)} person: nobody else's scan to compare with")
    others = dict(zip(people, people[1:] + people[:1], strict=True))
    return {
        name: visits[others[person]][number % len(visits[others[person]])]
        for person, names in visits.items()
        for number, name in enumerate(names)
    }


def _volumes(data: PreparedData, participant: str, other: str, ruler: Ruler) -> Scores:
    return measure_volume(
        data.static_pet(participant), data.static_pet(other), data.mask(participant), ruler
    )
