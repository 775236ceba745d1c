"""The path's endpoints, and the sampler against the exact flow of a known distribution."""

import numpy as np
import pytest
import torch

from petsynth.systems.bridge.flow import interpolate, start, walk

T1, NOISE = 0.3, 0.2
MEAN, SPREAD = -0.1, 0.15  # of PETs of this T1: a normal distribution


def exact_mean(x: torch.Tensor, t: float) -> torch.Tensor:
    """Return the mean PET given x(t), where PETs are normal: by Bayes' rule."""
    centre = (1 - t) * T1 + t * MEAN
    variance = ((1 - t) * NOISE) ** 2 + (t * SPREAD) ** 2
    return MEAN + t * SPREAD**2 / variance * (x - centre)


@pytest.fixture(scope="module")
def x0() -> torch.Tensor:
    z = torch.randn(20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = (z - z.mean()) / z.std()
    return start(torch.full_like(z, T1), z, NOISE)


def test_the_path_begins_at_the_noisy_t1_and_ends_at_the_pet():
    t1, z, pet = torch.rand(3, 2, 1, 4, 4, 4)
    x = start(t1, z, NOISE)
    torch.testing.assert_close(x, t1 + NOISE * z)
    torch.testing.assert_close(interpolate(x, pet, torch.tensor([0.0, 0.0])), x)
    torch.testing.assert_close(interpolate(x, pet, torch.tensor([1.0, 1.0])), pet)
    halfway = interpolate(x, pet, torch.tensor([0.5, 0.25]))
    torch.testing.assert_close(halfway[0], (x[0] + pet[0]) / 2)
    torch.testing.assert_close(halfway[1], 0.75 * x[1] + 0.25 * pet[1])


def test_one_evaluation_gives_the_mean_of_all_pets(x0):
    torch.testing.assert_close(walk(exact_mean, x0, 1), torch.full_like(x0, MEAN))


def test_many_steps_give_the_distribution_of_pets(x0):
    samples = walk(exact_mean, x0, 500)
    assert samples.mean().item() == pytest.approx(MEAN, abs=0.005)
    assert samples.std().item() == pytest.approx(SPREAD, rel=0.01)
    quantiles = torch.quantile((samples - MEAN) / SPREAD, torch.tensor([0.05, 0.5, 0.95]).double())
    np.testing.assert_allclose(quantiles, [-1.645, 0, 1.645], atol=0.05)


@pytest.mark.parametrize(("evaluations", "error"), [(3, 0.15), (5, 0.05), (10, 0.02)])
def test_few_steps_are_near_many(x0, evaluations, error):
    exact, few = walk(exact_mean, x0, 500), walk(exact_mean, x0, evaluations)
    assert few.std().item() == pytest.approx(exact.std().item(), rel=error)
    assert (few - exact).abs().max() < 5 * error * SPREAD


def test_the_method_is_of_second_order(x0):
    exact = walk(exact_mean, x0, 4000)
    errors = [(walk(exact_mean, x0, steps) - exact).abs().max().item() for steps in (20, 40, 80)]
    assert errors[0] / errors[1] > 3
    assert errors[1] / errors[2] > 3


def test_ninety_per_cent_intervals_of_samples_hold_ninety_per_cent_of_pets():
    """The spread is calibrated where the network is right: here for T1s of many kinds."""
    random = torch.Generator().manual_seed(1)
    pets = MEAN + SPREAD * torch.randn(2000, generator=random)
    z = torch.randn(2000, 40, generator=random)
    samples = walk(exact_mean, start(torch.full_like(z, T1), z, NOISE), 5)
    mean, std = samples.mean(dim=1), samples.std(dim=1)
    inside = (pets - mean).abs() < 1.645 * std
    assert 0.85 < inside.float().mean() < 0.95


def test_no_step_is_refused(x0):
    with pytest.raises(ValueError, match="at least one"):
        walk(exact_mean, x0, 0)
