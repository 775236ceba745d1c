"""What is evaluated together: data, runs and others' predictions, by tracer."""

import json
import shutil

import numpy as np
import pytest
import torch

from petsynth.cli.evaluate_inputs import find_studies
from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError, InputError, RunError
from petsynth.io.nifti import write_volume
from petsynth.volume import Volume


def studies(data, runs=(), predictions=(), **more):
    settings = {"split": "test", "with_images": False, "allow_leakage": False} | more
    return find_studies(data, runs, predictions, device=torch.device("cpu"), **settings)


@pytest.fixture
def of_another_tracer(tiny_prepared, tmp_path):
    folder = shutil.copytree(tiny_prepared, tmp_path / "av45")
    path = folder / "prepared.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tracer": "AV45"}))
    return folder


@pytest.fixture
def predictions(tiny_prepared, tmp_path):
    """Return a function that writes predictions of the test subjects under a tracer's name."""

    def write(name, label):
        data = PreparedData(tiny_prepared)
        for participant in data.participants("test"):
            path = tmp_path / name / f"{participant}{label}_space-aligned_pet.nii.gz"
            path.parent.mkdir(exist_ok=True)
            pet = Volume(np.ones(data.grid.shape, np.float32), data.grid.affine, "SUVR")
            write_volume(path, pet)
        return tmp_path / name

    return write


def test_runs_and_predictions_stand_beside_their_data(tiny_prepared, tiny_run, predictions):
    (study,) = studies([tiny_prepared], [tiny_run], [f"Tool={predictions('tool', '')}"])
    assert study.data.folder == tiny_prepared
    assert [model.run.folder for model in study.models] == [tiny_run]
    assert [each.name for each in study.predictions] == ["Tool"]
    assert study.audit.leaks == []


def test_two_folders_of_one_tracer_are_refused(tiny_prepared, tiny_run):
    with pytest.raises(ArgumentError, match="FDG, as another --data"):
        studies([tiny_prepared, tiny_prepared], [tiny_run])


def test_with_several_tracers_each_needs_something_to_evaluate(
    tiny_prepared, tiny_run, of_another_tracer
):
    with pytest.raises(ArgumentError, match="no run and no prediction of AV45"):
        studies([tiny_prepared, of_another_tracer], [tiny_run])


def test_a_run_of_no_tracer_of_the_data_is_refused(of_another_tracer, tiny_run, tmp_path):
    third = shutil.copytree(of_another_tracer, tmp_path / "third")
    path = third / "prepared.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tracer": "AV1451"}))
    with pytest.raises(RunError, match="is of FDG; the data are of AV45, AV1451"):
        studies([of_another_tracer, third], [tiny_run])


def test_with_several_tracers_the_names_of_images_say_of_which(
    tiny_prepared, tiny_run, of_another_tracer, predictions
):
    both = [tiny_prepared, of_another_tracer]
    with pytest.raises(InputError, match="does not say of which tracer it is"):
        studies(both, [tiny_run], [f"Tool={predictions('unsaid', '')}"])
    found = studies(both, [tiny_run], [f"Tool={predictions('said', '_trc-18FAV45')}"])
    assert [[each.name for each in study.predictions] for study in found] == [[], ["Tool"]]
