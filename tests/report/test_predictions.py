"""What an evaluation keeps of its models' predictions."""

import json
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from petsynth.errors import OutputError
from petsynth.evaluation.methods import Method
from petsynth.io.removal import remove_own
from petsynth.report.folder import ANY_FILES, make_folder
from petsynth.report.predictions import predictions_folder, write_predictions


@pytest.fixture(scope="module")
def saved(tiny_evaluation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    write_predictions(tiny_evaluation, folder)
    return folder


def test_the_synthetic_pet_of_every_subject_and_model_is_there(saved, tiny_evaluation):
    for method in tiny_evaluation.of_kind("model"):
        root = saved / predictions_folder(method.name)
        assert json.loads((root / "dataset_description.json").read_text())["SyntheticPET"] is True
        for name in tiny_evaluation.participants:
            path = root / name / "pet" / f"{name}_trc-18FFDG_space-aligned_desc-synth_pet.nii.gz"
            image = nib.load(path)
            expected = np.asarray(method.predict(name), dtype=np.float32)
            assert np.array_equal(image.get_fdata(dtype=np.float32), expected)
            assert np.allclose(image.affine, tiny_evaluation.data.grid.affine)
            sidecar = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
            assert (sidecar["Synthetic"], sidecar["Model"], sidecar["Units"]) == (
                True,
                method.name,
                "SUVR",
            )


def test_visits_have_folders_of_their_own(tiny_evaluation, tmp_path):
    model = Method("a model", "model", "", "a", lambda name: np.ones(data.grid.shape))
    data = tiny_evaluation.data
    evaluation = SimpleNamespace(
        data=data, participants=["sub-1_ses-a"], of_kind=lambda kind: [model]
    )
    write_predictions(evaluation, tmp_path)
    (image,) = tmp_path.rglob("*.nii.gz")
    assert image.relative_to(tmp_path).as_posix() == (
        "predictions/a-model/sub-1/ses-a/pet/"
        "sub-1_ses-a_trc-18FFDG_space-aligned_desc-synth_pet.nii.gz"
    )


def test_they_go_with_the_evaluation_and_nothing_else_does(saved):
    remove_own(saved, ANY_FILES, "an evaluation")
    assert not list(saved.rglob("*_pet.*"))
    (saved / "predictions").mkdir(exist_ok=True)
    (saved / "predictions" / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="no part of an evaluation"):
        make_folder(saved, overwrite=True)
