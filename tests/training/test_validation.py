"""Validation metrics by hand, and whom sample pictures show."""

from __future__ import annotations

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData, read_array
from petsynth.prepare.records import write_array
from petsynth.training.validation import sample_subjects, validate


def test_the_mean_is_over_participants_not_over_visits(visits):
    """Errors of 1 and 3 in two visits of one participant, 8 in another: (2 + 8) / 2 = 5."""
    table = visits / "split.tsv"
    table.write_text(table.read_text().replace("sub-5\tn/a\ttest", "sub-5\tn/a\tvalidation"))
    for name, value in (("sub-3_ses-a", 1.0), ("sub-3_ses-b", 3.0), ("sub-5", 8.0)):
        shape = read_array(visits, name, "pet").shape
        write_array(visits, name, "pet", np.full(shape, value, np.float32))
    data = PreparedData(visits)
    assert data.participants("validation") == ["sub-3_ses-a", "sub-3_ses-b", "sub-5"]
    metrics = validate(lambda name: np.zeros(data.grid.shape, np.float32), data)
    assert metrics["mae"] == pytest.approx(5.0)
    assert metrics["mse"] == pytest.approx(((1 + 9) / 2 + 64) / 2)


def test_brain_that_the_pet_does_not_cover_does_not_count(visits):
    table = visits / "split.tsv"
    table.write_text(table.read_text().replace("sub-5\tn/a\ttest", "sub-5\tn/a\tvalidation"))
    data = PreparedData(visits)
    for name in data.participants("validation"):
        pet = np.full(data.grid.shape, 2.0, np.float32)
        pet[:, :, :10] = 0
        write_array(visits, name, "pet", pet)
    metrics = validate(lambda name: np.full(data.grid.shape, 1.5, np.float32), data)
    assert metrics["brain_mae"] == pytest.approx(0.5)


def test_validation_subjects_are_shown_and_without_them_training_subjects(make_prepared, tmp_path):
    split = {"train": 3, "validation": 3, "test": 1}
    data = PreparedData(make_prepared(tmp_path / "one", split, voxel_mm=18.0))
    assert sample_subjects(data) == ["sub-004", "sub-005"]

    data = PreparedData(make_prepared(tmp_path / "two", {"train": 1, "test": 3}, voxel_mm=18.0))
    assert sample_subjects(data) == ["sub-001"]
