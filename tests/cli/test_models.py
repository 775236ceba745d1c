"""``petsynth models``."""

import json

from petsynth.cli.main import run as petsynth


def test_the_list_names_default_licence_and_card(capsys):
    assert petsynth(["models"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Pretrained models: ")
    for words in ("petsynth-fdg (used where no --model", "FDG PET in SUVR", "CC BY-SA 3.0"):
        assert words in said
    assert "model_card.md" in said


def test_json(capsys):
    assert petsynth(["models", "--json"]) == 0
    models = {model["name"]: model for model in json.loads(capsys.readouterr().out)}
    assert {name: model["tracer"] for name, model in models.items()} == {
        "petsynth-fdg": "FDG",
        "petsynth-av45": "AV45",
        "petsynth-av1451": "AV1451",
    }
    assert [name for name, model in models.items() if model["default"]] == ["petsynth-fdg"]
    assert models["petsynth-fdg"]["training_subjects"] == 87
    assert {model["voxel_mm"] for model in models.values()} == {2.0}
