"""The blocks of a report, and that both formats know every kind."""

import typing

import pytest

from petsynth.report import document
from petsynth.report.document import Block, Row, cell
from petsynth.report.page import render
from petsynth.report.pdf import pdf_bytes

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8"
    "cf c0f01f0005000 1ff89993d1d0000000049454e44ae426082".replace(" ", "")
)
EXAMPLES = {
    "Title": ("All of it",),
    "Heading": ("A section", "section"),
    "Paragraph": ("Text.",),
    "Banner": ("CAREFUL.", "Text.", "research"),
    "Bullets": (("one", "two"),),
    "Table": ("Numbers", ("name", "value"), (Row((cell("a"), cell("1", "small print"))),)),
    "Picture": ("Figure 1.", PNG),
    "Terms": ((("word", "meaning"),),),
}


def examples():
    return [getattr(document, name)(*values) for name, values in EXAMPLES.items()]


def test_there_is_an_example_of_every_block():
    assert {kind.__name__ for kind in typing.get_args(Block)} == set(EXAMPLES)


def test_both_formats_write_every_block():
    page = render(examples(), title="All")
    for words in ("All of it", "A section", "CAREFUL.", "<li>two</li>", "small print", "meaning"):
        assert words in page
    assert pdf_bytes(examples(), title="All").startswith(b"%PDF-")


@pytest.mark.parametrize(("cells", "is_group"), [(1, True), (2, False)])
def test_a_row_of_one_cell_is_the_heading_of_those_below(cells, is_group):
    assert Row(tuple(cell("x") for _ in range(cells))).is_group is is_group


def test_a_cell_has_its_lines():
    assert cell("1.2", "± 0.1", style="better").lines == ("1.2", "± 0.1")
