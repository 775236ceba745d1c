"""GANBERT in the loop: its own step size for BERT, its terms, and dropout that can be repeated."""

import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import GanbertConfig, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.systems.ganbert.system import GanbertSystem


def small_config(system="ganbert", *, seed=0, **bert) -> GanbertConfig:
    return parse_config(
        {
            "system": system,
            "seed": seed,
            "data": {"voxel_mm": 13.0},
            "generator": {"filters": 4, "levels": 2, "checkpointing": False},
            "cnn": {"filters": 4, "layers": 2},
            "bert": {
                "layers": 1,
                "hidden": 16,
                "heads": 2,
                "inner": 32,
                "checkpointing": False,
            }
            | bert,
            "optimiser": {"learning_rate": 1e-3, "warm_up": 1.0},
            "training": {"max_steps": 4, "batch_size": 1, "accumulate": 2},
        }
    )


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def data(tiny_volumes) -> PreparedData:
    return PreparedData(tiny_volumes)


def test_a_cnn_discriminator_adds_its_terms(data, fabric):
    plain, both = (
        GanbertSystem(small_config(name), data, fabric) for name in ("ganbert", "ganbert-cnnd")
    )
    assert set(both.terms) - set(plain.terms) == {"cnn", "adversarial"}
    assert set(both.extras) - set(plain.extras) == {"gradient_adversarial"}
    assert plain.extras == ("gradient_nsp", "gradient_mlm", "gradient_l1")


def test_berts_own_step_size_warms_up_too(data, fabric):
    system = GanbertSystem(small_config("ganbert-cnnd", learning_rate=2e-5), data, fabric)
    window = next(system.batches(1))
    system.train_step(window, 1, measure=False)
    rates = {
        name: getattr(system.networks, f"{name}_optimiser").param_groups[0]["lr"]
        for name in ("generator", "cnn", "bert")
    }
    assert rates == pytest.approx({"generator": 5e-4, "cnn": 5e-4, "bert": 1e-5})


def first_step(data, fabric, torch_seed, **knobs) -> float:
    """Return how BERT guesses in the first step, from the same weights and volumes each time."""
    system = GanbertSystem(small_config(dropout=0.5, **knobs), data, fabric)
    window = next(system.batches(0))
    torch.manual_seed(torch_seed)
    return system.train_step(window, 0, measure=False)["bert_mlm"].item()


def test_berts_dropout_is_that_of_the_step_whatever_torch_drew_before(data, fabric):
    first = first_step(data, fabric, 1)
    assert first_step(data, fabric, 2) == first
    assert first_step(data, fabric, 1, mri_masked=0.1) != first


def test_each_process_drops_values_of_its_own(data, fabric):
    """Its batches' masks are left as they are; only the draws of torch's generator differ."""

    def judge(process):
        system = GanbertSystem(small_config(dropout=0.5), data, fabric)
        window = next(system.batches(0))
        system.partition = Same(process)
        return system.train_step(window, 0, measure=False)["bert_mlm"].item()

    assert judge(0) == judge(0)
    assert judge(0) != judge(1)


class Same:
    """A partition whose batches have the same places whichever process has them."""

    samples = 2

    def __init__(self, process: int):
        self.process = process

    def first(self, step: int, batch: int) -> int:
        return self.samples * step + batch
