"""The commands of docs/regions.md, carried out on phantoms that lie in MNI space already."""

import json
import re
import shlex
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

import petsynth
from petsynth.cli import evaluate
from petsynth.cli.main import run
from petsynth.io.text import read_table
from petsynth.preprocessing.registration.deformable import Warp
from petsynth.preprocessing.registration.rigid import Alignment
from petsynth.preprocessing.t1.alignment import AlignedT1
from petsynth.preprocessing.t1.brain_mask import BrainMask
from petsynth.preprocessing.t1.reading import read_t1
from petsynth.regional import scan
from petsynth.regional.atlas import bundled_atlas

PAGE = Path(__file__).parents[1] / "docs" / "regions.md"


def commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("petsynth ")]


@pytest.fixture
def in_place(monkeypatch):
    """Let T1, PET and MNI space be one: registration is tested elsewhere."""
    warp = Warp(SimpleITK.Transform(3, SimpleITK.sitkIdentity), 0.9, 0.8)

    def align(t1, mask):
        head = read_t1(t1)
        return AlignedT1(head, BrainMask(head, "given"), np.eye(4), 0.5, head)

    monkeypatch.setattr(scan, "_align", align)
    monkeypatch.setattr(scan, "_warp", lambda t1, aligned: warp)
    monkeypatch.setattr(scan, "register_pet", lambda t1, brain, pet: Alignment(np.eye(4), 0.5))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write a PET that is 2 in the left superior frontal gyrus and 1 elsewhere, and its T1."""
    monkeypatch.chdir(tmp_path)
    labels = bundled_atlas().labels
    pet = np.where(labels.data == 1028, 2.0, 1.0).astype(np.float32)
    subject = Path("my_bids/sub-01")
    for folder in ("anat", "pet"):
        (subject / folder).mkdir(parents=True)
    (subject.parent / "dataset_description.json").write_text(
        '{"Name": "x", "BIDSVersion": "1.10.0"}'
    )
    places = {
        "sub-01_T1w.nii.gz": (pet + 1, subject / "anat"),
        "sub-01_trc-18FFDG_pet.nii.gz": (pet, subject / "pet"),
        "aparc+aseg.nii.gz": (labels.data, None),
    }
    for name, (data, folder) in places.items():
        for place in filter(None, (Path(), folder)):
            nib.save(nib.Nifti1Image(data.astype(np.float32), labels.affine), place / name)
            if name.endswith("_pet.nii.gz"):
                sidecar = {"Units": "kBq/mL", "TracerName": "FDG"}
                (place / name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))


def test_commands_of_the_page_run(files, in_place, capsys):
    measure = [words for words in commands() if words[0] == "regions"]
    assert len(measure) == 3
    for words in measure:
        assert run(words) == 0, capsys.readouterr().err
    assert "superiorfrontal" in capsys.readouterr().out
    for table in ("own/sub-01_trc-18FFDG_seg-aparcaseg_regions.tsv",
                  "regions/sub-01_trc-18FFDG_seg-dkt_regions.tsv"):  # fmt: skip
        rows = read_table(table).set_index("region")
        assert float(rows.loc["superiorfrontal_left", "suvr"]) == pytest.approx(2)
        assert float(rows.loc["superiorfrontal_right", "suvr"]) == pytest.approx(1)
        assert float(rows.loc["superiorfrontal_left", "asymmetry_percent"]) == pytest.approx(66.67)
        assert float(rows.loc["fdg-meta-roi", "suvr"]) == pytest.approx(1, abs=0.01)
        assert rows.loc["fdg-meta-roi", "positive"] == "yes"
        mean, std = 1.3142, 1.3142 * np.sqrt(np.sum(np.square(FIRST_ROW)))
        assert float(rows.loc["normative_superior_frontal_left", "z"]) == pytest.approx(
            (2 - mean) / std, abs=0.02
        )


FIRST_ROW = (0.0261, 0.0905, 0.0019, -0.0246, 0.0048, -0.0003)
"""Residual and factors of the left superior frontal gyrus in ``fdg_normative.csv``."""


def test_python_of_the_page_runs(files, in_place):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names = {"petsynth": petsynth}
    exec(code, names)
    table = names["table"].set_index("region")
    assert table.loc["superiorfrontal_left", "suvr"] == pytest.approx(2)
    assert table.attrs["ReferenceRegion"] == "pons"


def test_the_evaluation_of_the_page_is_understood():
    (words,) = [words[1:] for words in commands() if words[0] == "evaluate"]
    assert evaluate.parse(words).atlas == "dkt"


def test_notes_of_the_page_are_those_of_the_program():
    page = PAGE.read_text(encoding="utf-8")
    notes = re.findall(r"^\| `([^`]+)` \|", page.split("## n/a")[1].split("## ")[0], flags=re.M)
    source = "\n".join(
        path.read_text() for path in (PAGE.parents[1] / "src/petsynth/regional").glob("*.py")
    )
    parts = [part.strip(" ,") for note in notes for part in note.split("...")]
    constants = {
        "of it, needed are 50%": "of it, needed are ",
        "mL, needed are 0.2 mL": "needed are ",
    }
    assert [part for part in parts if constants.get(part, part) not in source] == []
    assert len(notes) >= 6
