"""The pretrained models' training: it learns, and goes on exactly where it was stopped."""

import dataclasses

import numpy as np
import pytest
import torch
from petsynth.inference.predict import synthesise

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError
from petsynth.inference.run import load_run
from petsynth.systems.unet25d.training import gradient_loss
from petsynth.training import trainer as loop
from petsynth.training.trainer import train


def small_config(**training):
    return parse_config(
        {
            "system": "unet25d",
            "data": {"slices": 3, "padded_size": 32, "slabs_per_volume": 6, "window": 2},
            "generator": {"filters": 8, "max_filters": 16, "levels": 2},
            "training": {"batch_size": 4, "workers": 0, "log_every": 2, "samples_every": 100}
            | training,
        }
    )


def test_edges_are_differences_of_neighbours_along_both_axes():
    pet = torch.zeros(1, 1, 2, 3)
    synthetic = torch.tensor([[[[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]]])

    assert gradient_loss(synthetic, pet).item() == pytest.approx(
        0.5
    )  # rows: 0; columns: 1, 0, 1, 0
    assert gradient_loss(synthetic + 3, pet).item() == pytest.approx(0.5)


class KilledError(Exception):
    pass


def test_a_killed_training_goes_on_exactly(tiny_prepared, tmp_path, monkeypatch):
    config = small_config(epochs=3, checkpoint_minutes=1e-9, workers=0)
    data = PreparedData(tiny_prepared)
    train(config, data, tmp_path / "whole", threads=1, device="cpu")

    with monkeypatch.context() as patch:
        check = loop._check_finite

        def kill(figures, step, recorder):
            if step == 10:  # in the middle of the second epoch of six steps
                raise KilledError
            check(figures, step, recorder)

        patch.setattr(loop, "_check_finite", kill)
        with pytest.raises(KilledError):
            train(config, data, tmp_path / "resumed", threads=1, device="cpu")
    train(config, data, tmp_path / "resumed", resume=True, threads=1, device="cpu")

    one, other = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "resumed")
    )
    assert one == other


def test_a_canvas_that_is_too_small_is_refused_before_anything_is_written(tiny_prepared, tmp_path):
    config = small_config()
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, padded_size=16))

    with pytest.raises(ConfigError, match="too small"):
        train(config, PreparedData(tiny_prepared), tmp_path / "run", threads=1, device="cpu")
    assert not (tmp_path / "run").exists()


def test_training_lowers_the_error_and_the_run_predicts(tiny_prepared, tmp_path):
    config = small_config(epochs=25)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, augment=False))
    data = PreparedData(tiny_prepared)
    train(config, data, tmp_path / "run", threads=1, device="cpu")
    rows = (tmp_path / "run" / "train_log.csv").read_text().splitlines()
    l1 = [float(row.split(",")[2]) for row in rows[1:]]
    assert l1[-1] < 0.5 * l1[0]

    run = load_run(tmp_path / "run")
    name = data.participants("train")[0]
    prediction = synthesise(run, np.asarray(data.mri(name)))
    pet = np.asarray(data.static_pet(name))
    assert prediction.std is not None
    assert (prediction.std > 0).all()
    assert np.corrcoef(prediction.mean.ravel(), pet.ravel())[0, 1] > 0.7
    assert "2.5D U-Net" in (tmp_path / "run" / "model_card.md").read_text()
