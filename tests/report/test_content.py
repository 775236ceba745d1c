"""What the report says and in which order, as blocks."""

import dataclasses

import pytest

from petsynth.evaluation.comparison import compare_models, compare_with_baselines
from petsynth.evaluation.summary import build_summary
from petsynth.report.content import SECTIONS, Report, build_report
from petsynth.report.document import Banner, Bullets, Heading, Paragraph, Picture, Table, Title


@pytest.fixture(scope="module")
def report(tiny_evaluation):
    return Report(
        tiny_evaluation,
        build_summary(tiny_evaluation),
        compare_with_baselines(tiny_evaluation),
        compare_models(tiny_evaluation),
        ("A finding.",),
        (),
        {name: [Picture(f"Of {name}.", b"")] for name in SECTIONS},
    )


def anchors(blocks):
    return [block.anchor for block in blocks if isinstance(block, Heading) and block.anchor]


def test_warnings_title_and_findings_come_first(report):
    blocks = build_report(report)
    kinds = [type(block) for block in blocks[:5]]
    assert kinds == [Banner, Banner, Title, Paragraph, Heading]
    assert anchors(blocks)[0] == "findings"
    assert anchors(blocks)[-1] == "citation"
    assert len(anchors(blocks)) == len(set(anchors(blocks)))


def test_pictures_stand_in_their_sections(report):
    blocks = build_report(report)
    section = {}
    for block in blocks:
        if isinstance(block, Heading) and block.anchor:
            here = block.anchor
        if isinstance(block, Picture):
            section[block.caption] = here
    assert section == {"Of images.": "figures", "Of papers.": "frames", "Of training.": "training"}


def test_without_images_regions_or_curves_there_is_no_such_section(report):
    blocks = build_report(dataclasses.replace(report, pictures={}))
    assert "figures" not in anchors(blocks)
    assert "regions" not in anchors(blocks)
    assert "training" not in anchors(blocks)


def test_counts_of_models_against_baselines_add_up(report):
    table = next(block for block in build_report(report) if isinstance(block, Table))
    for row in table.rows:
        model, baseline, *counts, behind = (each.lines[0] for each in row.cells)
        these = [
            each
            for each in report.against_baselines
            if (each.method, each.baseline) == (model, baseline)
        ]
        assert sum(map(int, counts)) == len(these)
        assert behind.endswith(f"of {len(these)}")


def test_a_leak_is_the_first_finding(report):
    blocks = build_report(dataclasses.replace(report, leaks=("sub-1 is sub-2",)))
    assert blocks[0].head == "LEAKAGE."
    first = next(block for block in blocks if isinstance(block, Bullets))
    assert first.items[0].endswith("sub-1 is sub-2")
