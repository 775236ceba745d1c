"""Names of runs, and runs that do not belong to the data."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError, RunError, SplitError
from petsynth.evaluation.models import load_models
from petsynth.inference import pretrained as pretrained_module
from petsynth.inference.pretrained import PretrainedModel, pretrained_models
from petsynth.networks.weights import copy_weights


@pytest.fixture
def altered(make_prepared, tmp_path):
    """Return prepared data like the run's own but for some entries of ``prepared.json``."""

    def make(**changes):
        folder = make_prepared(tmp_path / "other", {"train": 4, "validation": 1, "test": 2})
        path = folder / "prepared.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return PreparedData(folder)

    return make


def test_a_single_run_keeps_the_name_of_its_system(tiny_runs, tiny_prepared):
    models = load_models([tiny_runs[0], tiny_runs[2]], PreparedData(tiny_prepared), "test")
    assert [model.name for model in models] == ["pix2pix-axial", "pix2pix-augmented"]
    assert [model.group for model in models] == ["pix2pix-axial", "pix2pix-augmented"]


def test_several_runs_of_a_system_are_told_apart_and_grouped(tiny_runs, tiny_prepared):
    models = load_models(tiny_runs, PreparedData(tiny_prepared), "test")
    assert [model.name for model in models] == [
        "pix2pix-axial (axial-0)",
        "pix2pix-axial (axial-1)",
        "pix2pix-augmented",
    ]
    assert [model.group for model in models] == [
        "pix2pix-axial (axial-0, axial-1)",
        "pix2pix-axial (axial-0, axial-1)",
        "pix2pix-augmented",
    ]


def test_folders_of_one_name_are_told_apart_by_their_parents(tiny_runs, tiny_prepared, tmp_path):
    folders = [tmp_path / parent / "run" for parent in ("a", "b")]
    for folder, run in zip(folders, tiny_runs[:2], strict=True):
        shutil.copytree(run, folder)
    models = load_models(folders, PreparedData(tiny_prepared), "test")
    assert [model.name for model in models] == ["pix2pix-axial (a/run)", "pix2pix-axial (b/run)"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tracer": "AV45"}, r"differ in tracer \(FDG there, AV45 here\)"),
        ({"unit": "Bq/mL"}, r"differ in unit \(SUVR there, Bq/mL here\)"),
        ({"pet_scale": 3.0}, r"differ in PET scale \(2 there, 3 here\)"),
        ({"grid": {"shape": [21, 25, 22], "affine": None}}, r"differ in grid .* 21 x 25 x 22"),
        ({"grid": {"shape": [21, 25, 21], "affine": None}}, "place of the grid"),
    ],
)
def test_runs_of_other_data_are_refused(tiny_run, altered, changes, message):
    if "grid" in changes:
        changes["grid"]["affine"] = [[9, 0, 0, 1], [0, 9, 0, 1], [0, 0, 9, 1], [0, 0, 0, 1]]
    with pytest.raises(RunError, match=message):
        load_models([tiny_run], altered(**changes), "test")


def test_a_test_subject_that_was_trained_on_is_refused_however_it_is_spelt(tiny_run, altered):
    data = altered()
    table = data.folder / "split.tsv"
    text = table.read_text().replace("sub-001\ttrain", "sub-1\ttest")
    table.write_text(text)
    with pytest.raises(SplitError, match=r"was trained on sub-1, which .* holds as test"):
        load_models([tiny_run], PreparedData(data.folder), "test")


def test_other_training_subjects_are_refused(tiny_run, altered):
    data = altered()
    table = data.folder / "split.tsv"
    table.write_text(table.read_text().replace("sub-001\ttrain", "sub-001\tvalidation"))
    with pytest.raises(RunError, match="trained on other subjects than the training subjects"):
        load_models([tiny_run], PreparedData(data.folder), "test")


def test_a_run_that_does_not_tell_its_subjects_is_refused(tiny_run, tiny_prepared, tmp_path):
    import shutil

    folder = shutil.copytree(tiny_run, tmp_path / "run")
    (folder / "data.json").write_text("{")
    with pytest.raises(RunError, match=r"data\.json: damaged"):
        load_models([folder], PreparedData(tiny_prepared), "test")
    (folder / "data.json").unlink()
    with pytest.raises(RunError, match="on whom it was trained"):
        load_models([folder], PreparedData(tiny_prepared), "test")


def test_no_run_and_a_run_named_twice(tiny_run, tiny_prepared):
    data = PreparedData(tiny_prepared)
    with pytest.raises(ArgumentError, match="no run is named"):
        load_models([], data, "test")
    with pytest.raises(ArgumentError, match="named twice"):
        load_models([tiny_run, tiny_run / ".." / tiny_run.name], data, "test")


def test_another_visit_of_a_training_subject_is_refused(tiny_run, visits, tmp_path):
    import shutil

    folder = shutil.copytree(tiny_run, tmp_path / "run")
    path = folder / "data.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"training_participants": ["sub-04_ses-a"]}))
    with pytest.raises(SplitError, match=r"was trained on sub-4, which .* holds as test"):
        load_models([folder], PreparedData(visits), "test")


@pytest.fixture
def pretrained(tiny_runs, tmp_path, monkeypatch):
    """A model that comes with petsynth, on the grid of the little data."""
    folder = tmp_path / "pretrained" / "petsynth-tiny"
    shutil.copytree(tiny_runs[0], folder)
    weights = folder / "model.safetensors"
    copy_weights(tiny_runs[0] / "model.safetensors", weights, {"name": "petsynth-tiny"})
    checksum = hashlib.sha256(weights.read_bytes()).hexdigest()
    model = PretrainedModel("petsynth-tiny", folder, checksum)
    monkeypatch.setattr(pretrained_module, "pretrained_models", lambda: [model])
    monkeypatch.setitem(pretrained_module.CHECKSUMS, model.name, checksum)
    return folder


def test_a_pretrained_model_is_measured_by_its_name_on_other_peoples_data(pretrained, altered):
    data = altered(pet_scale=3.0)
    trained = json.loads((pretrained / "data.json").read_text())
    trained["training_participants"] = ["sub-elsewhere"]
    (pretrained / "data.json").write_text(json.dumps(trained))
    (model,) = load_models([Path("petsynth-tiny")], data, "test")
    assert model.name == "petsynth-tiny"
    assert model.run.pet_scale == 2.0


def test_a_pretrained_model_that_knows_a_test_subject_is_refused(pretrained, altered):
    data = altered()
    trained = json.loads((pretrained / "data.json").read_text())
    trained["training_participants"] += data.participants("test")[:1]
    (pretrained / "data.json").write_text(json.dumps(trained))
    with pytest.raises(SplitError, match=r"^petsynth-tiny: was trained on sub-006, which"):
        load_models([Path("petsynth-tiny")], data, "test")


def test_a_pretrained_model_of_another_grid_says_how_to_prepare(tiny_prepared):
    message = "^petsynth-fdg: is not made for .* prepare the data with --voxel-mm 2 for it"
    with pytest.raises(RunError, match=message):
        load_models([Path("petsynth-fdg")], PreparedData(tiny_prepared), "test")


@pytest.mark.parametrize("model", pretrained_models(), ids=lambda model: model.name)
def test_pretrained_models_say_on_whom_they_were_trained(model):
    trained = json.loads((model.folder / "data.json").read_text())
    assert len(trained["training_participants"]) == 87
    assert not set(trained["training_participants"]) & set(trained["validation_participants"])
