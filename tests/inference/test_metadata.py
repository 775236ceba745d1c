"""What a weights file says of itself is checked before it is used or becomes a file name."""

import math

import pytest

from petsynth.errors import RunError
from petsynth.inference.metadata import check_metadata
from petsynth.inference.run import load_run
from petsynth.networks.weights import copy_weights, read_metadata


@pytest.fixture
def metadata(tiny_run):
    return read_metadata(tiny_run / "model.safetensors")


def test_what_training_writes_is_accepted(metadata):
    check_metadata("model.safetensors", metadata)


GRID = {"shape": [21, 25, 21], "affine": [[9, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0], [0, 0, 0, 1]]}
WRONG = [
    ("tracer", "../../x"),
    ("tracer", "FDG/../x"),
    ("tracer", ""),
    ("tracer", None),
    ("tracer", "F\nDG"),
    ("unit", 3),
    ("unit", "S\nUVR"),
    ("unit", "x" * 1000),
    ("pet_scale", math.nan),
    ("pet_scale", math.inf),
    ("pet_scale", 0.0),
    ("pet_scale", -2.0),
    ("pet_scale", "2"),
    ("pet_scale", True),
    ("error_to_std", math.nan),
    ("error_to_std", -1.0),
    ("simulated", "no"),
    ("frames", -1),
    ("steps", 0.5),
    ("grid", None),
    ("grid", {"shape": [21, 25]}),
    ("grid", GRID | {"shape": [600, 600, 600]}),
    ("grid", GRID | {"shape": [10**9, 10**9, 10**9]}),
    ("grid", GRID | {"shape": [0, 25, 21]}),
    ("grid", GRID | {"shape": ["x", 25, 21]}),
    ("grid", GRID | {"affine": [[math.nan] * 4] * 4}),
    ("grid", GRID | {"affine": [[0.0] * 4] * 4}),
    ("grid", GRID | {"affine": [[1, 0], [0, 1]]}),
    ("t1_grid", GRID | {"shape": [600, 600, 600]}),
    ("preprocessing", 3),
    ("preprocessing", {"registration": "x"}),
    ("name", "../x\n"),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_impossible_entries_are_one_line_that_names_the_file(metadata, key, value):
    with pytest.raises(RunError) as refusal:
        check_metadata("run/model.safetensors", metadata | {key: value})
    message = str(refusal.value)
    assert message.startswith("run/model.safetensors: damaged metadata (")
    assert "\n" not in message


def test_missing_entries_are_named(metadata):
    del metadata["tracer"], metadata["grid"]
    with pytest.raises(RunError, match="does not say its tracer, grid"):
        check_metadata("x", metadata)


def test_a_run_with_impossible_metadata_is_not_loaded(tiny_run, tmp_path):
    (tmp_path / "config.toml").write_bytes((tiny_run / "config.toml").read_bytes())
    copy_weights(
        tiny_run / "model.safetensors", tmp_path / "model.safetensors", {"tracer": "../../x"}
    )
    with pytest.raises(RunError, match=r"model.safetensors: damaged metadata \(tracer is"):
        load_run(tmp_path)
