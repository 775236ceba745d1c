"""The flow behind the interface: mean, samples, size, words."""

import dataclasses

import numpy as np
import pytest
import torch

from petsynth.config import load_config, parse_config
from petsynth.data.scale import from_network
from petsynth.systems.base import PredictionSettings, SubjectInfo, TrainedGenerator
from petsynth.systems.bridge.config import BridgeConfig
from petsynth.systems.bridge.system import BridgeSystem
from petsynth.systems.bridge.training import sample_pet

T1 = np.linspace(-1, 1, 5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
NOTHING = np.zeros(0, np.float32)


@pytest.fixture
def system() -> BridgeSystem:
    return BridgeSystem(
        parse_config(
            {
                "system": "pet-bridge",
                "generator": {"filters": 8, "max_filters": 8, "levels": 2},
                "flow": {"evaluations": 3},
            }
        )
    )


@pytest.fixture
def model(system) -> TrainedGenerator:
    torch.manual_seed(0)
    network = system.build_generator().eval()
    for weight in (network.last[-1].weight, network.mixture.weight):
        torch.nn.init.normal_(weight, 0, 0.2)  # they start at 0
    return TrainedGenerator(network, torch.device("cpu"), 2.0)


def draw(model, evaluations, seed) -> np.ndarray:
    pet = sample_pet(
        model.network,
        T1,
        noise=0.2,
        evaluations=evaluations,
        seed=seed,
        covariates=NOTHING,
        device=model.device,
    )
    return from_network(pet, 2.0)


def predict(system, model, **settings):
    return system.predict(model, T1, PredictionSettings(**settings), SubjectInfo())


def test_one_sample_is_the_mean_by_one_evaluation(system, model):
    prediction = predict(system, model, seed=3)
    np.testing.assert_array_equal(prediction.mean, draw(model, 1, (3, 0)))
    assert prediction.std is None


def test_several_samples_give_their_mean_and_spread(system, model):
    counted = []
    prediction = predict(system, model, seed=3, samples=4, on_sample=lambda: counted.append(1))
    drawn = [draw(model, 3, (3, sample)) for sample in range(4)]
    np.testing.assert_allclose(prediction.mean, np.mean(drawn, axis=0), atol=1e-5)
    np.testing.assert_allclose(prediction.std, np.std(drawn, axis=0, ddof=1), atol=1e-5)
    assert prediction.std.max() > 1e-3
    assert len(counted) == 4
    assert [system.std_kind(samples) for samples in (1, 2)] == [None, "samples"]
    system.check_samples(50)


def test_the_measured_factor_widens_the_spread_and_leaves_the_mean(system, model):
    calibrated = dataclasses.replace(model, metadata={"error_to_std": 2.5})
    before, after = (predict(system, each, samples=3) for each in (model, calibrated))
    np.testing.assert_array_equal(after.mean, before.mean)
    np.testing.assert_allclose(after.std, 2.5 * before.std, rtol=1e-6)


def test_covariates_that_are_known_are_used():
    system = BridgeSystem(
        parse_config(
            {
                "system": "pet-bridge",
                "data": {"covariates": ["age"]},
                "generator": {"filters": 8, "max_filters": 8, "levels": 2},
            }
        )
    )
    torch.manual_seed(0)
    network = system.build_generator().eval()
    torch.nn.init.normal_(network.mixture.weight, 0, 0.2)
    model = TrainedGenerator(network, torch.device("cpu"), 2.0)
    one, other = (
        system.predict(model, T1, PredictionSettings(), SubjectInfo(None, covariates)).mean
        for covariates in ({"age": 0.5}, {})
    )
    assert system.covariates_used() == ("age",)
    assert not np.allclose(one, other)


def test_size():
    content = BridgeSystem(load_config("pet-bridge.toml")).resources(subjects=10).content
    assert content["generator"]["input_shape"] == [2, 1, 48, 56, 48]  # 46 x 55 x 46, padded
    assert content["training"]["steps_per_epoch"] == 5
    assert content["prediction"]["evaluations_per_sample"] == 5


def test_a_run_is_described():
    text = BridgeSystem(BridgeConfig()).describe_run(9)
    assert text == (
        "pet-bridge: rectified flow on whole volumes, 9 steps of batch 2, seed 0; the mean by one "
        "evaluation"
    )
