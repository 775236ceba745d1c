import json
import os
from pathlib import Path

import numpy as np
import pytest
from tests.viewer.conftest import write_scan

from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError, InputError
from petsynth.report.folder import METRICS as WRITTEN
from petsynth.report.folder import SUMMARY as WRITTEN_SUMMARY
from petsynth.report.predictions import PREDICTIONS as SAVED
from petsynth.report.predictions import predictions_folder, write_predictions
from petsynth.viewer.sources import (
    METRICS,
    PREDICTIONS,
    SUMMARY,
    find_subjects,
    read_scan,
    role_of,
)


def roles(subject):
    return [each.role for each in subject.layers]


def test_a_folder_of_subjects(scans):
    first, second = find_subjects([scans])
    assert (first.name, second.name) == ("sub-01", "sub-02")
    assert roles(first) == ["t1", "reference", "synthetic", "difference", "std"]
    assert first.layers[2].read().data.mean() == pytest.approx(
        first.layers[1].read().data.mean() + 0.25, abs=1e-5
    )


def test_units_are_those_of_the_stored_values(scans, tiny_prepared):
    pets = scans / "sub-01" / "pet"
    for name, unit in (
        ("trc-18FFDG_pet", "kBq/mL"),
        ("trc-18FFDG_space-T1w_desc-synth_pet", "SUVr"),
    ):
        path = pets / f"sub-01_{name}.json"
        told = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(told | {"Units": unit}))
    found = {each.role: each.unit for each in find_subjects([scans])[0].layers}
    assert (found["t1"], found["reference"], found["synthetic"]) == ("", "kBq/mL", "SUVR")
    assert found["difference"] == ""  # of two units
    data = PreparedData(tiny_prepared)
    assert find_subjects([tiny_prepared])[0].layer("reference").unit == data.unit


def test_images_are_turned_to_the_right_front_and_top(scans):
    path = scans / "sub-01" / "pet" / "sub-01_trc-18FFDG_pet.nii.gz"
    assert (np.diag(read_scan(path).affine)[:3] > 0).all()


def test_prepared_data_come_with_predictions_on_their_grid(tiny_prepared, tmp_path):
    data = PreparedData(tiny_prepared)
    name = data.participants("test")[0]
    for space in ("T1w", "aligned"):
        path = tmp_path / f"{name}_space-{space}_desc-synth_pet.nii.gz"
        write_scan(path, np.array(data.static_pet(name)), affine=data.grid.affine)
    subjects = {each.name: each for each in find_subjects([tiny_prepared, tmp_path])}
    assert len(subjects) == len(data.participants())
    assert roles(subjects[name]) == ["t1", "reference", "synthetic", "difference"]
    assert subjects[name].mask is not None
    assert not subjects[name].layers[3].read().data.any()


def test_metrics_of_an_evaluation_stand_beside(tiny_prepared, tmp_path):
    name = PreparedData(tiny_prepared).participants("test")[0]
    rows = [
        "participant_id\tcompared_with\tmethod\tkind\tbrain_ssim\tbrain_mae\tvolume_mae",
        f"{name}\tn/a\tbaseline\tbaseline\t0.1\t1\t1",
        f"{name}\tn/a\tmodel-a\tmodel\t0.9\tn/a\t1",
        f"{name}\tn/a\tmodel-b\tmodel\t0.2\t1\t1",
    ]
    (tmp_path / METRICS).write_text("\n".join(rows) + "\n")
    subjects = {each.name: each for each in find_subjects([tiny_prepared, tmp_path])}
    assert subjects[name].metrics == {"brain_ssim": 0.9}
    alone = find_subjects([tmp_path])
    assert (alone[0].name, alone[0].layers) == (name, ())
    assert METRICS == WRITTEN


@pytest.mark.parametrize("place", ["evaluation", "evaluation/FDG"])
def test_an_evaluation_alone_shows_the_prepared_data_beside_it(tiny_prepared, tmp_path, place):
    name, *_ = PreparedData(tiny_prepared).participants("test")
    folder = tmp_path / place
    folder.mkdir(parents=True)
    rows = ["participant_id\tcompared_with\tmethod\tkind", f"{name}\tn/a\tmodel-a\tmodel"]
    (folder / METRICS).write_text("\n".join(rows) + "\n")
    (folder / SUMMARY).write_text(json.dumps({"definitions": {"tracer": "FDG"}}))
    os.symlink(tiny_prepared, tmp_path / "prepared")
    (subject,) = find_subjects([folder])
    assert (subject.name, roles(subject)) == (name, ["t1", "reference"])
    os.symlink(tiny_prepared, tmp_path / "prepared-too")  # which of both was it?
    assert find_subjects([folder])[0].layers == ()
    (tmp_path / "prepared-too").unlink()
    (folder / SUMMARY).write_text(json.dumps({"definitions": {"tracer": "AV45"}}))
    assert find_subjects([folder])[0].layers == ()
    assert SUMMARY == WRITTEN_SUMMARY


def test_an_evaluation_shows_what_it_saved(tiny_prepared, tiny_evaluation, tmp_path):
    name = tiny_evaluation.participants[0]
    first, second, *_ = (method.name for method in tiny_evaluation.of_kind("model"))
    write_predictions(tiny_evaluation, tmp_path)
    header = "participant_id\tcompared_with\tmethod\tkind"
    rows = [header, f"{name}\tn/a\t{second}\tmodel", f"{name}\tn/a\t{first}\tmodel"]
    (tmp_path / METRICS).write_text("\n".join(rows) + "\n")
    subject = next(each for each in find_subjects([tiny_prepared, tmp_path]) if each.name == name)
    assert roles(subject)[:4] == ["t1", "reference", "synthetic", "synthetic"]
    shown = subject.layer("synthetic")
    assert shown.unit == "SUVR"
    (method,) = (each for each in tiny_evaluation.of_kind("model") if each.name == second)
    assert np.array_equal(shown.read().data, method.predict(name))
    others = [each.title for each in subject.layers[3:]]
    assert any(predictions_folder(first).name in title for title in others)
    assert "difference" in roles(subject)
    assert PREDICTIONS == SAVED


def test_loose_files_are_one_subject(tmp_path):
    one = write_scan(tmp_path / "mri.nii.gz", np.ones((3, 3, 3)))
    two = write_scan(tmp_path / "image7.nii.gz", np.ones((3, 3, 3)))
    labels = write_scan(tmp_path / "aseg.nii.gz", np.ones((3, 3, 3)))
    (subject,) = find_subjects([one, f"synthetic={two}", labels])
    assert (subject.name, roles(subject)) == ("scan", ["t1", "synthetic"])
    assert subject.labels is not None


def test_frames_are_averaged_by_their_durations(tmp_path):
    frames = np.stack([np.full((3, 3, 3), 1.0), np.full((3, 3, 3), 3.0)], axis=3)
    path = write_scan(tmp_path / "sub-1_pet.nii.gz", frames, FrameDuration=[60, 540])
    assert read_scan(path).data == pytest.approx(2.8)


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (["nowhere"], InputError, "no such file or folder"),
        (["pte=x.nii"], ArgumentError, "unknown role pte; known are t1, reference"),
        (["image.nii.gz"], InputError, "its name does not say what it is; write t1=image.nii.gz"),
        (["."], InputError, "holds no NIfTI image"),
    ],
)
def test_what_cannot_be_shown_is_named(tmp_path, monkeypatch, words, error, told):
    monkeypatch.chdir(tmp_path)
    if words[0].startswith("image"):
        write_scan(tmp_path / words[0], np.ones((3, 3, 3)))
    with pytest.raises(error, match=told):
        find_subjects(words)


def test_a_sidecar_says_that_an_image_is_synthetic(tmp_path):
    path = write_scan(tmp_path / "sub-1_pet.nii.gz", np.ones((2, 2, 2)), Synthetic=True)
    assert role_of(path) == "synthetic"
    assert role_of(Path("sub-1_suvr.nii")) == "reference"
    assert role_of(Path("sub-1_desc-error_pet.nii")) == "difference"
