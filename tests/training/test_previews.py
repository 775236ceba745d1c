"""Whom sample pictures show."""

from petsynth.data.prepared import PreparedData
from petsynth.training.previews import sample_subjects


def test_validation_subjects_are_shown_and_without_them_training_subjects(make_prepared, tmp_path):
    split = {"train": 3, "validation": 3, "test": 1}
    data = PreparedData(make_prepared(tmp_path / "one", split, voxel_mm=18.0))
    assert sample_subjects(data) == ["sub-004", "sub-005"]

    data = PreparedData(make_prepared(tmp_path / "two", {"train": 1, "test": 3}, voxel_mm=18.0))
    assert sample_subjects(data) == ["sub-001"]
