"""The whole path through the command line, on a tiny simulated cohort."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from petsynth.cli.main import run
from petsynth.evaluation.domains import DOMAINS

ROOT = Path(__file__).resolve().parents[1]
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
    pets = out / "prepared/sub-001/pet", out / "predictions/sub-001/pet"
    images = [next(folder.glob("*_space-aligned_*_pet.nii.gz")) for folder in pets]
    assert petsynth("measure", *images, "--out", out / "measured") == 0
    return out


WROTE = {
    "simulate": "bids",
    "prepare": "prepared",
    "train": "runs/pix2pix-axial",
    "predict": "predictions",
    "evaluate": "evaluation",
    "measure": "measured",
}


def section_of(command: str) -> str:
    """Return what the page of outputs says of a command."""
    page = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    return re.split(rf"^## Of `petsynth {command}`.*$", page, flags=re.MULTILINE)[1].split("\n## ")[
        0
    ]


def explained(text: str) -> list[str]:
    """Return what stands in backticks in the first column of the tables of a section."""
    cells = re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("command", WROTE)
def test_every_file_that_was_written_is_explained(study, command):
    folder, patterns = study / WROTE[command], explained(section_of(command))
    written = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    written = [name for name in written if not Path(name).name.startswith(".petsynth")]
    assert len(written) > 2
    assert [name for name in written if not any(fnmatch(name, each) for each in patterns)] == []


@pytest.mark.parametrize("command", ["prepare", "predict"])
def test_every_key_of_a_sidecar_is_explained(study, command):
    """All that petsynth adds; of the simulated PET's own fields BIDS says what they mean."""
    own = set()
    for path in (study / "bids").glob("sub-*/pet/*.json"):
        own |= json.loads(path.read_text()).keys()
    written = set()
    for path in (study / WROTE[command]).glob("sub-*/*/*.json"):
        written |= json.loads(path.read_text()).keys()
    assert {"Description", "Sources"} <= written
    said = explained(section_of(command).split("### Keys of", 1)[1])
    assert sorted(written - own - set(said)) == []
    # Each has its line here, or is a field of the PET that was kept.
    assert len(written - own) > 5


def test_every_key_of_the_description_of_prepared_data_is_explained(study):
    text = section_of("prepare").split("### Keys of `prepared.json`")[1]
    written = json.loads((study / "prepared" / "prepared.json").read_text()).keys()
    assert sorted(written - set(explained(text))) == []
    assert sorted(set(explained(text)) - written) == ["t1_grid"]  # paper B's alone


@pytest.mark.parametrize(
    "table", ["metrics.tsv", "regions.tsv", "agreement.tsv", "summary.json", "comparisons.json"]
)
def test_every_column_and_key_of_an_evaluation_is_explained(study, table):
    text = section_of("evaluate").split("### Columns and keys", 1)[1]
    rows = re.split(r"^\| `(?=\w+\.)", text, flags=re.MULTILINE)
    (own,) = [row for row in rows if row.startswith(f"{table}`")]
    cells = [line.split(" | ")[1] for line in own.splitlines() if " | " in line]
    named = re.findall(r"`([^`]+)`", " ".join(cells))
    content = (study / "evaluation" / table).read_text()
    written = content.split("\n")[0].split("\t") if table.endswith(".tsv") else json.loads(content)
    if table == "metrics.tsv":
        named += [f"{domain}_*" for domain in DOMAINS]
    assert [name for name in written if not any(fnmatch(name, each) for each in named)] == []


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
