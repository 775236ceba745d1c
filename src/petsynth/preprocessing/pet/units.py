"""Units of PET: spellings that occur in sidecars, and the factors to becquerels.

References
----------
BIDS 1.10, "Positron Emission Tomography": ``Units`` follows CMIXF-12, as in ``Bq/mL``. DICOM
PS3.3, C.8.9.1.1.3 "Units": ``BQML``, ``GML`` (SUV by body weight). NIST SP 811: 1 Ci is 3.7e10 Bq.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ACTIVITY = "Bq/mL"
"""Unit that all activity concentrations are converted to."""

_PREFIXES = {
    "bq": {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9},
    "ci": {"": 3.7e10, "m": 3.7e7, "u": 3.7e4, "n": 37.0, "p": 0.037},
}
"""Becquerels per unit of radioactivity. In lower case, m is mega of Bq and milli of Ci:
millibecquerel and megacurie do not occur in a PET, while ``MBQ`` and ``MCI`` do."""
_PER_ML = {
    **dict.fromkeys(("ml", "cc", "ccm", "cm3", "millilitre", "milliliter"), 1.0),
    **dict.fromkeys(("l", "dm3", "litre", "liter"), 1e-3),
    **dict.fromkeys(("mm3", "ul"), 1e3),
}
_SUV = {"suv", "suvbw", "gml", "g/ml", "g/cc", "g/cm3"}
_SUVR = {"suvr", "suvratio", "standardizeduptakevalueratio", "standardiseduptakevalueratio"}
_SUV_WORDS = {"standardizeduptakevalue", "standardiseduptakevalue"}
_UNKNOWN = {"", "arbitrary", "arbitraryunits", "a.u.", "au"}
_RADIOACTIVITY = re.compile(r"(?P<prefix>[kmgunp]?)(?P<base>bq|ci)")
_VOLUMES = "|".join(sorted(_PER_ML, key=len, reverse=True))
_CONCENTRATION = re.compile(
    rf"{_RADIOACTIVITY.pattern}(?:/|per|[.*])?(?P<volume>{_VOLUMES})(?P<inverse>-1)?"
)
_LONGEST_NAME = 40
"""Characters of an unknown unit that are kept: it stands in tables and pictures."""


@dataclass(frozen=True)
class Unit:
    """A unit as the sidecar has it.

    Parameters
    ----------
    name : str
        ``"Bq/mL"``, ``"SUV"``, ``"SUVR"``, ``"arbitrary"``, or an unknown spelling as it is.
    factor : float
        What values are multiplied by to be in ``name``.
    is_known : bool
        False for a spelling that says nothing to this program.
    """

    name: str
    factor: float = 1.0
    is_known: bool = True


def parse_unit(text: str) -> Unit:
    """Return what a sidecar's ``Units`` means.

    Parameters
    ----------
    text : str
        In any usual spelling: case, spaces, ``cc`` or ``cm^3`` for ``mL``, ``mL-1`` for ``/mL``.

    Examples
    --------
    >>> parse_unit("kBq/cc")
    Unit(name='Bq/mL', factor=1000.0, is_known=True)
    >>> parse_unit("nCi/mL").factor, parse_unit("SUVr").name, parse_unit("counts").is_known
    (37.0, 'SUVR', False)
    """
    key = _key(text)
    bare = re.sub(r"[\[\](){}_-]", "", key)
    if bare in _SUVR:
        return Unit("SUVR")
    if bare in _SUV or bare in _SUV_WORDS or re.fullmatch(r"suv(bw)?(g/ml|g/cc)", bare):
        return Unit("SUV")
    if bare in _UNKNOWN:
        return Unit("arbitrary")
    found = _CONCENTRATION.fullmatch(key)
    becquerels = None if found is None or _is_milli_bq(text) else _becquerels(found)
    if found is None or becquerels is None:
        return Unit(" ".join(text.split())[:_LONGEST_NAME], is_known=False)
    return Unit(ACTIVITY, becquerels * _PER_ML[found["volume"]])


def radioactivity_bq(text: str) -> float | None:
    """Return how many becquerels a unit of radioactivity is; None if it is not known.

    ``mBq`` counts as MBq: nobody injects millibecquerels.

    Examples
    --------
    >>> radioactivity_bq("MBq"), radioactivity_bq("mCi"), radioactivity_bq("spoons")
    (1000000.0, 37000000.0, None)
    """
    found = _RADIOACTIVITY.fullmatch(_key(text))
    return None if found is None else _becquerels(found)


def _key(text: str) -> str:
    """Return a spelling in lower case, without what only sets it apart."""
    key = re.sub(r"\s", "", text).lower().replace("^", "").replace("**", "")
    for sign, plain in (("\u00b5", "u"), ("\u03bc", "u"), ("\u00b3", "3"), ("\u00b7", ".")):
        key = key.replace(sign, plain)
    key = key.replace("\u207b\u00b9", "-1").replace("becquerels", "bq").replace("becquerel", "bq")
    return re.sub(r"^(kilo|mega|giga)(?=bq)", lambda word: word[0][0], key)


def _is_milli_bq(text: str) -> bool:
    """Whether it is written as millibecquerel, which no PET is in: what is meant is not known."""
    return "mBq" in text


def _becquerels(found: re.Match[str]) -> float | None:
    return _PREFIXES[found["base"]].get(found["prefix"])
