"""What a report is made of: headings, text, tables, pictures, whatever the file format.

`petsynth.report.content` makes a list of these blocks, `petsynth.report.page` writes them as HTML
and `petsynth.report.pdf` as PDF, so both say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Style = Literal["", "better", "worse", "undecided", "check", "small"]


@dataclass(frozen=True)
class Title:
    """The title of the document."""

    text: str


@dataclass(frozen=True)
class Heading:
    """The heading of a section.

    Parameters
    ----------
    text : str
        What it says.
    anchor : str
        Name for links; only headings with one stand in the list of sections.
    level : {1, 2, 3}
        1 begins a part of a document of several, such as one of a tracer; 3 is below 2.
    """

    text: str
    anchor: str = ""
    level: Literal[1, 2, 3] = 2


@dataclass(frozen=True)
class Paragraph:
    """Text."""

    text: str
    style: Style = ""


@dataclass(frozen=True)
class Banner:
    """A warning that nobody overlooks: its first words are bold."""

    head: str
    text: str
    kind: Literal["simulated", "research", "leak"]


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its first line, smaller ones below it."""

    lines: tuple[str, ...]
    style: Style = ""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Parameters
    ----------
    cells : tuple of Cell
        As many as the table has columns; one alone spans them all.
    is_strong : bool
        Whether it is what the reader looks for; its first cell is bold.
    """

    cells: tuple[Cell, ...]
    is_strong: bool = False

    @property
    def is_group(self) -> bool:
        """Whether it is the heading of the rows below it."""
        return len(self.cells) == 1


@dataclass(frozen=True)
class Table:
    """A table that is no wider than the page: texts wrap.

    Parameters
    ----------
    caption : str
        Above it.
    head : tuple of str
        A word or two per column.
    rows : tuple of Row
        From top to bottom.
    text_columns : int
        How many columns, from the left, hold text; the others hold numbers.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    text_columns: int = 1


@dataclass(frozen=True)
class Picture:
    """A figure with its caption.

    Parameters
    ----------
    caption : str
        Below it.
    png : bytes
        Content of the PNG file.
    """

    caption: str
    png: bytes


@dataclass(frozen=True)
class Terms:
    """Names and what they mean."""

    pairs: tuple[tuple[str, str], ...]


Block = Title | Heading | Paragraph | Banner | Bullets | Table | Picture | Terms


def cell(*lines: str, style: Style = "") -> Cell:
    """Return a cell of these lines."""
    return Cell(lines, style)
