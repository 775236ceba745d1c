import json

import pytest

from petsynth.cli.main import run
from petsynth.config import config_hash, load_config, shipped_configs


def test_json_has_the_papers_figures(capsys):
    assert run(["describe", str(shipped_configs()["pix2pix-axial.toml"]), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["system"] == "pix2pix-axial"
    assert content["config_hash"] == config_hash(load_config("pix2pix-axial.toml"))
    assert content["generator"]["parameters"] == 54_408_385
    assert content["discriminator"]["parameters"] == 2_764_609
    assert content["discriminator"]["receptive_field"] == 70
    assert content["memory"]["total_bytes"] > 0
    assert content["training"]["steps_per_epoch"] == 1452


@pytest.mark.parametrize("name", shipped_configs())
def test_every_shipped_configuration_can_be_described(name, capsys):
    assert run(["describe", name]) == 0
    text = capsys.readouterr().out
    for word in ("parameters", "steps of batch", "GiB to train"):
        assert word in text
    has_cnn = not name.endswith(("ganbert.toml", "petsynth-fdg.toml", "pet-bridge.toml"))
    assert ("receptive field" in text) == has_cnn


def test_json_has_the_figures_of_paper_b(capsys):
    assert run(["describe", "ganbert-cnnd.toml", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["bert"]["sequence_length"] == 1027
    assert content["bert"]["vocabulary"] == 11_004
    assert content["bert"]["layers"] == 12
    assert content["bert"]["parameters"] == 95_505_662
    assert content["generator"]["parameters"] == 8_216_482
    assert content["cnn"]["parameters"] == 11_056_961
    assert content["generator"]["input_shape"] == [1, 256, 256, 256]
    assert content["generator"]["output_shape"] == [2, 93, 76, 76]
    memory = content["memory"]
    saved = memory["activations_bytes_with_checkpointing"]
    assert saved < 0.7 * memory["activations_bytes_without_checkpointing"]


def test_prepared_data_and_overrides_count(tiny_prepared, capsys):
    arguments = ["describe", "small/pix2pix-axial.toml", "--data", str(tiny_prepared), "--json"]
    assert run([*arguments, "--training.batch-size", "8", "--data.padded-size=32"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["training"]["subjects"] == 4
    assert content["training"]["steps_per_epoch"] == 11  # 84 slices, 8 at a time
    assert content["generator"]["input_shape"] == [8, 1, 32, 32]


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["nowhere.toml"], "nowhere.toml: no such configuration file", 1),
        (["pix2pix-axial.toml", "--training.epoch", "3"], "did you mean --training.epochs?", 2),
        (["pix2pix-axial.toml", "--data.padded-size", "100"], "not divisible", 2),
        (["pix2pix-axial.toml", "--data", "nowhere"], "nowhere: no such folder", 1),
    ],
)
def test_mistakes_are_one_line(arguments, message, status, capsys):
    assert run(["describe", *arguments]) == status
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert captured.out == ""
