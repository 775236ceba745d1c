"""Parts of batches: nothing is lost between processes, and their means add up."""

import warnings
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest

from petsynth.data.batching import (
    check_padded_size,
    process_part,
    process_weight,
    steps_per_epoch,
    warn_of_coarse_voxels,
)
from petsynth.errors import ConfigError
from petsynth.volume import Grid

SHAPE = (91, 109, 83)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 16])
@pytest.mark.parametrize("processes", [1, 2, 3, 4, 7])
def test_processes_take_every_slice_once_in_order(count, processes):
    batch = list(range(count))
    parts = [batch[process_part(count, processes, process)] for process in range(processes)]
    assert list(chain(*parts)) == batch
    assert max(map(len, parts)) == -(-count // processes)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 16])
@pytest.mark.parametrize("processes", [1, 2, 3, 4, 7])
def test_the_weighted_mean_over_processes_is_the_mean_over_the_batch(count, processes):
    values = np.random.default_rng(0).random(count)
    total = 0.0
    for process in range(processes):
        mine = values[process_part(count, processes, process)]
        shown = mine if len(mine) else values[:1]  # a process without a slice shows the first
        total += process_weight(count, processes, process) * shown.mean()
    assert total / processes == pytest.approx(values.mean())


def test_a_process_without_a_slice_counts_nothing():
    assert process_weight(1, 2, 1) == 0
    assert process_part(1, 2, 1) == slice(1, 1)


@pytest.mark.parametrize(
    ("slices", "batch_size", "steps"), [(1, 4, 1), (4, 4, 1), (5, 4, 2), (21, 2, 11)]
)
def test_an_epoch_ends_with_what_is_left(slices, batch_size, steps):
    assert steps_per_epoch(slices, batch_size) == steps


@pytest.mark.parametrize(("plane", "largest"), [("sagittal", 109), ("coronal", 91), ("axial", 109)])
def test_the_longest_side_of_a_planes_slices_must_fit(plane, largest):
    check_padded_size(SHAPE, [plane], largest)
    message = rf"data.padded_size of {largest - 1} pixels is too small: {plane} slices .* {largest}"
    with pytest.raises(ConfigError, match=message):
        check_padded_size(SHAPE, [plane], largest - 1)


@pytest.mark.parametrize(
    ("shape", "is_warned_of"),
    [((91, 109, 91), False), ((76, 91, 76), False), ((61, 73, 61), True), ((46, 55, 46), True)],
)
def test_only_voxels_too_coarse_for_the_configuration_are_warned_of(shape, is_warned_of):
    """Those of 2, 2.4, 3 and 4 mm with petsynth-fdg.toml."""
    data = SimpleNamespace(folder="prepared", grid=Grid(shape, np.eye(4)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_of_coarse_voxels(data, 112, 16)
    assert bool(told) == is_warned_of


def test_only_the_planes_that_are_used_must_fit():
    check_padded_size(SHAPE, ["coronal"], 91)
    with pytest.raises(ConfigError, match="sagittal slices"):
        check_padded_size(SHAPE, ["coronal", "sagittal"], 91)
