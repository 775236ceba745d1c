"""Which tracer it is, however it is written, and where a dataset says so.

The tracer of a PET is what its sidecar says, be it the image's own or an inherited one; else its
``trc-`` label; else, as in older datasets, its ``acq-`` label where that is the name of a tracer.

References
----------
BIDS 1.10, "Positron Emission Tomography": ``TracerName``. ``Radiopharmaceutical`` is what dcm2niix
writes of DICOM's attribute of that name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

UNKNOWN = "unknown"
"""The tracer of a PET of which nothing says it."""

SPELLINGS = {
    "FDG": ("fluorodeoxyglucose", "fludeoxyglucose", "fluoroglucose", "ffdg"),
    "AV45": ("florbetapir", "amyvid"),
    "AV1451": ("flortaucipir", "tauvid", "t807", "ly3191748", "ftp"),
    "FBB": ("florbetaben", "neuraceq", "bay949172", "bay861"),
    "FMM": ("flutemetamol", "vizamyl", "flute", "ge067", "ah110690"),
    "PIB": ("pittsburghcompoundb", "pittsburghb", "6ohbta1", "pittb"),
    "NAV4694": ("azd4694", "flutafuranol"),
    "MK6240": ("florquinitau",),
    "PI2620": (),
    "RO948": ("ro6958948",),
    "APN1607": ("pmpbb3", "florzolotau"),
    "THK5351": (),
}
"""Short name of a tracer -> its other names, in lower case and without signs or radionuclide."""

_CHEMICAL = {
    "FDG": r"(?=.*flu)(?=.*des?oxy)(?=.*glu[ck])",
    "PIB": r"pittsburgh?(comp.*)?|.*methyl.*aminophenyl6?hydroxybenzothiazole",
}
"""Patterns of chemical names, whose parts come in any order."""
_KEYS = ("TracerName", "Radiopharmaceutical", "Tracer")
_NUCLIDES = {
    "18": ("18f", "f18", "fluorine18", "18fluorine", "18"),
    "11": ("11c", "c11", "carbon11", "11carbon", "11"),
}
"""Spellings of a radionuclide at either end of a name, by its mass number."""
_BRACKETED = re.compile(
    r"[\[({]\s*(18\s*-?\s*F|F\s*-?\s*18|11\s*-?\s*C|C\s*-?\s*11)\s*[\])}]", re.IGNORECASE
)
_LONGEST = 40
_FILLERS = ("pet", "brain", "injection", "scan", "dynamic", "dyn", "static", "stat", "tracer")
_NOTHING = {"", "na", "none", "null", "unknown", "other", "solution", "radiotracer", "notavailable",
            "radiopharmaceutical", "radiopharmaceuticals", "unspecified", "anonymized", "tracers",
            "anonymised", "x"}  # fmt: skip
_SHORT_NAMES = {
    spelling: short for short, others in SPELLINGS.items() for spelling in (short.lower(), *others)
}


def tracer_of(name: str) -> str:
    """Return the short name of a tracer; an unknown one stays as it is, letters and digits alone.

    Examples
    --------
    >>> [tracer_of(each) for each in ("18FFDG", "[18F]FDG", "2-deoxy-2-[18F]fluoro-D-glucose")]
    ['FDG', 'FDG', 'FDG']
    >>> tracer_of("Florbetapir (18F)"), tracer_of("18FXYZ"), tracer_of("AV-45")
    ('AV45', '18FXYZ', 'AV45')
    """
    return known_tracer(name) or _letters_and_digits(name)[:_LONGEST]


def known_tracer(name: str) -> str | None:
    """Return the short name of a tracer in `SPELLINGS`; None for any other text.

    Where a text names one tracer in several ways, as in ``"AV-45 (florbetapir)"``, it is that one;
    where it names several tracers, none.

    Examples
    --------
    >>> known_tracer("FDG -- fluorodeoxyglucose"), known_tracer("static")
    ('FDG', None)
    """
    whole = _known(name)
    if whole is not None:
        return whole
    parts = re.split(r"[\s()\[\]{},;/+_]+|--+", name)
    found = {short for short in map(_known, parts) if short is not None}
    return found.pop() if len(found) == 1 else None


def tracer_key(name: str) -> str:
    """Return by what tracers are compared: neither case nor radionuclide tell them apart.

    Examples
    --------
    >>> tracer_key("18FXYZ") == tracer_key("[18F]xyz"), tracer_key("xyz1") == tracer_key("xyz2")
    (True, False)
    """
    short = tracer_of(name)
    key = short.lower()
    for spellings in _NUCLIDES.values():
        for nuclide in spellings[:-1]:
            if len(key) > len(nuclide) + 1:
                key = key.removeprefix(nuclide)
                key = key.removesuffix(nuclide)
    return key


def pet_tracer(sidecar: Mapping[str, Any], entities: Mapping[str, str]) -> str:
    """Return the short name of a PET's tracer; `UNKNOWN` if nothing says it.

    Parameters
    ----------
    sidecar : mapping
        All fields that apply to the image, inherited ones too.
    entities : mapping
        Of its name; see `petsynth.io.bids.names.parse_entities`.
    """
    told = [sidecar[key] for key in _KEYS if isinstance(sidecar.get(key), str)]
    for name in [*told, entities.get("trc", "")]:
        if not _says_nothing(name):
            return tracer_of(name) or UNKNOWN
    return known_tracer(entities.get("acq", "")) or UNKNOWN


def _known(text: str) -> str | None:
    """Return the tracer that a text is the name of, but for radionuclide and words around it."""
    names = [_letters_and_digits(each).lower() for each in (text, _BRACKETED.sub("", text))]
    names += [_without_fillers(name) for name in names]
    for key in [key for name in names for key in _without_nuclides(name)]:
        if key in _SHORT_NAMES:
            return _SHORT_NAMES[key]
        for short, pattern in _CHEMICAL.items():
            if re.match(pattern, key):
                return short
    return None


def _letters_and_digits(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", unicodedata.normalize("NFKC", text))


def _without_fillers(name: str) -> str:
    for filler in _FILLERS:
        name = name.removeprefix(filler).removesuffix(filler)
    return name


def _without_nuclides(name: str) -> list[str]:
    """Return a name, and what is left of it without a radionuclide at either end or both."""
    keys = [name]
    for spellings in _NUCLIDES.values():
        for nuclide in spellings:
            keys.append(name.removeprefix(nuclide))
            keys.append(name.removesuffix(nuclide))
            keys.append(name.removeprefix(nuclide).removesuffix(nuclide))
    return keys


def _says_nothing(name: str) -> bool:
    key = _letters_and_digits(name).lower()
    nuclides = {each for spellings in _NUCLIDES.values() for each in spellings}
    return key in _NOTHING | nuclides
