"""What else may be known of a subject: age, sex, diagnosis, MMSE, amyloid and tau status, APOE.

Each covariate is read from text, as tables and the command line have it, and becomes one number of
about -1 to 1 for a network. What is not known is a state of its own, not a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import ArgumentError

CovariateName = Literal["age", "sex", "diagnosis", "mmse", "amyloid", "tau", "apoe"]

Covariates = Mapping[CovariateName, float]
"""Values of what is known of a subject, as `parse_covariate` returns them."""

UNKNOWN = frozenset({"", "n/a", "na", "nan", "none", "unknown"})
"""Spellings of what is not known, in lower case."""


@dataclass(frozen=True)
class Covariate:
    """One thing that may be known of a subject.

    Parameters
    ----------
    columns : tuple of str
        Names of its column in ``participants.tsv``, in lower case; the first one that is there.
    parse : function from str to float
        Raises ValueError if a text says nothing of it.
    needed : str
        What a text must say, for messages.
    """

    columns: tuple[str, ...]
    parse: Callable[[str], float]
    needed: str


def _number(low: float, high: float, centre: float, spread: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError(text)
        return (value - centre) / spread

    return parse


def _level(**levels: Sequence[str]) -> Callable[[str], float]:
    """Return a parser of words, each level evenly spaced from -1 to 1 in the order given."""
    values = np.linspace(-1, 1, len(levels))
    spellings = {
        spelling: float(value)
        for value, words in zip(values, levels.values(), strict=True)
        for spelling in words
    }

    def parse(text: str) -> float:
        try:
            return spellings[text.lower()]
        except KeyError:
            raise ValueError(text) from None

    return parse


def _e4_alleles(text: str) -> float:
    """Return -1, 0 or 1 for none, one or two e4 alleles; from ``1``, ``e3/e4``, ``34``."""
    if text in ("0", "1", "2"):
        return float(text) - 1
    alleles = re.fullmatch(r"[eε]?([234])[/\s-]?[eε]?([234])", text.lower())
    if alleles is None:
        raise ValueError(text)
    return alleles.groups().count("4") - 1.0


_STATUS = _level(
    negative=("negative", "neg", "0", "false", "no", "a-", "t-"),
    positive=("positive", "pos", "1", "true", "yes", "a+", "t+"),
)

COVARIATES: dict[CovariateName, Covariate] = {
    "age": Covariate(
        ("age", "age_years", "age_at_scan"), _number(18, 110, 65, 20), "years, 18 to 110"
    ),
    "sex": Covariate(
        ("sex", "gender"),
        _level(female=("f", "female", "woman"), male=("m", "male", "man")),
        "F or M",
    ),
    "diagnosis": Covariate(
        ("diagnosis", "dx", "group", "diagnosis_group"),
        _level(
            CN=("cn", "nc", "hc", "control", "normal"),
            MCI=("mci", "emci", "lmci"),
            AD=("ad", "dementia"),
        ),
        "CN, MCI or AD",
    ),
    "mmse": Covariate(("mmse", "mmse_score"), _number(0, 30, 25, 5), "a score, 0 to 30"),
    "amyloid": Covariate(("amyloid", "amyloid_status"), _STATUS, "positive or negative"),
    "tau": Covariate(("tau", "tau_status"), _STATUS, "positive or negative"),
    "apoe": Covariate(
        ("apoe", "apoe4", "apoe_e4"),
        _e4_alleles,
        "the number of e4 alleles (0, 1, 2) or a genotype such as e3/e4",
    ),
}
"""Every covariate that a model can use."""


def parse_covariate(name: CovariateName, text: str) -> float | None:
    """Return a covariate's value for a network; None if the text says that it is not known.

    Raises
    ------
    ArgumentError
        If the text says nothing of the covariate, or a number is out of range.

    Examples
    --------
    >>> parse_covariate("age", "65"), parse_covariate("amyloid", "positive")
    (0.0, 1.0)
    >>> parse_covariate("apoe", "e3/e4"), parse_covariate("sex", "n/a")
    (0.0, None)
    """
    text = text.strip()
    if text.lower() in UNKNOWN:
        return None
    covariate = COVARIATES[name]
    try:
        value = covariate.parse(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ArgumentError(f"{name} {text!r}: needed is {covariate.needed}, or n/a")
    return value


def parse_covariates(given: Mapping[Any, object]) -> dict[CovariateName, float]:
    """Return the values of what is given of a subject by name, without what is unknown.

    Raises
    ------
    ArgumentError
        If there is no such covariate, or a value says nothing of it.

    Examples
    --------
    >>> parse_covariates({"age": 75, "sex": "F", "tau": "n/a"})
    {'age': 0.5, 'sex': -1.0}
    """
    known: dict[CovariateName, float] = {}
    unknown = [name for name in given if name not in COVARIATES]
    if unknown:
        raise ArgumentError(f"{unknown[0]}: no such covariate; there are {', '.join(COVARIATES)}")
    for name in COVARIATES:
        parsed = parse_covariate(name, str(given.get(name, "n/a")))
        if parsed is not None:
            known[name] = parsed
    return known


def covariate_columns(columns: Iterable[str]) -> dict[CovariateName, str]:
    """Return which column of a table of participants holds each covariate, if any.

    Examples
    --------
    >>> covariate_columns(["participant_id", "Age", "gender"])
    {'age': 'Age', 'sex': 'gender'}
    """
    spelt = {str(column).lower(): column for column in columns}
    return {
        name: next(spelt[column] for column in covariate.columns if column in spelt)
        for name, covariate in COVARIATES.items()
        if any(column in spelt for column in covariate.columns)
    }


def encode(known: Covariates, names: Sequence[CovariateName]) -> NDArray[np.float32]:
    """Return covariates as a network takes them.

    Parameters
    ----------
    known : mapping of str to float
        What is known of a subject; more than ``names`` is no matter.
    names : sequence of str
        What the network uses, in its order.

    Returns
    -------
    (2 K,) float32 array
        For each of the K names its value, and 1 if it is known; 0 and 0 if it is not.

    Examples
    --------
    >>> encode({"age": 0.5}, ("age", "sex")).tolist()
    [0.5, 1.0, 0.0, 0.0]
    """
    pairs = [(known[name], 1.0) if name in known else (0.0, 0.0) for name in names]
    return np.array(pairs, dtype=np.float32).reshape(-1)
