"""Tests of memory that is kept between steps."""

import ctypes
import resource
import sys

import pytest
import torch

from petsynth.training import memory
from petsynth.training.memory import keep_freed_memory

BYTES = 64 << 20


def page_faults():
    """Return how many pages a large tensor, made a few times, needs of the system."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(BYTES // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(sys.platform != "linux", reason="counts pages as Linux does")
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs the GNU C library")
def test_memory_is_used_again_and_given_back_at_the_end():
    pages = BYTES // resource.getpagesize()
    with keep_freed_memory():
        for _ in range(4):  # until small holes are filled
            page_faults()
        assert page_faults() < pages / 10
        held = resident_bytes()
    assert held - resident_bytes() > BYTES / 2
    assert page_faults() > pages


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    with keep_freed_memory():
        assert torch.ones(3).sum() == 3
