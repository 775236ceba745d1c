"""The benchmark of the pretrained models says what an error of the level costs."""

import json

import numpy as np
import pytest
from tests.test_house import ROOT

from petsynth.evaluation.domains import SUVR_RANGE


@pytest.fixture
def benchmark_module(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import pretrained_model

    return pretrained_model


@pytest.fixture
def subject(benchmark_module):
    random, shape = np.random.default_rng(0), (24, 24, 24)
    mask = np.zeros(shape, bool)
    mask[3:-3, 3:-3, 3:-3] = True
    return benchmark_module.TestSubject(
        "sub-1", random.random(shape) * 2 - 1, mask, random.random(shape) + 1, np.eye(4)
    )


AFFINE = np.array([[3.0, 0, 0, -36], [0, 3, 0, -36], [0, 0, 3, -36], [0, 0, 0, 1]])


def test_a_tenth_too_much_is_seen_without_scaling_only(benchmark_module, subject):
    """Scaled to the PET's own mean, a prediction that is 10 % too high looks perfect."""
    found = benchmark_module.measure(subject, 1.1 * subject.pet, AFFINE, SUVR_RANGE["FDG"])
    assert found["ssim_scaled"] == pytest.approx(1)
    assert found["regional_error_percent_scaled"] == pytest.approx(0, abs=1e-9)
    assert found["regional_error_percent_unscaled"] == pytest.approx(10)
    assert found["mae_unscaled"] == pytest.approx(found["bias_unscaled"])
    assert found["bias_unscaled"] == pytest.approx(0.15, abs=0.005)
    assert found["ssim_unscaled"] < 0.995


def test_the_comparison_leaves_out_what_is_in_no_pet_units(benchmark_module, subject):
    rows = {
        name: [
            benchmark_module.measure(
                subject,
                subject.pet * factor,
                AFFINE,
                2.5,
                in_pet_units=name not in benchmark_module.NOT_IN_PET_UNITS,
            )
            for factor in (1.0, 1.1, 1.2)
        ]
        for name in benchmark_module.METHODS
    }
    found = json.loads(json.dumps(benchmark_module.compare_methods(rows), allow_nan=False))
    assert found["mean"]["pretrained model"]["regional_error_percent_unscaled"] == 10.0
    assert "mae_unscaled" not in found["mean"]["grey matter"]
    assert "mae_unscaled" not in found["ahead_of"]["grey matter"]
    assert found["ahead_of"]["template"]["mae_unscaled"]["mean"] == 0
    assert found["comparisons"] == 7 + 7 + 4
