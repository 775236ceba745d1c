"""Killed at any moment, a command goes on, and ends as if nothing had happened."""

import shutil

import numpy as np
import pytest

from .harness import (
    FAULTS,
    SEED,
    compare,
    count_calls,
    damaged_files,
    digest,
    import_ahead,
    kill_and_go_on,
)

FRACTIONS = {"train": 0.3, "predict": 0.2, "prepare": 0.2, "simulate": 0.1, "evaluate": 0.05}
"""Part of all faults that each command meets."""
SLOW = ("evaluate", "simulate")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in FRACTIONS],
)
def test_a_killed_command_ends_as_if_nothing_had_happened(commands, folder, tally, name):
    command, log = commands[name], folder / f"{name}.log"
    undisturbed = folder / f"{name}-undisturbed"
    import_ahead(command.words(folder / f"{name}-ahead"), log)
    calls = count_calls(command.words(undisturbed), log)
    expected = digest(undisturbed)
    assert expected
    assert not damaged_files(undisturbed)
    random = np.random.default_rng([SEED, sorted(FRACTIONS).index(name)])
    wanted = max(1, round(FAULTS * FRACTIONS[name]))
    out = folder / f"{name}-killed"
    while tally.faults < wanted:
        log.unlink(missing_ok=True)
        kill_and_go_on(command, out, log, calls, random, tally)
        compare(out, expected, tally)
        tally.check(log.read_text())
        shutil.rmtree(out)
