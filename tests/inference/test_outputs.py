"""Every synthetic image says that it is one: name, sidecar, header, picture."""

import dataclasses
import json

import nibabel as nib
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from petsynth import __version__
from petsynth.config import config_hash
from petsynth.inference.input_check import InputCheck
from petsynth.inference.outputs import draw_prediction, result_paths, write_prediction
from petsynth.inference.run import load_run
from petsynth.inference.scan import ScanPrediction
from petsynth.io.nifti import read_grid
from petsynth.preprocessing.t1.alignment import PreparedT1
from petsynth.systems.base import Prediction

STEM = "sub-01_ses-bl_trc-18FFDG"
AFFINE = np.array([[0, 0, -8.0, 90], [-9.0, 0, 0, 80], [0, 7.0, 0, -60], [0, 0, 0, 1]])


@pytest.fixture(params=[1, 3], ids=["one sample", "three samples"])
def scan(request, tiny_run, tmp_path):
    run = load_run(tiny_run)
    t1 = tmp_path / "in" / "sub-01_ses-bl_T1w.nii.gz"
    t1.parent.mkdir()
    nib.save(nib.Nifti1Image(np.ones((24, 26, 22), np.int16), AFFINE), t1)
    mri = np.full(run.grid.shape, 0.5, np.float32)
    prepared = PreparedT1(mri, mri > 0, np.eye(4), "given", 0.9)
    mean = np.random.default_rng(0).random(mri.shape, dtype=np.float32)
    prediction = Prediction(mean, 0.1 * mean if request.param > 1 else None)
    return ScanPrediction(
        t1, read_grid(t1), run, prepared, prediction, ("axial",), request.param, 7, InputCheck(0.7)
    )


def test_files(scan, tmp_path):
    paths = write_prediction(scan, tmp_path / "out")
    kinds = ["synth"] if scan.samples == 1 else ["synth", "synthstd"]
    images = [
        f"{STEM}_space-{space}_desc-{kind}_pet" for kind in kinds for space in ("T1w", "aligned")
    ]
    expected = [image + end for image in images for end in (".nii.gz", ".json")]
    expected.append(f"{STEM}_desc-synth_panel.png")
    assert [path.name for path in paths] == expected
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(expected)
    has_std = scan.samples > 1
    assert paths == result_paths(tmp_path / "out", scan.t1, scan.run, has_std=has_std)


def test_images_lie_on_their_grids(scan, tmp_path):
    write_prediction(scan, tmp_path)
    own = nib.load(tmp_path / f"{STEM}_space-T1w_desc-synth_pet.nii.gz")
    t1 = nib.load(scan.t1)
    assert own.shape == t1.shape
    np.testing.assert_array_equal(own.affine, t1.affine)
    assert own.get_data_dtype() == np.float32
    aligned = nib.load(tmp_path / f"{STEM}_space-aligned_desc-synth_pet.nii.gz")
    np.testing.assert_array_equal(aligned.get_fdata(dtype=np.float32), scan.prediction.mean)
    np.testing.assert_allclose(aligned.affine, scan.run.grid.affine)


def test_sidecars(scan, tmp_path):
    write_prediction(scan, tmp_path)
    sidecar = json.loads((tmp_path / f"{STEM}_space-T1w_desc-synth_pet.json").read_text())
    assert sidecar["Synthetic"] is True
    assert sidecar["SimulatedTraining"] is True
    assert sidecar["Units"] == "SUVR"
    assert sidecar["SyntheticTracer"] == "FDG"
    assert sidecar["Model"] == "pix2pix-axial"
    assert sidecar["ModelRun"] == "axial"
    assert sidecar["ModelConfigurationHash"] == config_hash(scan.run.config)
    assert sidecar["PetsynthVersion"] == __version__
    assert (sidecar["Samples"], sidecar["Seed"]) == (scan.samples, 7)
    assert sidecar["Planes"] == ["axial"]
    assert sidecar["Sources"] == sidecar["SpatialReference"].split() == [scan.t1.name]
    assert "not for diagnosis" in sidecar["Description"]
    aligned = json.loads((tmp_path / f"{STEM}_space-aligned_desc-synth_pet.json").read_text())
    assert "rigidly aligned to the axes of MNI" in aligned["SpatialReference"]
    if scan.samples > 1:
        spread = json.loads((tmp_path / f"{STEM}_space-T1w_desc-synthstd_pet.json").read_text())
        assert spread["Description"].startswith("Standard deviation (n - 1)")
        assert spread["Synthetic"] is True


def test_what_was_merely_centred_is_not_called_aligned(scan, tmp_path):
    metadata = scan.run.metadata | {"preprocessing": {"registration": "none"}}
    centred = dataclasses.replace(scan, run=dataclasses.replace(scan.run, metadata=metadata))
    names = [path.name for path in write_prediction(centred, tmp_path)]
    assert f"{STEM}_space-centred_desc-synth_pet.nii.gz" in names
    assert not any("aligned" in name for name in names)
    sidecar = json.loads((tmp_path / f"{STEM}_space-centred_desc-synth_pet.json").read_text())
    assert "not aligned" in sidecar["SpatialReference"]


def test_headers_say_synthetic(scan, tmp_path):
    for path in write_prediction(scan, tmp_path):
        if path.name.endswith(".nii.gz"):
            assert bytes(nib.load(path).header["descrip"]).startswith(b"SYNTHETIC PET, not for")


def test_panel_is_labelled(scan, tmp_path):
    texts = [text.get_text() for text in draw_prediction(scan).findobj(Text)]
    assert any("SYNTHETIC PET" in text for text in texts)
    assert any("simulated" in text for text in texts)
    assert any("SUVR" in text for text in texts)
    assert ("Standard deviation" in texts) is (scan.samples > 1)
    write_prediction(scan, tmp_path)
    with Image.open(tmp_path / f"{STEM}_desc-synth_panel.png") as picture:
        assert min(picture.size) > 200
