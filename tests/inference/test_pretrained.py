"""The models that come with the package."""

import shutil

import pytest

from petsynth.errors import RunError
from petsynth.inference import pretrained
from petsynth.inference.pretrained import CARD, DEFAULT, load_model, pretrained_models


def test_every_pretrained_model_loads_and_says_what_it_is():
    for model in pretrained_models():
        run = load_model(model.name)
        assert run.config.system == "unet25d"
        assert run.system.std_kind(1) == "expected-error"
        assert run.simulated
        card = model.card.read_text()
        for words in ("not for diagnosis", "CC BY-SA 3.0", "IXI", "simulat"):
            assert words in card


@pytest.mark.parametrize("name", ["petsynth-av45", "petsynth-av1451"])
def test_amyloid_and_tau_cards_say_what_a_t1_cannot_tell(name):
    (model,) = [each for each in pretrained_models() if each.name == name]
    card = " ".join(model.card.read_text().split())
    for words in ("Anatomy alone cannot tell", "the mean over people", "does not tell who is"):
        assert words in card


def test_weights_are_small_enough_to_ship():
    assert all(
        (model.folder / "model.safetensors").stat().st_size < 25e6 for model in pretrained_models()
    )


def test_a_name_a_folder_and_a_file_are_the_same_model(tmp_path):
    (named,) = [model for model in pretrained_models() if model.name == DEFAULT]
    copy = shutil.copytree(named.folder, tmp_path / "copy")
    named = [load_model(), load_model(DEFAULT), load_model(copy)]
    named.append(load_model(copy / "model.safetensors"))

    assert len({run.metadata["config_hash"] for run in named}) == 1


def test_damaged_weights_are_noticed(tmp_path, monkeypatch):
    (named,) = [model for model in pretrained_models() if model.name == DEFAULT]
    copy = shutil.copytree(named.folder, tmp_path / "copy")
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    damaged = pretrained.PretrainedModel(DEFAULT, copy, named.checksum)
    monkeypatch.setattr(pretrained, "pretrained_models", lambda: [damaged])

    with pytest.raises(RunError, match=r"damaged \(SHA-256"):
        load_model(DEFAULT)
    weights.unlink()
    with pytest.raises(RunError, match="missing from the installation"):
        load_model(DEFAULT)


def test_other_files_and_unknown_names_are_refused(tmp_path):
    (tmp_path / CARD).write_text("a card")
    with pytest.raises(RunError, match=r"is no model.safetensors; name a run folder"):
        load_model(tmp_path / CARD)
    with pytest.raises(RunError, match=r"pretrained model \(did you mean petsynth-fdg\?\)"):
        load_model("petsynth-fdgg")
    with pytest.raises(RunError, match="no such run folder, weights file or pretrained model; pre"):
        load_model("runs/axial")
