"""Every synthetic image says that it is one: name, sidecar, header, picture."""

import dataclasses
import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from petsynth import __version__
from petsynth.config import config_hash, parse_config
from petsynth.inference.dataset import finish_dataset
from petsynth.inference.outputs import draw_prediction, result_paths, write_prediction
from petsynth.inference.run import load_run
from petsynth.inference.scan import InputCheck, ScanPrediction
from petsynth.io.bids.validator import find_validator, validate
from petsynth.io.nifti import read_grid
from petsynth.preprocessing.t1.alignment import PreparedT1
from petsynth.systems.base import Prediction
from petsynth.systems.registry import build_system

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
    expected = [f"pet/{image}{end}" for image in images for end in (".nii.gz", ".json")]
    expected.append(f"figures/{STEM}_desc-synth_panel.png")
    session = tmp_path / "out" / "sub-01" / "ses-bl"
    assert [path.relative_to(session).as_posix() for path in paths] == expected
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(written) == sorted(paths)
    has_std = scan.samples > 1
    assert paths == result_paths(tmp_path / "out", scan.t1, scan.run, has_std=has_std)


def test_images_lie_on_their_grids(scan, tmp_path):
    folder = write_prediction(scan, tmp_path)[0].parent
    own = nib.load(folder / f"{STEM}_space-T1w_desc-synth_pet.nii.gz")
    t1 = nib.load(scan.t1)
    assert own.shape == t1.shape
    np.testing.assert_array_equal(own.affine, t1.affine)
    assert own.get_data_dtype() == np.float32
    aligned = nib.load(folder / f"{STEM}_space-aligned_desc-synth_pet.nii.gz")
    np.testing.assert_array_equal(aligned.get_fdata(dtype=np.float32), scan.prediction.mean)
    np.testing.assert_allclose(aligned.affine, scan.run.grid.affine)


def test_sidecars(scan, tmp_path):
    folder = write_prediction(scan, tmp_path)[0].parent
    sidecar = json.loads((folder / f"{STEM}_space-T1w_desc-synth_pet.json").read_text())
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
    assert sidecar["VoxelSizeMillimetres"] == [9, 7, 8]  # along the T1 file's own axes
    assert sidecar["ModelVoxelSizeMillimetres"] == [9, 9, 9]
    assert sidecar["ReferenceRegion"] == "pons"  # of simulated FDG
    assert str(tmp_path) not in json.dumps(sidecar)
    aligned = json.loads((folder / f"{STEM}_space-aligned_desc-synth_pet.json").read_text())
    assert "rigidly aligned to the axes of MNI" in aligned["SpatialReference"]
    assert aligned["VoxelSizeMillimetres"] == [9, 9, 9]
    assert ("StandardDeviationMeaning" in sidecar) is (scan.samples > 1)
    if scan.samples > 1:
        spread = json.loads((folder / f"{STEM}_space-T1w_desc-synthstd_pet.json").read_text())
        assert spread["Description"].startswith("Standard deviation (n - 1)")
        assert spread["Synthetic"] is True
        assert spread["StandardDeviationKind"] == "dropout"
        assert spread["StandardDeviationMeaning"] == spread["Description"]


@pytest.mark.parametrize("metadata", [{}, {"error_to_std": 1.5}])
def test_a_standard_deviation_that_nobody_calibrated_says_so(scan, tmp_path, metadata):
    system = build_system(parse_config({"system": "unet25d"}))
    run = dataclasses.replace(scan.run, system=system, metadata=scan.run.metadata | metadata)
    prediction = Prediction(scan.prediction.mean, np.ones_like(scan.prediction.mean))
    written = write_prediction(dataclasses.replace(scan, run=run, prediction=prediction), tmp_path)
    meaning = json.loads(written[1].read_text())["StandardDeviationMeaning"]
    assert ("calibrated on held-out subjects" in meaning) is bool(metadata)
    assert ("not calibrated" in meaning) is not bool(metadata)


def test_what_was_merely_centred_is_not_called_aligned(scan, tmp_path):
    metadata = scan.run.metadata | {"preprocessing": {"registration": "none"}}
    centred = dataclasses.replace(scan, run=dataclasses.replace(scan.run, metadata=metadata))
    names = [path.name for path in write_prediction(centred, tmp_path)]
    assert f"{STEM}_space-centred_desc-synth_pet.nii.gz" in names
    assert not any("aligned" in name for name in names)
    folder = tmp_path / "sub-01" / "ses-bl" / "pet"
    sidecar = json.loads((folder / f"{STEM}_space-centred_desc-synth_pet.json").read_text())
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
    assert ("Standard deviation\nover dropout samples" in texts) is (scan.samples > 1)
    assert "SUVR (reference: pons)" in texts
    assert [texts.count(mark) for mark in "LRPA"] == [2 * (2 + (scan.samples > 1))] * 2 + [
        2 + (scan.samples > 1)
    ] * 2
    *_, panel = write_prediction(scan, tmp_path)
    with Image.open(panel) as picture:
        assert min(picture.size) > 200


def test_the_bids_validator_finds_no_error_in_the_dataset(scan, tmp_path):
    validator = find_validator()
    if validator is None:
        pytest.skip("the BIDS validator is not installed")
    folder = tmp_path / "predictions"
    write_prediction(scan, folder)
    other = scan.t1.with_name("scan 7.nii.gz")  # no name of BIDS
    shutil.copy(scan.t1, other)
    write_prediction(dataclasses.replace(scan, t1=other), folder)
    finish_dataset(folder, simulated=True)
    assert validate(folder, validator) == []
