"""The whole path through the command line, on a tiny simulated cohort."""

import json

import nibabel as nib
import numpy as np
import pytest

from petsynth.cli.main import run

SMALL = [
    *("--data.padded-size", "48", "--generator.levels", "3", "--generator.filters", "4"),
    *("--discriminator.filters", "4", "--training.max-steps", "6"),
]


def petsynth(*words) -> int:
    return run([str(word) for word in words])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a folder in which every command has run once."""
    out = tmp_path_factory.mktemp("study")
    truth = out / "bids" / "derivatives" / "truth"
    assert petsynth("simulate", out / "bids", "--subjects", 6, "--voxel-mm", 4) == 0
    assert (
        petsynth(
            *("prepare", out / "bids", out / "prepared", "--voxel-mm", 6),
            *("--masks", truth, "--test", 2, "--validation", 1, "--jpeg"),
        )
        == 0
    )
    for system in ("pix2pix-axial", "pix2pix-augmented"):
        assert (
            petsynth(
                *("train", f"small/{system}.toml", "--data", out / "prepared"),
                *("--out", out / "runs" / system, *SMALL),
            )
            == 0
        )
    assert (
        petsynth(
            *("predict", out / "bids" / "sub-001" / "anat" / "sub-001_T1w.nii.gz"),
            *("--model", out / "runs" / "pix2pix-axial", "--out", out / "predictions"),
            *("--masks", truth, "--planes", "all", "--samples", 2),
        )
        == 0
    )
    assert (
        petsynth(
            *("evaluate", out / "runs" / "pix2pix-axial", out / "runs" / "pix2pix-augmented"),
            *("--data", out / "prepared", "--out", out / "evaluation"),
        )
        == 0
    )
    return out


def test_every_command_leaves_what_the_design_names(study):
    for name in (
        "bids/dataset_description.json",
        "bids/participants.tsv",
        "prepared/split.tsv",
        "prepared/qc.tsv",
        "runs/pix2pix-axial/config.toml",
        "runs/pix2pix-axial/model.safetensors",
        "runs/pix2pix-axial/model_card.md",
        "runs/pix2pix-axial/train_log.csv",
        "evaluation/metrics.tsv",
        "evaluation/summary.json",
        "evaluation/report.html",
        "evaluation/figures/figure1_boxplots.png",
        "evaluation/figures/figure2_axial.png",
        "evaluation/figures/figure3_sagittal.png",
    ):
        assert (study / name).stat().st_size > 0, name


def test_synthetic_pet_lies_on_the_grid_of_its_t1(study):
    t1 = nib.load(study / "bids" / "sub-001" / "anat" / "sub-001_T1w.nii.gz")
    folder = study / "predictions" / "sub-001" / "pet"
    for desc in ("synth", "synthstd"):
        name = f"sub-001_trc-18FFDG_space-T1w_desc-{desc}_pet"
        pet = nib.load(folder / f"{name}.nii.gz")
        assert pet.shape == t1.shape
        np.testing.assert_allclose(pet.affine, t1.affine, atol=1e-4)
        sidecar = json.loads((folder / f"{name}.json").read_text())
        assert sidecar["Synthetic"] is True
        assert sidecar["Planes"] == ["axial", "coronal", "sagittal"]


def test_summary_has_models_and_baselines_on_the_test_subjects(study):
    summary = json.loads((study / "evaluation" / "summary.json").read_text())
    assert summary["simulated"] is True
    for name in ("pix2pix-axial", "pix2pix-augmented", "baseline-mean-pet"):
        assert summary["methods"][name]["middle_slice"]["ssim"]["n"] == 2
        assert summary["methods"][name]["brain"]["mae"]["mean"] > 0
    pairs = summary["methods"]["baseline-between-subjects"]["middle_slice"]["ssim"]["n"]
    assert pairs == 3 * 2


def test_demo_refuses_a_folder_that_holds_something_else(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert petsynth("demo", tmp_path, "--overwrite") == 1
    message = capsys.readouterr().err
    assert "thesis.tex" in message
    assert message.count("\n") == 1
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
