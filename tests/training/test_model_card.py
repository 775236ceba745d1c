"""The model card and metadata tell what was trained, on whom, and how well it did."""

import json

import pytest
from torch import nn

from petsynth.config import config_hash, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.networks.weights import FORMAT, read_metadata
from petsynth.systems.registry import build_system
from petsynth.training.model_card import model_metadata, write_card, write_model

NETWORK = nn.Linear(999, 2)
"""Of 2,000 parameters."""


@pytest.fixture
def data(make_prepared, tmp_path):
    folder = make_prepared(tmp_path / "prepared", {"train": 3, "validation": 1}, voxel_mm=18.0)
    return PreparedData(folder)


def system_of(content=None):
    return build_system(parse_config(content or {}))


def card(tmp_path, data, content=None, **more):
    path = tmp_path / "model_card.md"
    told = {"steps": 1200, "epochs": 2.5, "validation": {}} | more
    write_card(path, NETWORK, system_of(content), data, **told)
    return path.read_text()


def test_metadata_are_plain_and_tell_what_pet_means(data):
    system = system_of({"seed": 4})
    metadata = model_metadata(system, data, 7)

    assert json.loads(json.dumps(metadata)) == metadata
    assert (metadata["steps"], metadata["system"]) == (7, "pix2pix-axial")
    assert metadata["config_hash"] == config_hash(system.config)
    assert (metadata["tracer"], metadata["unit"], metadata["pet_scale"]) == ("FDG", "SUVR", 2.0)
    assert (metadata["training_subjects"], metadata["simulated"]) == (3, True)
    assert "t1_grid" not in metadata


def test_the_weights_file_holds_the_metadata(tmp_path, data):
    system = system_of()
    write_model(tmp_path / "model.safetensors", NETWORK, system, data, steps=7)

    metadata = read_metadata(tmp_path / "model.safetensors")
    assert metadata.pop("format") == FORMAT
    assert len(metadata.pop("weights_sha256")) == len(metadata.pop("metadata_sha256")) == 64
    assert metadata == model_metadata(system, data, 7)


def test_a_card_counts_participants_steps_and_parameters(tmp_path, data):
    text = card(tmp_path, data, {"seed": 4, "training": {"batch_size": 8}})

    assert "| generator | 2,000 parameters |" in text
    assert "| steps | 1200 of batch 8 (2.5 epochs) |" in text
    assert "| training data | 3 subjects, 1 AD, 2 CN; **simulated scans** |" in text
    assert ", seed 4 |" in text
    assert "not a medical device" in text
    assert "{" not in text


@pytest.mark.parametrize(
    ("system", "calibration", "row"),
    [
        ("pix2pix-axial", {}, None),
        ("pet-bridge", {}, "not calibrated yet"),
        ("unet25d", {"error_to_std": 1.67}, "calibrated on 1 validation subjects: times 1.67"),
    ],
)
def test_a_card_says_whether_the_standard_deviation_is_calibrated(
    tmp_path, data, system, calibration, row
):
    text = card(tmp_path, data, {"system": system}, calibration=calibration)
    rows = [line for line in text.splitlines() if line.startswith("| standard deviation")]
    assert rows == ([] if row is None else [f"| standard deviation | {row} |"])
    assert "|\n\n## Limits" in text  # the table ends before the next section


def test_a_card_says_that_without_validation_subjects_nothing_is_calibrated(
    make_prepared, tmp_path
):
    data = PreparedData(make_prepared(tmp_path / "alone", {"train": 2}, voxel_mm=18.0))
    text = card(tmp_path, data, {"system": "unet25d"})
    assert "| standard deviation | not calibrated: there are no validation subjects |" in text


def test_visits_of_one_participant_count_once(tmp_path, visits):
    data = PreparedData(visits)
    text = card(tmp_path, data)

    assert model_metadata(system_of(), data, 7)["training_subjects"] == 2
    assert "| 2 subjects, 1 AD, 1 CN, 3 pairs of scans; " in text


def test_validation_is_told_or_why_there_is_none(tmp_path, data, make_prepared):
    figures = {"brain_mae": 0.12345, "psnr": 25.678, "ssim": 0.87654}
    text = card(tmp_path, data, validation=figures)

    assert "MAE inside the brain 0.1235 SUVR, whole volume PSNR 25.68 dB" in text
    assert "SSIM 0.8765" in text
    assert "| validation | 1 subjects, not measured yet |" in card(tmp_path, data)
    without = PreparedData(make_prepared(tmp_path / "without", {"train": 1}, voxel_mm=18.0))
    assert "no validation subjects" in card(tmp_path, without)


@pytest.mark.parametrize(
    ("content", "told", "not_told"),
    [
        ({"data": {"planes": ["coronal", "axial"]}}, ["coronal + axial slices", "Dropout"], []),
        ({"system": "unet25d"}, ["2.5D U-Net", "augmented subjects"], ["Dropout", "Jung"]),
        (
            {"system": "unet25d", "data": {"augment": False, "slices": 3}},
            ["3 neighbouring axial slices", "subjects as they are"],
            ["augmented"],
        ),
        (
            {"system": "ganbert", "training": {"batch_size": 2, "accumulate": 3}},
            ["Shin et al.", "of batch 3 x 2 (", "2 frame(s)"],
            ["Dropout", "pix2pix"],
        ),
    ],
)
def test_each_system_is_described_as_what_it_is(tmp_path, data, content, told, not_told):
    text = card(tmp_path, data, content)

    assert not [words for words in told if words not in text]
    assert not [words for words in not_told if words in text]
