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
from petsynth.report.content import Report, build_report
from petsynth.report.document import Picture
from petsynth.report.page import render

PNG = b"\x89PNG not really"


def report(evaluation, findings=("A finding.",), margins=None, leaks=()):
    made = Report(
        evaluation,
        build_summary(evaluation),
        compare_with_baselines(evaluation),
        compare_models(evaluation, margins),
        findings,
        leaks,
        {"images": [Picture("Figure 1. A caption.", PNG)]},
    )
    return render(build_report(made), title=made.title)


@pytest.fixture(scope="module")
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
        assert text.count(f">{method.name}<") >= 3
        assert method.description in text
    for name in ("data range 255", "MS-SSIM", "std", "sample standard deviation"):
        assert name in text


def test_table_1_shows_the_summary(tiny_evaluation, page):
    table = page.split('id="table1"')[1].split("</table>")[0]
    row = html.unescape(table).split(">baseline-mean-pet<")[1].split("</tr>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    summary = build_summary(tiny_evaluation)["methods"]["baseline-mean-pet"]["middle_slice"]
    mse, psnr, ssim, number = cells
    assert mse.startswith(f"{summary['mse']['mean']:.2f} ± {summary['mse']['std']:.2f}<br>")
    assert f"{summary['psnr']['min']:.2f} to {summary['psnr']['max']:.2f}" in psnr
    assert ssim.startswith(f"{summary['ssim']['mean']:.4f} ± ")
    assert number == "2"


def test_findings_and_limits_come_before_everything_else(page):
    places = [
        page.index(text)
        for text in (
            "SIMULATED DATA.",
            'id="findings"',
            "Models against baselines: number of metrics",
            "<h3>Limits</h3>",
            "Only 2 test subjects",
            'id="table1"',
            'id="figures"',
            'id="baselines"',
            'id="audit"',
            'id="provenance"',
            'id="definitions"',
            'id="citation"',
        )
    ]
    assert places == sorted(places)


def test_a_leak_is_said_before_anything(tiny_evaluation):
    page = report(tiny_evaluation, leaks=["sub-1 and sub-2 are the same subject"])
    assert page.index("LEAKAGE.") < page.index("SIMULATED DATA.")
    first = page.split('id="findings"')[1]
    assert "LEAKAGE, so the test results say nothing: sub-1 and sub-2" in first.split("</ul>")[0]
    assert "none of whom was used in training" not in page


def test_columns_of_one_metric_have_the_same_decimals(page):
    for table in re.findall(r"<table>.*?</table>", page, flags=re.DOTALL):
        if "mean ± standard deviation" not in table:
            continue
        rows = re.findall(r"<tr(?: class=\"strong\")?>\n(<td.*?)</tr>", table, flags=re.DOTALL)
        cells = [re.findall(r'<td class="number">([-\d.]+)', row) for row in rows]
        decimals = [[len(cell.partition(".")[2]) for cell in row] for row in cells]
        assert len(set(map(tuple, decimals))) == 1, table[:200]


def test_what_is_worse_and_undecided_is_visible(tiny_evaluation, page):
    """Two subjects decide little; the table shows four metrics and counts the rest."""
    compared = compare_with_baselines(tiny_evaluation)
    shown = [each for each in compared if (each.domain, each.metric) in BASELINE_METRICS]
    undecided = [each for each in shown if each.conclusion == "undecided"]
    assert undecided
    table = page.split('id="baselines"')[1].split("</table>")[0]
    assert table.count('<td class="number undecided">undecided') == len(undecided)
    assert table.count('<td class="number worse">WORSE') == len(shown) - len(undecided) - sum(
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
