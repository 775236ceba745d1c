"""Which images are considered: ``--bids-filter-file``, as fMRIPrep's users know it.

::

    {"t1w": {"acquisition": "mprage", "run": 1}, "pet": {"reconstruction": ["acstat", null]}}

Groups other than ``t1w`` and ``pet`` are no matter here. Keys of a group are ``datatype``,
``suffix``, ``extension`` or entities by long or short name. A value is a label, or a list of labels
any of which will do. ``null`` means that the name must not carry the entity, ``"*"`` that it must,
with any label; pybids' ``"Query.NONE"``, ``"Query.ANY"`` and ``"Query.OPTIONAL"`` mean the same
and "no matter". Labels that are numbers are compared as numbers.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.bids.images import Image
from petsynth.io.bids.tracers import tracer_key

_SHORT = {
    "subject": "sub", "session": "ses", "sample": "sample", "task": "task", "tracer": "trc",
    "acquisition": "acq", "ceagent": "ce", "staining": "stain", "reconstruction": "rec",
    "direction": "dir", "run": "run", "modality": "mod", "echo": "echo", "flip": "flip",
    "inversion": "inv", "mtransfer": "mt", "mt": "mt", "part": "part", "processing": "proc",
    "proc": "proc", "hemisphere": "hemi", "hemi": "hemi", "space": "space", "split": "split",
    "recording": "recording", "chunk": "chunk", "segmentation": "seg", "resolution": "res",
    "density": "den", "label": "label", "description": "desc", "desc": "desc",
    "datatype": "datatype", "suffix": "suffix", "extension": "extension",
}  # fmt: skip
"""Entities (BIDS 1.10, appendix "Entities") and parts of a name: pybids' name -> short name."""
_SUFFIXES = {"t1w": "T1w", "pet": "pet"}
_DATATYPES = {"T1w": "anat", "pet": "pet"}
_ANY, _OPTIONAL = "*", "Query.OPTIONAL"
_QUERIES: dict[Any, str | None] = {
    "*": _ANY, "Query.ANY": _ANY, "Query.REQUIRED": _ANY, "Query.NONE": None,
    "Query.OPTIONAL": _OPTIONAL,
}  # fmt: skip

Labels = frozenset[str | None]


@dataclass(frozen=True)
class ImageFilter:
    """Which images are considered.

    Parameters
    ----------
    rules : dict of str to dict
        Suffix -> short name of an entity -> labels any of which will do.
    """

    rules: dict[str, dict[str, Labels]] = field(default_factory=dict)

    def __call__(self, image: Image) -> bool:
        """Whether an image is considered."""
        wanted = self.rules.get(image.entities["suffix"], {})
        return all(_fits(entity, _value(image, entity), wanted[entity]) for entity in wanted)

    def names(self, image: Image, entity: str) -> bool:
        """Whether the filter names the label of one of an image's entities."""
        labels = self.rules.get(image.entities["suffix"], {}).get(entity, frozenset())
        return _fits(entity, image.entities.get(entity), labels - {None, _ANY, _OPTIONAL})


def filter_of(content: dict[str, Any], source: str) -> ImageFilter:
    """Return the filter that the content of a file means.

    Groups that are no matter here are told in a warning.

    Parameters
    ----------
    content : dict
        As above.
    source : str
        Where it is from, for messages.

    Raises
    ------
    InputError
        If a group is none, or names an entity that does not exist.
    """
    if not all(isinstance(group, dict) for group in content.values()):
        raise InputError(f'{source}: needed is {{"t1w": {{...}}, "pet": {{...}}}}')
    groups = {name.lower(): group for name, group in content.items()}
    others = [name for name in content if name.lower() not in _SUFFIXES]
    if others:
        warnings.warn(
            f"{source}: {', '.join(others)}: only the groups t1w and pet matter here",
            PetsynthWarning,
            stacklevel=3,
        )
    return ImageFilter(
        {
            _SUFFIXES[name]: _rules(source, group)
            for name, group in groups.items()
            if name in _SUFFIXES
        }
    )


def _rules(source: str, group: dict[str, Any]) -> dict[str, Labels]:
    rules: dict[str, Labels] = {}
    for name, value in group.items():
        entity = _SHORT.get(name.lower(), name.lower())
        if entity not in _SHORT.values():
            raise InputError(f"{source}: entity {name!r}; there are {', '.join(_SHORT)}")
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, dict | list) for each in values):
            raise InputError(f"{source}: {name} is {value!r}, needed is a label or a list of them")
        rules[entity] = frozenset(_label(entity, each) for each in values)
    return rules


def _label(entity: str, value: Any) -> str | None:
    if value is None or value in _QUERIES:
        return _QUERIES.get(value)
    return str(value).removeprefix(f"{entity}-")


def _value(image: Image, entity: str) -> str | None:
    if entity == "datatype":
        return _DATATYPES[image.entities["suffix"]]
    return image.entities.get(entity)


def _fits(entity: str, label: str | None, wanted: Labels) -> bool:
    if _OPTIONAL in wanted or label in wanted:
        return True
    if label is None:
        return False
    return _ANY in wanted or any(
        each is not None and _key(entity, each) == _key(entity, label) for each in wanted
    )


def _key(entity: str, label: str) -> str:
    """Return by what labels are compared: ``2`` is ``02``, a tracer has many spellings."""
    if entity == "trc":
        return tracer_key(label)
    if entity == "extension":
        return "." + label.removeprefix(".")
    return str(int(label)) if label.isdecimal() else label
