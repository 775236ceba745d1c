"""Asking the BIDS validator."""

import os
import sys
from pathlib import Path

import pytest

from petsynth.io.bids import validator
from petsynth.io.bids.validator import find_validator, validate
from petsynth.simulation.cohort import simulate_cohort


def command(folder: Path, prints: str) -> Path:
    """Write a program that prints a text, whatever it is asked."""
    path = folder / validator.COMMAND
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\nexit 1\n")
    path.chmod(0o755)
    return path


def test_errors_are_one_line_each_and_warnings_none(tmp_path):
    issues = """{"issues": {"issues": [
      {"severity": "error", "code": "NOT_INCLUDED", "location": "/x.txt"},
      {"severity": "warning", "code": "README_FILE_SMALL"},
      {"severity": "error", "code": "JSON_KEY_REQUIRED", "subCode": "Units", "location": "/a"}]}}"""
    assert validate(tmp_path, command(tmp_path, issues)) == [
        "/x.txt NOT_INCLUDED",
        "/a JSON_KEY_REQUIRED Units",
    ]


@pytest.mark.parametrize("prints", ["cannot start", "[]", '{"issues": 3}'])
def test_a_validator_that_says_something_else_did_not_run(tmp_path, prints):
    assert validate(tmp_path, command(tmp_path, prints)) is None


def test_the_one_beside_this_python_comes_before_the_path(tmp_path, monkeypatch):
    for name in ("beside", "path", "nothing"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "beside" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert find_validator() is None
    on_path = command(tmp_path / "path", "{}")
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "nothing"), str(tmp_path / "path")]))
    assert find_validator() == on_path
    beside = command(tmp_path / "beside", "{}")
    assert find_validator() == beside


def test_the_real_validator_finds_a_mistake_in_a_simulated_dataset(tmp_path):
    found = find_validator()
    if found is None:
        pytest.skip("the BIDS validator is not installed")
    root = simulate_cohort(tmp_path / "bids", subjects=2, t1_voxel_mm=8.0, pet_voxel_mm=8.0)
    assert validate(root, found) == []
    (root / "sub-001" / "pet" / "sub-001_trc-18FFDG_pet.json").unlink()
    assert any("sub-001" in line for line in validate(root, found))
