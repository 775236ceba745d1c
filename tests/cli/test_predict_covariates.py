"""``petsynth predict`` with a model that is told more than the T1."""

import json
import re

import nibabel as nib
import numpy as np
import pytest

from petsynth.cli.main import run as petsynth
from petsynth.inference import scan as scan_module
from petsynth.inference.scan import InputCheck
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import PreparedT1

MAIN = "sub-{0}/pet/sub-{0}_trc-18FFDG_space-T1w_desc-synth_pet"


@pytest.fixture(autouse=True)
def known_alignment(monkeypatch):
    def prepare(t1, grid, mask=None, **steps):
        mri = np.clip(resample(t1, grid, fill=-1.0).data, -1, 1)
        return PreparedT1(mri, mri > 0, np.eye(4), "deepbet", 1.0)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare)
    monkeypatch.setattr(scan_module, "check_input", lambda *_: InputCheck(0.7))


@pytest.fixture
def predict(tmp_path, told_run):
    t1s = []
    for number in ("01", "02"):
        path = tmp_path / f"sub-{number}_T1w.nii.gz"
        data = np.random.default_rng(0).random((24, 26, 22), dtype=np.float32)
        affine = np.diag([8.0, 8.0, 8.0, 1.0])
        affine[:3, 3] = (-90, -110, -70)
        nib.save(nib.Nifti1Image(data, affine), path)
        t1s.append(str(path))

    def run(*words, subjects=1, model=told_run, out="out"):
        fixed = ["--out", str(tmp_path / out), "--model", str(model)]
        return petsynth(["predict", *t1s[:subjects], *fixed, *words])

    return run


def pet(folder, number="01"):
    return nib.load(folder / f"{MAIN.format(number)}.nii.gz").get_fdata()


def test_a_status_changes_the_pet_and_the_sidecar_says_so(predict, tmp_path):
    assert predict("--amyloid", "positive", "--age", "72", out="positive") == 0
    assert predict("--amyloid", "negative", "--age", "72", out="negative") == 0
    assert predict(out="unknown") == 0
    images = [pet(tmp_path / name) for name in ("positive", "negative", "unknown")]
    assert not np.allclose(images[0], images[1])
    assert not np.allclose(images[0], images[2])
    sidecar = json.loads((tmp_path / "positive" / f"{MAIN.format('01')}.json").read_text())
    assert sidecar["Covariates"] == {"age": "72", "amyloid": "positive"}


def test_a_rerun_with_another_status_is_not_kept(predict, capsys):
    assert predict("--amyloid", "positive") == 0
    assert predict("--amyloid", "negative") != 0
    assert "has another Covariates" in capsys.readouterr().err


def test_a_table_tells_each_subject(predict, tmp_path):
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tage\tamyloid_status\tsex\nsub-1\t72\tpositive\tF\n")
    assert predict("--participants", str(table), subjects=2) == 0
    told = [
        json.loads((tmp_path / "out" / f"{MAIN.format(number)}.json").read_text())["Covariates"]
        for number in ("01", "02")
    ]
    assert told == [{"age": "72", "amyloid": "positive"}, {}]
    assert not np.allclose(pet(tmp_path / "out"), pet(tmp_path / "out", "02"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tau", "positive"], r"tau: .* uses age, amyloid; leave it out"),
        (["--age", "7"], r"age '7': needed is years, 18 to 110"),
        (["--amyloid", "maybe"], r"amyloid 'maybe': needed is positive or negative"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(predict, capsys, words, message):
    assert predict(*words) != 0
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("petsynth predict: error:")
    assert re.search(message, error)


def test_one_value_is_not_for_two_t1s(predict, capsys):
    assert predict("--age", "72", subjects=2) != 0
    assert "is for one T1" in capsys.readouterr().err


def test_a_table_with_an_impossible_value_names_the_subject(predict, tmp_path, capsys):
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tage\nsub-01\t700\n")
    assert predict("--participants", str(table)) != 0
    assert "participants.tsv: sub-01: age '700': needed is years" in capsys.readouterr().err


def test_a_model_of_the_t1_alone_takes_nothing(predict, tiny_run, capsys):
    assert predict("--age", "72", model=tiny_run) != 0
    assert "uses nothing but the T1; leave it out" in capsys.readouterr().err
