"""The PDF of the report: all of it is on the pages, and nothing is wider than they are."""

import io

import numpy as np
import pytest
from PIL import Image
from reportlab.platypus import KeepTogether
from reportlab.platypus import Table as Grid

from petsynth.report.document import (
    Banner,
    Bullets,
    Heading,
    Paragraph,
    Picture,
    Row,
    Table,
    Terms,
    Title,
    cell,
)
from petsynth.report.pdf import HEIGHT, WIDTH, lay_out, pdf_bytes


def png(width=300, height=200):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((height, width), np.uint8)).save(buffer, "png")
    return buffer.getvalue()


LONG = "a-method-with-a-name-that-has-no-space-at-all-and-does-not-end (other subject's T1)"
WIDE = Table(
    "A wide table",
    ("method", *(f"NRMSE {number} (SUVR) ↓" for number in range(9)), "n"),
    (
        Row((cell("baseline"),)),
        Row((cell(LONG), *[cell("0.0457 ± 0.0046", "0.0401 to 0.0512")] * 9, cell("7")), True),
        Row((cell("<b>"), *[cell("WORSE (0 of 7)", "[-0.1, 0.2]", style="worse")] * 9, cell("7"))),
    ),
)
BLOCKS = [
    Banner("SIMULATED DATA.", "Not <patients> & co.", "simulated"),
    Title("A title"),
    Heading("Findings", "findings"),
    Bullets(("One finding.", "Another <one>.")),
    Heading("Limits", level=3),
    Paragraph("Text, with arrows ↑ ↓ and signs ± ² −.", style="small"),
    WIDE,
    Picture("A picture", png()),
    Picture("A tall picture", png(400, 5000)),
    Terms((("name_without_any_space_that_is_very_long_indeed", "what <it> means"),)),
    Heading("The last heading", "last"),
]


def test_the_same_document_gives_the_same_bytes():
    content = pdf_bytes(BLOCKS, title="A title")
    assert content.startswith(b"%PDF-")
    assert pdf_bytes(BLOCKS, title="A title") == content


def parts(flowables):
    """Return what stands on the page, out of what is kept together."""
    for each in flowables:
        if isinstance(each, KeepTogether):
            yield from parts(each._content)
        else:
            yield each


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: type(block).__name__)
def test_nothing_is_wider_or_higher_than_a_page(block):
    for flowable in parts(lay_out([block])):
        width, height = flowable.wrap(WIDTH, HEIGHT)
        assert width <= WIDTH + 0.1
        assert height <= HEIGHT


def test_no_word_of_a_wide_table_is_wider_than_its_column():
    (grid,) = (each for each in parts(lay_out([WIDE])) if isinstance(each, Grid))
    grid.wrap(WIDTH, HEIGHT)
    for head_or_row in grid._cellvalues:
        for held, width in [*zip(head_or_row, grid._colWidths, strict=True)][1:]:
            for text in held:
                assert text.minWidth() <= width - 4


def test_numbers_stay_on_one_line_where_the_page_has_room_for_it():
    shown = ("undecided (0 of 3)", "1254.17 vs 1320.86", "[-19420.01, 19286.62]")
    row = Row((cell("pix2pix-augmented (other subject's T1)"), *[cell(*shown)] * 4, cell("-0.08")))
    head = ("method", *["middle axial slice MSE (grey levels²) ↓"] * 4, "r ↑")
    (grid,) = (each for each in lay_out([Table("", head, (row,))]) if isinstance(each, Grid))
    for held, width, number in zip(
        grid._cellvalues[1], grid._colWidths, (0, 3, 3, 3, 3, 1), strict=True
    ):
        if number:
            held.wrap(width - 4, HEIGHT)
            assert len(held.blPara.lines) == number


def test_a_long_table_repeats_its_head():
    rows = tuple(Row((cell(f"row {number}"), cell("1"))) for number in range(200))
    (grid,) = (each for each in lay_out([Table("", ("name", "n"), rows)]) if isinstance(each, Grid))
    grid.wrap(WIDTH, HEIGHT)
    first, second = grid.split(WIDTH, HEIGHT)
    heads = [part._cellvalues[0][0][0].getPlainText() for part in (first, second)]
    assert heads == ["name", "name"]
