"""What the PET of prepared data is relative to."""

from __future__ import annotations

from collections.abc import Iterator

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError
from petsynth.io.text import exists, read_json


def reference_region(data: PreparedData) -> str | None:
    """Return the region whose mean the PET was divided by, as records and sidecars name it.

    Parameters
    ----------
    data : PreparedData
        Whose subjects' records (``arrays/sub-01.json``) are read, and where a PET came as it is,
        its sidecar.

    Returns
    -------
    str or None
        Several, joined by "or", where subjects differ. None where nothing names one.
    """
    return " or ".join(sorted(set(_named(data)))) or None


def _named(data: PreparedData) -> Iterator[str]:
    for name in data.participants():
        try:
            record = data.folder / "arrays" / f"{name}.json"
            content = read_json(record) if exists(record) else {}
            named = (content.get("qc") or {}).get("reference_region")
            for file in content.get("files") or ():
                if not named and str(file).endswith("_desc-preproc_pet.json"):
                    named = read_json(data.folder / str(file)).get("ReferenceRegion")
        except (InputError, AttributeError, TypeError):
            continue
        if isinstance(named, str) and named not in ("", "n/a"):
            yield named
