"""``petsynth models``."""

import json

from petsynth.cli.main import run as petsynth


def test_the_list_names_default_licence_and_card(capsys):
    assert petsynth(["models"]) == 0
    said = capsys.readouterr().out
    for words in ("petsynth-fdg (used where no --model", "FDG PET in SUVR", "CC BY-SA 3.0"):
        assert words in said
    assert "model_card.md" in said


def test_json(capsys):
    assert petsynth(["models", "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)
    assert model["name"] == "petsynth-fdg"
    assert model["default"] is True
    assert model["training_subjects"] == 87
    assert model["voxel_mm"] == 2.0
