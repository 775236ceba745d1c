"""Memory of a training: what autograd keeps, by hand, and what is added to it."""

import pytest
import torch
from torch import nn

from petsynth.networks.patchgan2d import PatchGan2d
from petsynth.systems.resources import memory_rows, run_and_measure, shape_text, training_memory


def test_activations_are_counted_by_hand():
    """One layer of stride 2: kept are its input, its result for LeakyReLU, that one's result."""
    network = PatchGan2d(filters=4, layers=1)
    network.parts = network.parts[:2]  # convolution 2 -> 4, LeakyReLU
    image = torch.zeros(3, 1, 16, 16)
    _, kept = run_and_measure(network, image, image)
    joined, convolved = 3 * 2 * 16 * 16, 3 * 4 * 8 * 8
    assert kept == 4 * (joined + convolved)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_result_is_the_networks_and_weights_are_not_counted(device):
    network = nn.Linear(3, 5, device=device)
    image = torch.zeros(7, 3, device=device)
    result, kept = run_and_measure(network, image)
    assert result.shape == (7, 5)
    assert kept == 4 * 7 * 3  # the input, for the gradient of the weights


def test_what_is_kept_twice_is_counted_once():
    class Square(nn.Module):
        def forward(self, image):
            return image * image

    image = torch.zeros(10, requires_grad=True)
    assert run_and_measure(Square(), image)[1] == 4 * 10


def test_memory_by_hand():
    memory = training_memory(1000, 500_000, "what is counted")
    assert memory["weights_bytes"] == memory["gradients_bytes"] == 4000
    assert memory["optimiser_bytes"] == 8000
    assert memory["activations_bytes"] == 500_000
    assert memory["total_bytes"] == 516_000
    assert memory["total_gib"] == round(516_000 / 2**30, 3)
    assert memory_rows(memory) == [
        ("memory", f"about {memory['total_gib']} GiB to train"),
        ("", "what is counted"),
    ]


def test_a_shape_is_written_with_crosses():
    assert shape_text([2, 93, 76]) == "2 x 93 x 76"
