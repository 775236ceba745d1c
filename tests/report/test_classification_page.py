"""The report of a classification: ROC curves with intervals, areas, what a PET adds."""

import numpy as np
import pytest

from petsynth.evaluation.classification import Settings, classify, list_classification_findings
from petsynth.evaluation.group_features import MRI, REFERENCE, GroupFeatures
from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL
from petsynth.report.classification_page import (
    build_classification_report,
    draw_classification,
    title_of,
)
from petsynth.report.document import Picture, Table
from petsynth.report.page import render

PET = "synthetic PET (net)"


@pytest.fixture(scope="module")
def found():
    """Return a classification in which only the reference PET knows the groups."""
    random = np.random.default_rng(0)
    positive = np.arange(24) < 12
    mri, synthetic = random.normal(size=(2, 24, 3))
    sets = {MRI: mri, REFERENCE: mri + 3.0 * positive[:, None], PET: synthetic}
    sets |= {f"MRI + {name}": np.hstack([mri, sets[name]]) for name in (REFERENCE, PET)}
    data = GroupFeatures(list("x" * 24), positive, ("AD", "CN"), sets, ["net"], [], [], True, [])
    return classify(data, Settings(folds=3, repeats=1, permutations=19))


def test_a_curve_per_set_with_its_area_and_band(found):
    curves, values = draw_classification(found)
    panels = [ax for ax in curves.figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in panels] == list(found.data.sets)
    for ax, result in zip(panels, found.results, strict=True):
        (note,) = (text.get_text() for text in ax.texts)
        assert note.startswith(f"AUC {result.area.value:.3f}\n[{result.area.low:.3f}")
        assert len(ax.collections) == 1
    assert "bootstrap resamples of the subjects" in curves.caption
    for drawn in (curves, values):
        assert drawn.figure.get_supxlabel() == f"{SIMULATED_LABEL} · {SYNTHETIC_LABEL}"
    bars = [[text.get_text() for text in ax.get_yticklabels()] for ax in values.figure.axes]
    assert bars == [list(found.data.sets), ["MRI + reference PET", f"MRI + {PET}"]]


def test_the_page_says_findings_first_and_shows_every_pair(found):
    findings = list_classification_findings(found)
    pictures = [Picture(each.caption, b"png") for each in draw_classification(found)]
    blocks = build_classification_report(found, findings, pictures)
    areas, differences = (block for block in blocks if isinstance(block, Table))
    assert [row.cells[0].lines[0] for row in areas.rows] == list(found.data.sets)
    pairs = [row for row in differences.rows if not row.is_group]
    assert len(pairs) == len(found.comparisons) == 10
    page = render(blocks, title=title_of(found))
    places = [page.index(text) for text in ("SIMULATED DATA.", 'id="findings"', 'id="roc"')]
    assert places == sorted(places)
    assert page.count("data:image/png") == 2
