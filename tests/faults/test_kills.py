"""Killed at any moment, a command goes on, and ends as if nothing had happened."""

import shutil

import numpy as np
import pytest

from .harness import FAULTS, SEED, complete, digest, kill_and_go_on

FRACTIONS = {"train": 0.3, "predict": 0.25, "prepare": 0.25, "simulate": 0.1, "evaluate": 0.1}
"""Part of all kills that each command meets."""

# On a busy machine the moments of the faults shift; `make faults` and `make test-all` run these.
pytestmark = pytest.mark.slow


SLOW = ("evaluate",)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in FRACTIONS],
)
def test_a_killed_command_ends_as_if_nothing_had_happened(commands, folder, name):
    command, log = commands[name], folder / f"{name}.log"
    undisturbed = folder / f"{name}-undisturbed"
    seconds = complete(command.words(undisturbed), log)
    expected = digest(undisturbed)
    assert expected
    random = np.random.default_rng([SEED, sorted(FRACTIONS).index(name)])
    wanted, kills, tries = max(1, round(FAULTS * FRACTIONS[name])), 0, 0
    while kills < wanted and tries < 5 * wanted:
        tries += 1
        out = folder / f"{name}-killed"
        log.unlink(missing_ok=True)
        kills += kill_and_go_on(command, out, log, seconds, random)
        found = digest(out)
        assert found.keys() == expected.keys(), log.read_text()
        assert found == expected, log.read_text()
        shutil.rmtree(out)
    assert kills
