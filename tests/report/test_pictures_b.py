import numpy as np
import pytest

from petsynth.report.folder import make_room, write_evaluation
from petsynth.report.table_b import format_table_b


@pytest.fixture(scope="module")
def folder(volumes_evaluation, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "evaluation"
    make_room(out, overwrite=False)
    write_evaluation(volumes_evaluation, out)
    return out


def test_the_papers_figures_are_drawn_beside_those_of_paper_a(folder):
    names = {path.name for path in (folder / "figures").iterdir()}
    assert {
        "figure2_axial.png",
        "paper-b_figure2_intensities.png",
        "paper-b_figures4-5_frames.png",
        "paper-b_figure7_distributions.png",
        "paper-b_depth.png",
    } <= names
    page = (folder / "report.html").read_text()
    assert "Paper B, figure 7." in page
    assert "tables 1 and 2 of Shin et al." in page


def test_models_of_both_papers_are_measured_on_the_same_subjects(volumes_evaluation):
    for region in ("volume", "brain", "intensities", "depth"):
        for model in ("ganbert", "pix2pix-axial"):
            name = {"volume": "rmse", "brain": "rmse", "intensities": "distance", "depth": "middle"}
            values = volumes_evaluation.values(model, region, name[region])
            assert len(values) == 2
            assert np.isfinite(values).all()


def test_the_table_holds_what_has_frames(volumes_evaluation):
    """A static prediction cannot be measured frame by frame; the mean training PET can."""
    lines = format_table_b(volumes_evaluation).splitlines()
    assert lines[0].startswith("Tables 1 and 2 of paper B. Whole volume of FDG PET, 2 frame(s)")
    assert lines[1] == "data range 2.5 SUVR"
    assert lines[3].split() == ["PSNR", "(dB)", "SSIM", "RMSE", "(SUVR)"]
    named = [line.split("  ")[0] for line in lines[4:]]
    assert named == ["ganbert", "baseline-mean-pet", "ganbert (other subject's T1)"]
    psnr, rmse = (
        volumes_evaluation.values("ganbert", "frames", name).mean() for name in ("psnr", "rmse")
    )
    assert f"{psnr:.2f} (" in lines[4]
    assert f"{rmse:.4g} (" in lines[4]
