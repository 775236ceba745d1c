"""Which device and how many threads are taken, and what is refused."""

import os

import pytest
import torch

from petsynth.errors import ArgumentError
from petsynth.inference.device import choose_device


@pytest.fixture(autouse=True)
def _same_threads_afterwards():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_cpu_with_one_thread():
    assert choose_device("cpu", threads=1) == torch.device("cpu")
    assert torch.get_num_threads() == 1


def test_there_are_never_more_threads_than_cores():
    choose_device("cpu", threads=100_000)
    assert torch.get_num_threads() == os.cpu_count()


def test_auto_is_a_device_that_can_compute():
    device = choose_device("auto", threads=1)
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert torch.zeros(1, device=device).item() == 0


@pytest.mark.parametrize("threads", [0, -1])
def test_impossible_threads_change_nothing(threads):
    torch.set_num_threads(1)
    with pytest.raises(ArgumentError, match=f"--threads {threads}: must be 1 or more"):
        choose_device("cpu", threads)
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("abacus", "--device abacus: unknown"),
        ("", "--device : unknown"),
        ("meta", "--device meta: not supported; use auto, cpu or cuda"),
        ("cuda:99", "--device cuda:99: torch finds no such GPU here; use --device cpu"),
    ],
)
def test_other_devices_are_refused(name, message):
    with pytest.raises(ArgumentError, match=message):
        choose_device(name, threads=1)
