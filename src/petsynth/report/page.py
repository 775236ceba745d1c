"""The report as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import jinja2

from petsynth.report.document import Block, Heading
from petsynth.version import __version__

_TEMPLATE = "report.html.j2"


def render(blocks: Sequence[Block], *, title: str) -> str:
    """Write a document as HTML.

    Parameters
    ----------
    blocks : sequence of Block
        From `petsynth.report.content`.
    title : str
        Of the window.

    Returns
    -------
    str
        HTML without scripts, and without anything to be loaded.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("petsynth.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = _inline
    return environment.get_template(_TEMPLATE).render(
        version=__version__,
        title=title,
        parts=_parts(blocks),
        blocks=[(type(each).__name__, each) for each in blocks],
    )


def _parts(blocks: Sequence[Block]) -> list[list[Heading]]:
    """Return the headings that links lead to; a list per part, which begins with the part's own."""
    parts: list[list[Heading]] = [[]]
    for each in blocks:
        if isinstance(each, Heading) and each.anchor:
            if each.level == 1:
                parts.append([])
            parts[-1].append(each)
    return parts


def _inline(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
