"""The report is one file, complete, and honest about what it shows."""

import copy
import dataclasses
import html.parser
import re

import pytest

from petsynth.evaluation.comparison import (
    BASELINE_METRICS,
    compare_models,
    compare_with_baselines,
)
from petsynth.evaluation.summary import build_summary
from petsynth.report.page import render

PNG = b"\x89PNG not really"


def report(evaluation, findings=("A finding.",), margins=None):
    return render(
        evaluation,
        summary=build_summary(evaluation),
        against_baselines=compare_with_baselines(evaluation),
        between_models=compare_models(evaluation, margins),
        findings=findings,
        figures={"Figure 1. A caption.": PNG},
    )


@pytest.fixture
def page(tiny_evaluation):
    return report(tiny_evaluation)


class Links(html.parser.HTMLParser):
    """Collect every address in a page, and check that elements are closed in order."""

    EMPTY = ("meta", "br", "img")

    def __init__(self):
        super().__init__()
        self.addresses, self.tags, self.open = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "action")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_nothing_is_loaded_from_elsewhere(page):
    links = Links()
    links.feed(page)
    assert links.open == []
    assert all(each.startswith(("data:image/png;base64,", "#")) for each in links.addresses)
    assert sum(each.startswith("data:") for each in links.addresses) == 1
    assert not {"script", "link", "iframe"} & set(links.tags)
    assert "http" not in page
    assert "url(" not in page
    assert "@import" not in page


def test_every_anchor_leads_somewhere(page):
    for target in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{target}"' in page


def test_warnings_are_seen(page):
    assert "SIMULATED DATA." in page
    assert "SYNTHETIC PET – not for diagnosis" in page


def test_real_data_have_no_banner(tiny_evaluation):
    data = copy.copy(tiny_evaluation.data)
    data.simulated = False
    page = report(dataclasses.replace(tiny_evaluation, data=data))
    assert "SIMULATED" not in page
    assert "SYNTHETIC PET – not for diagnosis" in page


def test_every_method_and_definition_is_there(tiny_evaluation, page):
    text = html.unescape(page)
    for method in tiny_evaluation.methods:
        assert text.count(method.name) >= 3
        assert method.description in text
    for name in ("data range 255", "MS-SSIM", "std", "sample standard deviation"):
        assert name in text


def test_table_1_shows_the_summary(tiny_evaluation, page):
    table = page.split('id="table1"')[1].split("</table>")[0]
    row = html.unescape(table).split(">baseline-mean-pet<")[1].split("</tr>")[0]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", row)
    summary = build_summary(tiny_evaluation)["methods"]["baseline-mean-pet"]["middle_slice"]
    assert cells[0] == f"{summary['mse']['mean']:.2f}"
    assert cells[4] == f"{summary['psnr']['mean']:.2f}"
    assert cells[9] == f"{summary['ssim']['std']:.4f}"
    assert cells[12] == "2"


def test_what_is_worse_and_undecided_is_visible(tiny_evaluation, page):
    """Two subjects decide little; the table shows four metrics and counts the rest."""
    compared = compare_with_baselines(tiny_evaluation)
    shown = [each for each in compared if (each.domain, each.metric) in BASELINE_METRICS]
    undecided = [each for each in shown if each.conclusion == "undecided"]
    assert undecided
    assert page.count('<td class="undecided">undecided') == len(undecided)
    assert page.count('<td class="worse">WORSE') == len(shown) - len(undecided) - sum(
        each.conclusion == "better" for each in shown
    )
    assert "every model (runs that differ only in seed are one) against every baseline" in page


def test_names_are_escaped(tiny_evaluation):
    page = report(tiny_evaluation, findings=["<script>alert(1)</script>"])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_missing_margin_is_pointed_out(tiny_evaluation, page):
    warning = "does not show that two models are equal"
    assert warning in page
    margins = {"mse": 1.0, "psnr": 1.0, "ssim": 1.0, "mae": 1.0, "rmse": 1.0}
    assert warning not in report(tiny_evaluation, margins=margins)
