"""The whole path of paper B's systems through the command line, on a tiny simulated cohort."""

import json

import nibabel as nib
import numpy as np
import pytest

from petsynth.cli.main import run

VOXEL_MM = 13
SMALL = [
    *("--data.voxel-mm", VOXEL_MM, "--generator.levels", 2, "--generator.filters", 4),
    *("--cnn.filters", 4, "--cnn.layers", 2),
    *("--training.max-steps", 2, "--training.log-every", 1),
]
BERT = ["--bert.layers", 1, "--bert.hidden", 16, "--bert.heads", 2, "--bert.inner", 32]


def petsynth(*words) -> int:
    return run([str(word) for word in words])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a folder in which two systems were trained, one on images that are not aligned."""
    out = tmp_path_factory.mktemp("study")
    bids, truth = out / "bids", out / "bids" / "derivatives" / "truth"
    t1 = bids / "sub-001" / "anat" / "sub-001_T1w.nii.gz"
    simulated = petsynth(
        *("simulate", bids, "--subjects", 4, "--frames", 2, "--units", "original"),
        *("--voxel-mm", 6, "--pet-voxel-mm", 6),
    )
    assert simulated == 0
    masks = ["--masks", truth]
    for system, registration in ("ganbert", "rigid"), ("pix2pix3d-tanhshrink", "none"):
        prepared, model = out / f"prepared-{registration}", out / "runs" / system
        settings = ["--grid", "paper-b", "--voxel-mm", VOXEL_MM, "--frames", 2, "--units", "keep"]
        split = ["--test", 1, "--validation", 1]
        shape = SMALL + (BERT if system == "ganbert" else [])
        steps = (
            ["prepare", bids, prepared, *settings, "--registration", registration, *split, *masks],
            ["train", f"small/{system}.toml", "--data", prepared, "--out", model, *shape],
            ["predict", t1, "--model", model, "--out", out / f"predicted-{registration}", *masks],
        )
        for words in steps:
            assert petsynth(*words) == 0
    evaluated = petsynth(
        *("evaluate", out / "runs" / "ganbert", "--data", out / "prepared-rigid"),
        *("--out", out / "evaluation"),
    )
    assert evaluated == 0
    return out


@pytest.mark.parametrize(("registration", "space"), [("rigid", "aligned"), ("none", "centred")])
def test_a_prediction_has_two_frames_on_both_grids(study, registration, space):
    folder = study / f"predicted-{registration}" / "sub-001" / "pet"
    stem = "sub-001_trc-18FFDG"
    own = nib.load(folder / f"{stem}_space-T1w_desc-synth_pet.nii.gz")
    t1 = nib.load(study / "bids" / "sub-001" / "anat" / "sub-001_T1w.nii.gz")
    assert own.shape == (*t1.shape, 2)
    np.testing.assert_allclose(own.affine, t1.affine, atol=1e-4)
    grid = json.loads((study / f"prepared-{registration}" / "prepared.json").read_text())["grid"]
    on_grid = nib.load(folder / f"{stem}_space-{space}_desc-synth_pet.nii.gz")
    assert on_grid.shape == (*grid["shape"], 2)
    sidecar = json.loads((folder / f"{stem}_space-{space}_desc-synth_pet.json").read_text())
    assert (sidecar["Synthetic"], sidecar["SimulatedTraining"]) == (True, True)
    assert ("not aligned" in sidecar["SpatialReference"]) is (registration == "none")


def test_the_report_has_the_papers_tables_and_figures(study):
    summary = json.loads((study / "evaluation" / "summary.json").read_text())
    frames = summary["methods"]["ganbert"]["frames"]
    for measure in ("psnr", "ssim", "rmse"):
        assert frames[measure]["n"] == 1
        assert np.isfinite(frames[measure]["mean"])
    figures = {path.name for path in (study / "evaluation" / "figures").iterdir()}
    assert {
        "paper-b_figure2_intensities.png",
        "paper-b_figures4-5_frames.png",
        "paper-b_figure7_distributions.png",
    } <= figures
    report = (study / "evaluation" / "report.html").read_text()
    assert "simulated" in report
