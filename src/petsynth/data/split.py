"""Training, validation and test subjects: always whole subjects, never single slices.

References
----------
Paper A, section 2.2: 12 of 16 subjects for training, 4 for test. The paper does not say how they
were drawn; ours: stratified by diagnosis, seeded. Splitting by slice would let a network see
neighbouring slices of a test subject (Yagis et al., Scientific Reports 11, 2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from petsynth.errors import SplitError
from petsynth.io.bids.names import participant_key
from petsynth.io.text import read_table

PARTS = ("train", "validation", "test")


def draw_split(
    diagnoses: Mapping[str, str],
    *,
    test: float = 0.25,
    validation: float = 0.0,
    seed: int = 0,
    settled: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Draw who is for training, validation and test.

    Parameters
    ----------
    diagnoses : mapping of str to str
        Participant -> diagnosis; every part gets each diagnosis in proportion.
    test, validation : float
        Below 1 a fraction of the subjects, from 1 on their number.
    seed : int
        Same subjects, same seed, same split, in whatever order they come.
    settled : mapping of str to str, optional
        Assignments of an earlier split, which are kept: no training subject may turn into a
        test subject because the cohort grew.

    Returns
    -------
    dict of str to {"train", "validation", "test"}

    Raises
    ------
    SplitError
        If a number is negative, or nobody would be left for training.

    Examples
    --------
    >>> diagnoses = {f"sub-{n:02}": "AD" if n % 2 else "CN" for n in range(16)}
    >>> split = draw_split(diagnoses)
    >>> sorted(diagnoses[name] for name, part in split.items() if part == "test")
    ['AD', 'AD', 'CN', 'CN']
    """
    names = sorted(diagnoses)
    sizes = {"test": _count(test, len(names)), "validation": _count(validation, len(names))}
    if sum(sizes.values()) >= len(names):
        raise SplitError(
            f"{len(names)} subjects cannot give {sizes['test']} for test and "
            f"{sizes['validation']} for validation: nobody would be left for training"
        )
    split = {name: part for name, part in (settled or {}).items() if name in diagnoses}
    shuffled = np.random.default_rng(seed).permutation(names).tolist()
    strata = {label: [n for n in names if diagnoses[n] == label] for label in diagnoses.values()}
    for part, size in sizes.items():
        quotas = _quotas(size, {label: len(group) for label, group in strata.items()})
        for label, quota in quotas.items():
            taken = sum(split.get(name) == part for name in strata[label])
            free = [n for n in shuffled if diagnoses[n] == label and n not in split]
            split |= dict.fromkeys(free[: max(quota - taken, 0)], part)
    complete = {name: split.get(name, "train") for name in names}
    check_split(complete.items())
    return complete


def read_split(path: str | Path, aliases: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Read who is for training, validation and test.

    Parameters
    ----------
    path : str or Path
        Table with the columns ``participant_id`` and ``split``.
    aliases : mapping of str to iterable of str
        Participant -> further names by which the table may know them, such as an original
        identifier. ``sub-``, case, punctuation and leading zeros do not matter.

    Returns
    -------
    dict of str to {"train", "validation", "test"}
        For those participants that the table names.

    Raises
    ------
    SplitError
        If columns are missing, a part has another name, or a subject stands in two parts.
    InputError
        If the file is missing or no table.
    """
    table = read_table(path)
    missing = {"participant_id", "split"} - set(table.columns)
    if missing:
        raise SplitError(
            f"{path}: no column {' and '.join(sorted(missing))}; it must be tab-separated, with "
            "participant_id and split"
        )
    unknown = sorted(set(table["split"]) - set(PARTS))
    if unknown:
        raise SplitError(f"{path}: unknown part '{unknown[0]}'; known are {', '.join(PARTS)}")
    rows = list(zip(table["participant_id"], table["split"], strict=True))
    check_split(rows, source=f"{path}: ")
    parts = {participant_key(name): part for name, part in rows}
    keys = {
        name: {participant_key(name), *(participant_key(alias) for alias in others)}
        for name, others in aliases.items()
    }
    found = {name: {parts[key] for key in known & parts.keys()} for name, known in keys.items()}
    torn = [name for name, named in found.items() if len(named) > 1]
    if torn:
        raise SplitError(f"{path}: {torn[0]} stands in it under two names, in different parts")
    return {name: named.pop() for name, named in found.items() if named}


def check_distinct(names: Iterable[str]) -> None:
    """Refuse two spellings of one subject among the participants of a dataset.

    Raises
    ------
    SplitError
        If two names differ only in case, punctuation or leading zeros.

    Examples
    --------
    >>> check_distinct(["sub-0731", "sub-731"])
    Traceback (most recent call last):
    ...
    petsynth.errors.SplitError: sub-0731 and sub-731 may be the same subject, which could end up \
in training and test: rename one or leave it out with --participant-label
    """
    seen: dict[str, str] = {}
    for name in names:
        earlier = seen.setdefault(participant_key(name), name)
        if earlier != name:
            raise SplitError(
                f"{earlier} and {name} may be the same subject, which could end up in training and "
                "test: rename one or leave it out with --participant-label"
            )


def check_split(rows: Iterable[tuple[str, str]], source: str = "") -> None:
    """Refuse a subject in two parts, by another session or spelt ``0731`` and ``731``, too.

    Parameters
    ----------
    rows : iterable of (str, str)
        Name and part.
    source : str
        Put before the message, such as a file's name.

    Raises
    ------
    SplitError
        If a subject stands in two parts.

    Examples
    --------
    >>> check_split([("sub-0731", "train"), ("731", "test")])
    Traceback (most recent call last):
    ...
    petsynth.errors.SplitError: 731 (test) and sub-0731 (train) are the same subject: a subject \
must be in one part only
    """
    seen: dict[str, tuple[str, str]] = {}
    for name, part in rows:
        subject = participant_key(name.partition("_ses-")[0])  # ADNI's labels have a _, too
        earlier, earlier_part = seen.setdefault(subject, (name, part))
        if earlier_part != part:
            raise SplitError(
                f"{source}{name} ({part}) and {earlier} ({earlier_part}) are the same subject: "
                "a subject must be in one part only"
            )


def _count(wanted: float, total: int) -> int:
    if wanted < 0:
        raise SplitError(f"a part of {wanted} subjects: give a fraction below 1 or a number")
    return round(wanted * total) if wanted < 1 else round(wanted)


def _quotas(size: int, strata: Mapping[str, int]) -> dict[str, int]:
    """Divide ``size`` among strata by largest remainder."""
    total = sum(strata.values())
    exact = {label: size * count / total for label, count in strata.items()}
    quotas = {label: int(fraction) for label, fraction in exact.items()}
    by_remainder = sorted(exact, key=lambda label: (quotas[label] - exact[label], label))
    for label in by_remainder[: size - sum(quotas.values())]:
        quotas[label] += 1
    return quotas
