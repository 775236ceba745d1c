"""Write figures as PNG files or bytes."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from petsynth.io.atomic import write_bytes


def save_png(figure: Figure, path: str | Path, *, dots_per_inch: int = 150) -> None:
    """Write ``figure`` atomically.

    Parameters
    ----------
    figure : Figure
        Made without pyplot, so that nothing keeps it alive afterwards.
    path : str or Path
        Ends in ``.png``; missing folders are made.
    dots_per_inch : int
        Resolution.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    write_bytes(path, png_bytes(figure, dots_per_inch=dots_per_inch))


def png_bytes(figure: Figure, *, dots_per_inch: int = 150) -> bytes:
    """Return ``figure`` as the content of a PNG file, the same for the same figure."""
    FigureCanvasAgg(figure)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # names of files and units may hold a dollar sign
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch, metadata={"Software": "petsynth"})
    return buffer.getvalue()
