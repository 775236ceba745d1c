"""The folder of an evaluation: what is written, and what is never touched."""

import json

import pandas as pd
import pytest

from petsynth.errors import OutputError
from petsynth.report.folder import PARTS, make_folder, write_evaluation


@pytest.fixture(scope="module")
def written(tiny_evaluation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "evaluation"
    make_folder(folder, overwrite=False)
    write_evaluation(tiny_evaluation, folder, {"ssim": 0.01})
    return folder


def test_all_parts(written):
    assert {path.name for path in written.iterdir()} == set(PARTS)
    assert {path.name for path in (written / "figures").iterdir()} == {
        "figure1_boxplots.png",
        "figure2_axial.png",
        "figure3_sagittal.png",
        "subjects.png",
    }
    for path in (written / "figures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")


def test_the_table_holds_what_the_summary_says(written):
    table = pd.read_csv(written / "metrics.tsv", sep="\t")
    summary = json.loads((written / "summary.json").read_text())
    for method, domains in summary["methods"].items():
        rows = table[table["method"] == method]
        assert domains["brain"]["mae"]["mean"] == pytest.approx(rows["brain_mae"].mean())
        assert domains["middle_slice"]["ssim"]["n"] == len(rows)


def test_the_report_holds_all_figures(written):
    page = (written / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert [f"Figure {number}." in page for number in (1, 2, 3)] == [True] * 3


def test_the_report_is_there_as_pdf_too_and_always_the_same(written, tiny_evaluation, tmp_path):
    assert (written / "report.pdf").read_bytes().startswith(b"%PDF-")
    for folder in ("one", "other"):
        write_evaluation(tiny_evaluation, tmp_path / folder, {"ssim": 0.01}, figures=False)
    for name in ("report.pdf", "report.html", "metrics.tsv", "comparisons.json"):
        contents = {(tmp_path / folder / name).read_bytes() for folder in ("one", "other")}
        assert len(contents) == 1, name


def test_an_earlier_evaluation_needs_overwrite(written):
    with pytest.raises(OutputError, match="holds an evaluation already; give --overwrite"):
        make_folder(written, overwrite=False)
    make_folder(written, overwrite=True)
    assert (written / "metrics.tsv").exists()


def test_something_else_is_refused_even_with_overwrite(tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"holds thesis\.docx"):
            make_folder(tmp_path, overwrite=overwrite)
    assert (tmp_path / "thesis.docx").exists()


def test_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        make_folder(tmp_path / "file", overwrite=True)


def test_what_a_killed_evaluation_left_is_no_obstacle(tmp_path):
    (tmp_path / ".tmp-host.1-predictions-abc").mkdir()
    (tmp_path / ".tmp-host.1-predictions-abc" / "0_sub-001.npy").write_bytes(b"x")
    (tmp_path / ".petsynth.lock").write_text("{}")
    make_folder(tmp_path, overwrite=False)


def test_links_and_other_figures_are_refused_before_anything_is_measured(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="holds figures, a link"):
        make_folder(tmp_path / "out", overwrite=True)
    (tmp_path / "out" / "figures").unlink()
    (tmp_path / "out" / "figures").mkdir()
    (tmp_path / "out" / "figures" / "mine.svg").write_text("")
    with pytest.raises(OutputError, match=r"holds figures/mine.svg, which is no part"):
        make_folder(tmp_path / "out", overwrite=True)


def test_an_evaluation_that_is_replaced_without_figures_leaves_no_old_one(written, tiny_evaluation):
    (written / "figures" / "figure9_old.png").write_bytes(b"old")
    write_evaluation(tiny_evaluation, written, {"ssim": 0.01}, figures=False)
    assert {path.name for path in written.iterdir()} == set(PARTS) - {"figures"}
    assert "data:image/png" not in (written / "report.html").read_text()
