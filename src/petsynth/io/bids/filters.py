"""Which images are looked at: ``--bids-filter-file``, as fMRIPrep's users know it.

::

    {"t1w": {"acquisition": "mprage"}, "pet": {"reconstruction": ["coregavg", "coregiso"]}}

Keys of the inner tables are entities by long or short name; a value is a label or a list of
them, and ``null`` means that the name must not carry the entity.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from petsynth.errors import InputError
from petsynth.io.bids.walk import Image

_SHORT = {
    "session": "ses", "acquisition": "acq", "ceagent": "ce", "tracer": "trc",
    "reconstruction": "rec", "run": "run", "task": "task",
}  # fmt: skip
_KINDS = {"t1w": "T1w", "pet": "pet"}


def read_filter(path: Path) -> Callable[[Image], bool]:
    """Return the function that says whether an image is looked at.

    Raises
    ------
    InputError
        If the file is missing, no JSON, or names a kind of image or an entity that does not
        exist.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(content, dict) or not all(isinstance(x, dict) for x in content.values()):
        raise InputError(f'{path}: needed is {{"t1w": {{...}}, "pet": {{...}}}}')
    unknown = [kind for kind in content if kind not in _KINDS]
    if unknown:
        raise InputError(f"{path}: kind of image {unknown[0]!r}; there are t1w and pet")
    rules = {_KINDS[kind]: _labels(path, wanted) for kind, wanted in content.items()}

    def keep(image: Image) -> bool:
        wanted = rules.get(image.entities["suffix"], {})
        return all(image.entities.get(entity) in labels for entity, labels in wanted.items())

    return keep


def _labels(path: Path, wanted: dict) -> dict[str, set[str | None]]:
    labels: dict[str, set[str | None]] = {}
    for name, value in wanted.items():
        entity = _SHORT.get(name, name)
        if entity not in _SHORT.values():
            raise InputError(f"{path}: entity {name!r}; there are {', '.join(_SHORT)}")
        values = value if isinstance(value, list) else [value]
        labels[entity] = {None if each is None else str(each) for each in values}
    return labels
