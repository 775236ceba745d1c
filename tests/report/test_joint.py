"""One report on several tracers."""

import dataclasses

import pytest

from petsynth.evaluation.summary import build_summary
from petsynth.report.content import Report
from petsynth.report.document import Banner, Bullets, Heading, Picture, Table, Title
from petsynth.report.joint import build_joint_report, title_of_several
from petsynth.report.page import render


@pytest.fixture(scope="module")
def reports(tiny_evaluation):
    """Return reports on one evaluation as if it were of three tracers."""
    made = []
    for tracer in ("FDG", "AV45", "AV1451"):
        settings = dataclasses.replace(tiny_evaluation.settings, tracer=tracer)
        evaluation = dataclasses.replace(tiny_evaluation, settings=settings)
        made.append(Report(evaluation, build_summary(evaluation), (), (), ("A finding.",), (), {}))
    return made


def test_the_title_names_all_tracers(reports):
    assert title_of_several(reports).startswith("FDG, AV45 and AV1451 PET inferred from")


def test_warnings_and_title_are_said_once_and_before_everything(reports):
    blocks = build_joint_report(reports)
    kinds = [type(block) for block in blocks]
    assert [block.kind for block in blocks if isinstance(block, Banner)] == [
        "simulated",
        "research",
    ]
    assert kinds.count(Title) == 1
    assert kinds.index(Title) == 2


def test_a_leak_of_one_tracer_is_said_for_all(reports):
    leaking = [reports[0], dataclasses.replace(reports[1], leaks=("sub-1 is sub-2",))]
    first = build_joint_report(leaking)[0]
    assert (first.kind, first.head) == ("leak", "LEAKAGE.")


def test_what_was_found_of_each_tracer_is_said_before_the_figures(reports):
    leaking = [dataclasses.replace(each, leaks=("sub-1 is sub-2",)) for each in reports[:2]]
    blocks = build_joint_report(leaking)
    found = next(block for block in blocks if isinstance(block, Bullets))
    assert blocks.index(found) < next(n for n, each in enumerate(blocks) if isinstance(each, Table))
    leak = "LEAKAGE, so the test results say nothing: sub-1 is sub-2"
    assert [each for each in found.items if leak in each] == [f"FDG: {leak}", f"AV45: {leak}"]
    assert all(each.startswith(("FDG: ", "AV45: ")) for each in found.items)


def test_the_overview_has_models_and_cheap_baselines_of_every_tracer(reports):
    table = next(block for block in build_joint_report(reports) if isinstance(block, Table))
    groups = [row.cells[0].lines[0] for row in table.rows if row.is_group]
    assert groups == [f"{tracer}, data range 2.5 SUVR" for tracer in ("FDG", "AV45", "AV1451")]
    names = [row.cells[0].lines[0] for row in table.rows if not row.is_group]
    assert names[:4] == [
        *(method.name for method in reports[0].evaluation.of_kind("model")),
        "baseline-mean-pet",
    ]
    assert all(len(row.cells) == len(table.head) for row in table.rows if not row.is_group)


def test_errors_in_the_overview_have_a_unit(reports):
    """The tracers' common one, or a word that it stands with each tracer."""
    other = dataclasses.replace(reports[1].evaluation.settings, unit="Bq/mL")
    evaluation = dataclasses.replace(reports[1].evaluation, settings=other)
    mixed = [reports[0], dataclasses.replace(reports[1], evaluation=evaluation)]
    for these, unit in ((reports, "SUVR"), (mixed, "unit of the tracer")):
        table = next(block for block in build_joint_report(these) if isinstance(block, Table))
        assert f"brain MAE ({unit}) ↓" in table.head


def test_links_of_each_part_lead_into_it(reports):
    blocks = build_joint_report(reports)
    anchors = [block.anchor for block in blocks if isinstance(block, Heading) and block.anchor]
    assert len(anchors) == len(set(anchors))
    page = render(blocks, title="All")
    nav = page.split("<nav>")[1].split("</nav>")[0]
    assert nav.count("<div>") == 4
    for anchor in anchors:
        assert f'href="#{anchor}"' in nav
        assert f'id="{anchor}"' in page


def test_figures_of_two_tracers_have_numbers_of_their_own(reports):
    pictures = {"findings": [], "images": [Picture("Figure 1. A slice.", b"")]}
    drawn = [
        dataclasses.replace(each, pictures=dict(each.pictures) | pictures) for each in reports[:2]
    ]
    captions = [each.caption for each in build_joint_report(drawn) if isinstance(each, Picture)]
    assert captions == ["Figure FDG 1. A slice.", "Figure AV45 1. A slice."]
