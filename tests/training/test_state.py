"""A checkpoint brings everything back, or says why it cannot."""

import math

import pytest
import torch
from torch import nn
from torch.optim import Adam

from petsynth.errors import RunError, TrainingError
from petsynth.systems.optimisation import Networks
from petsynth.training.state import FORMAT, TrainingState, load_checkpoint, save_checkpoint


def make_state(seed, **more):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    return TrainingState(Networks(network, Adam(network.parameters(), lr=0.1)), **more)


def take_step(state):
    state.networks.generator_optimiser.zero_grad()
    state.networks.generator(torch.ones(1, 2)).sum().backward()
    state.networks.generator_optimiser.step()


def test_step_time_figures_weights_and_momentum_come_back(tmp_path):
    state = make_state(0, step=7, seconds=1.5, best_mae=0.25)
    take_step(state)
    state.means.add({"l1": 2.0})
    state.means.add({"l1": 4.0})
    save_checkpoint(tmp_path / "last.pt", state)
    again = make_state(1)
    load_checkpoint(tmp_path / "last.pt", again)

    assert (again.step, again.seconds, again.best_mae) == (7, 1.5, 0.25)
    assert again.means.take() == {"l1": 3.0}
    for each in (state, again):
        take_step(each)
    for one, other in zip(
        *(s.networks.generator.parameters() for s in (state, again)), strict=True
    ):
        assert torch.equal(one, other)


def test_a_training_starts_without_a_best_error():
    state = make_state(0)
    assert (state.step, state.seconds, state.best_mae) == (0, 0.0, math.inf)
    assert state.means is not make_state(0).means


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_weight_that_is_not_finite_is_named_and_the_earlier_checkpoint_stays(tmp_path, value):
    path = tmp_path / "last.pt"
    state = make_state(0, step=3)
    save_checkpoint(path, state)
    before = path.read_bytes()
    with torch.no_grad():
        state.networks.generator[1].weight[0, 1] = value
    state.step = 4

    with pytest.raises(TrainingError, match=r"weights 1\.weight are no longer finite after step 4"):
        save_checkpoint(path, state)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0, 10, 1000])
def test_a_checkpoint_that_was_cut_off_is_damaged(tmp_path, kept):
    path = tmp_path / "last.pt"
    state = make_state(0)
    save_checkpoint(path, state)
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(RunError, match=r"last\.pt: damaged checkpoint.*--overwrite"):
        load_checkpoint(path, state)


@pytest.mark.parametrize("content", [b"neither a zip nor a pickle", [1, 2], {"format": FORMAT}])
def test_other_content_in_its_place_is_damaged(tmp_path, content):
    path = tmp_path / "last.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)

    with pytest.raises(RunError, match=r"last\.pt: damaged checkpoint"):
        load_checkpoint(path, make_state(0))


def test_a_checkpoint_of_another_version_is_refused_before_anything_changes(tmp_path):
    path = tmp_path / "last.pt"
    state = make_state(0, step=3)
    save_checkpoint(path, state)
    content = torch.load(path, weights_only=True)
    torch.save(content | {"format": 0, "step": 9}, path)

    with pytest.raises(RunError, match="another petsynth version"):
        load_checkpoint(path, state)
    assert state.step == 3
