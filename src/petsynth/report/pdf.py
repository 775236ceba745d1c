"""The report as PDF, for printing and for the supplement of a paper.

The blocks are laid out by ReportLab, which needs neither a browser nor a system library; see
docs/decisions/0080-report-as-html-and-pdf.md.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
import numpy as np
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    Image,
    KeepTogether,
    PageBreak,
    SimpleDocTemplate,
    Spacer,
)
from reportlab.platypus import Paragraph as Text
from reportlab.platypus import Table as Grid

from petsynth.figures.panels import SYNTHETIC_LABEL
from petsynth.report.document import (
    Banner,
    Block,
    Bullets,
    Heading,
    Paragraph,
    Picture,
    Row,
    Table,
    Terms,
    Title,
)

MARGIN = 14 * mm
_FOOT = 3 * mm
_PADDING = 12.0  # of ReportLab's frames, both sides together
WIDTH = A4[0] - 2 * MARGIN - _PADDING
HEIGHT = A4[1] - 2 * MARGIN - _FOOT - _PADDING
_HIGHEST_PICTURE = 0.86 * HEIGHT
_TABLE_SIZE, _SMALL_SIZE = 6.8, 5.8
"""Points of the first line of a cell, and of those below it."""
_CELL_PADDING = 5.0
_WIDEST_WORD, _WIDEST_LINE = 0.2, 0.35
"""Fractions of the page that no single column asks for more than."""
_ROOM = {1: 0.0, 2: 60 * mm, 3: 30 * mm}
"""A section begins on the next page where less is left, by the level of its heading."""
_COLOURS = {
    "better": "#0b4f8a",
    "worse": "#a01712",
    "undecided": "#555555",
    "small": "#444444",
    "check": "#5a3a00",
}
_BANNERS = {
    "simulated": ("#fdecea", "#7a1410"),
    "leak": ("#fdecea", "#7a1410"),
    "research": ("#fff6e0", "#5a3a00"),
}


def pdf_bytes(blocks: Sequence[Block], *, title: str) -> bytes:
    """Return a document as the content of a PDF file, the same for the same document.

    Parameters
    ----------
    blocks : sequence of Block
        From `petsynth.report.content`.
    title : str
        Of the file; it stands at the foot of every page.
    """
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + _FOOT,
        title=title,
        author="petsynth",
        invariant=1,
    )
    foot = partial(_draw_foot, title)
    document.build(lay_out(blocks), onFirstPage=foot, onLaterPages=foot)
    return buffer.getvalue()


def lay_out(blocks: Sequence[Block]) -> list[Flowable]:
    """Return what stands on the pages, in order; nothing is wider than `WIDTH`."""
    _register_fonts()
    flowables: list[Flowable] = []
    kept: list[Flowable] = []  # headings, which stay with what follows
    for block in blocks:
        laid = _LAYOUTS[type(block)](block)
        if isinstance(block, Heading):
            flowables += laid[:-1] if kept else [*laid[:-1], CondPageBreak(_ROOM[block.level])]
            kept += laid[-1:]
            continue
        if isinstance(block, Table) and kept:
            laid = laid[1:]
        flowables += [KeepTogether([*kept, laid[0]]), *laid[1:]] if kept else laid
        kept = []
    return [*flowables, *kept]


def _title(block: Title) -> list[Flowable]:
    return [Text(escape(block.text), _style(15, bold=True, after=6))]


def _heading(block: Heading) -> list[Flowable]:
    size = {1: 15, 2: 12, 3: 10}[block.level]
    text = Text(escape(block.text), _style(size, bold=True, before=10, after=4))
    return [PageBreak(), text] if block.level == 1 else [text]


def _paragraph(block: Paragraph) -> list[Flowable]:
    return [Text(escape(block.text), _style(7.5 if block.style == "small" else 8.5, after=4))]


def _banner(block: Banner) -> list[Flowable]:
    background, colour = _BANNERS[block.kind]
    text = f"<font name='report-bold'>{escape(block.head)}</font> {escape(block.text)}"
    style = _style(8.5, colour=colour, after=5, backColor=HexColor(background), borderPadding=3)
    return [Text(text, style), Spacer(1, 4)]


def _bullets(block: Bullets) -> list[Flowable]:
    style = _style(8.5, after=2, leftIndent=10, bulletIndent=2, bulletFontName="report")
    return [Text(escape(each), style, bulletText="•") for each in block.items]


def _terms(block: Terms) -> list[Flowable]:
    rows = [
        [Text(escape(name), _style(7, bold=True)), Text(escape(text), _style(7))]
        for name, text in block.pairs
    ]
    if not rows:
        return []
    return [Grid(rows, colWidths=[0.24 * WIDTH, 0.76 * WIDTH], style=_PLAIN, hAlign="LEFT")]


def _picture(block: Picture) -> list[Flowable]:
    width, height = ImageReader(io.BytesIO(block.png)).getSize()
    factor = min(WIDTH / width, _HIGHEST_PICTURE / height, 72 / 110)  # never below 110 dpi
    image = Image(io.BytesIO(block.png), width * factor, height * factor, hAlign="LEFT")
    return [KeepTogether([image, Text(escape(block.caption), _style(7.5, before=2, after=8))])]


def _table(block: Table) -> list[Flowable]:
    head = [
        Text(
            escape(_with_arrow(name)),
            _style(_TABLE_SIZE, bold=True, right=number >= block.text_columns),
        )
        for number, name in enumerate(block.head)
    ]
    rows = [_table_row(row, block) for row in block.rows]
    style = [
        *_PLAIN,
        ("LINEABOVE", (0, 0), (-1, 0), 1, "#333333"),
        ("LINEBELOW", (0, 0), (-1, 0), 0.5, "#333333"),
        ("LINEBELOW", (0, 1), (-1, -1), 0.25, "#dddddd"),
        ("LINEBELOW", (0, -1), (-1, -1), 1, "#333333"),
        *(
            ("SPAN", (0, number), (-1, number))
            for number, row in enumerate(block.rows, start=1)
            if row.is_group
        ),
        *(  # the head of a group stays with its first row
            ("NOSPLIT", (0, number), (0, number + 1))
            for number, row in enumerate(block.rows[:-1], start=1)
            if row.is_group
        ),
    ]
    grid = Grid([head, *rows], colWidths=_widths(block), repeatRows=1, style=style, hAlign="LEFT")
    caption = [Text(escape(block.caption), _style(8, bold=True, before=4, after=2))]
    return [CondPageBreak(25 * mm), *(caption if block.caption else []), grid, Spacer(1, 6)]


def _table_row(row: Row, table: Table) -> list[Any]:
    if row.is_group:
        style = _style(_TABLE_SIZE, colour="#555555")
        text = Text(f"<i>{escape(row.cells[0].lines[0])}</i>", style)
        return [text, *[""] * (len(table.head) - 1)]
    cells = []
    for number, each in enumerate(row.cells):
        first, *more = (escape(line) for line in each.lines)
        lines = "".join(
            f"<br/><font name='report' size='{_SMALL_SIZE}' color='#444444'>{line}</font>"
            for line in more
        )
        style = _style(
            _TABLE_SIZE,
            bold=each.style == "worse" or (row.is_strong and number == 0),
            right=number >= table.text_columns,
            colour=_COLOURS.get(each.style, "#1a1a1a"),
        )
        cells.append(Text(first + lines, style))
    return cells


def _widths(table: Table) -> list[float]:
    """Return widths of columns that fill the page.

    Numbers stay on one line where the page has room for it, and texts have room for their longest
    word; what is left goes to those whose lines are longer, then to all.
    """
    words, lines = [], []
    for number, name in enumerate(table.head):
        cells = [row.cells[number] for row in table.rows if not row.is_group]
        longest = [_longest_word(_with_arrow(name), "report-bold", _TABLE_SIZE)]
        whole = [pdfmetrics.stringWidth(name, "report-bold", _TABLE_SIZE), *longest]
        for each in cells:
            for place, line in enumerate(each.lines):
                font = "report" if place else "report-bold"  # bold is the wider one
                size = _SMALL_SIZE if place else _TABLE_SIZE
                longest.append(_longest_word(line, font, size))
                whole.append(pdfmetrics.stringWidth(line, font, size))
        words.append(max(longest))
        lines.append(max(whole[2:], default=0.0) if number >= table.text_columns else max(whole))
    room = WIDTH - _CELL_PADDING * len(table.head)
    least = np.minimum(words, _WIDEST_WORD * room)
    wanted = np.maximum(least, np.minimum(lines, _WIDEST_LINE * room))
    numbers = np.arange(len(least)) >= table.text_columns
    widths = least * min(1.0, room / least.sum())
    for group in (numbers, ~numbers):
        missing = np.where(group, np.maximum(wanted - widths, 0), 0)
        widths += missing * min(1.0, (room - widths.sum()) / max(missing.sum(), 1e-6))
    return [float(width) + _CELL_PADDING for width in room * widths / widths.sum()]


def _longest_word(text: str, font: str, size: float) -> float:
    return max(float(pdfmetrics.stringWidth(word, font, size)) for word in text.split(" "))


def _with_arrow(name: str) -> str:
    """Keep the arrow of a column's head on the line of the word before it."""
    return name.replace(" ↓", "\u00a0↓").replace(" ↑", "\u00a0↑")


def _style(
    size: float,
    *,
    bold: bool = False,
    right: bool = False,
    colour: str = "#1a1a1a",
    before: float = 0,
    after: float = 0,
    **more: Any,
) -> Any:
    return ParagraphStyle(
        "style",
        fontName="report-bold" if bold else "report",
        fontSize=size,
        leading=1.28 * size,
        textColor=HexColor(colour),
        spaceBefore=before,
        spaceAfter=after,
        embeddedHyphenation=1,
        splitLongWords=1,
        **({"alignment": TA_RIGHT} if right else {}),
        **more,
    )


@cache
def _register_fonts() -> None:
    """Use the fonts that come with matplotlib: they have the arrows and signs of the tables."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name, file in (
        ("report", "DejaVuSans.ttf"),
        ("report-bold", "DejaVuSans-Bold.ttf"),
        ("report-italic", "DejaVuSans-Oblique.ttf"),
    ):
        pdfmetrics.registerFont(TTFont(name, str(folder / file)))
    pdfmetrics.registerFontFamily("report", "report", "report-bold", "report-italic", "report-bold")


def _draw_foot(title: str, page: Any, document: Any) -> None:
    page.saveState()
    page.setFont("report", 6.5)
    page.drawString(MARGIN, MARGIN - 2 * mm, f"{title} · {SYNTHETIC_LABEL}")
    page.drawRightString(A4[0] - MARGIN, MARGIN - 2 * mm, f"page {document.page}")
    page.restoreState()


_PLAIN = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("FONTSIZE", (0, 0), (-1, -1), 5),
    ("LEADING", (0, 0), (-1, -1), 6),
    ("LEFTPADDING", (0, 0), (-1, -1), 2),
    ("RIGHTPADDING", (0, 0), (-1, -1), 2),
    ("TOPPADDING", (0, 0), (-1, -1), 1.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
]

_LAYOUTS: dict[type, Callable[[Any], list[Flowable]]] = {
    Title: _title,
    Heading: _heading,
    Paragraph: _paragraph,
    Banner: _banner,
    Bullets: _bullets,
    Terms: _terms,
    Picture: _picture,
    Table: _table,
}
