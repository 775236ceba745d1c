"""Leakage is found where it was put, and nowhere else."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from petsynth.cli.main import run
from petsynth.data.prepared import PreparedData, array_path
from petsynth.evaluation.audit import (
    NEAR_IDENTICAL,
    _correlation,
    audit_images,
    audit_names,
    audit_run,
    fingerprint,
)


@pytest.fixture
def folder(make_prepared, tmp_path):
    """Return prepared data of three training subjects and two test subjects, 9 mm."""
    return make_prepared(tmp_path / "prepared", {"train": 3, "test": 2})


def leaks(findings):
    return [each.message for each in findings if each.is_leak]


def test_honest_data_have_no_leak(folder, capsys):
    assert run(["audit", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "5 scans, no leak found" in printed
    assert "too coarse to tell people apart" in printed


def test_one_subject_in_two_parts(folder, capsys):
    table = folder / "split.tsv"
    table.write_text(table.read_text() + "sub-0001\ttest\tCN\n")
    assert len(leaks(audit_names(PreparedData(folder)))) == 1
    assert run(["audit", str(folder)]) == 1
    assert "1 leak(s)" in capsys.readouterr().err


@pytest.mark.parametrize(("second", "is_leak"), [("sub-004", True), ("sub-002", False)])
def test_one_subject_under_two_labels(folder, second, is_leak):
    rows = ["participant_id\toriginal_id", "sub-001\tP-77", f"{second}\tp77"]
    (folder / "participants.tsv").write_text("\n".join(rows) + "\n")
    (found,) = audit_names(PreparedData(folder))
    assert found.is_leak == is_leak
    assert "sub-001 (train) and" in found.message


def test_slices_in_place_of_subjects(folder):
    for path in (folder / "arrays").glob("sub-005_*"):
        path.rename(path.with_name(path.name.replace("sub-005", "sub-005slice12")))
    table = folder / "split.tsv"
    table.write_text(table.read_text().replace("sub-005", "sub-005slice12"))
    assert "named like a slice" in leaks(audit_names(PreparedData(folder)))[0]


def test_the_same_scan_under_two_names(folder):
    source = array_path(folder, "sub-001", "mri").read_bytes()
    array_path(folder, "sub-005", "mri").write_bytes(source)
    (message,) = leaks(audit_images(PreparedData(folder)))
    assert message == "the T1 of sub-005 (test) is that of sub-001 (train), to the last bit"


def test_a_t1_that_is_the_pet_rescaled_is_found_at_any_voxel_size(folder):
    pet = np.load(array_path(folder, "sub-002", "pet"))
    np.save(array_path(folder, "sub-002", "mri"), (1 - 0.7 * pet).astype(np.float32))
    (leak,) = leaks(audit_images(PreparedData(folder)))
    assert leak.startswith("sub-002: its T1 has the values of its PET (|r| = 1.000)")


def test_test_subjects_among_a_runs_training_subjects(folder, tmp_path):
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    trained = {"training_participants": ["sub-01", "sub-0004_ses-a"]}
    (run_folder / "data.json").write_text(json.dumps(trained))
    (message,) = leaks(audit_run(run_folder, PreparedData(folder)))
    assert message.startswith(f"{run_folder}: was trained on sub-004")
    (message,) = leaks(audit_run(run_folder, PreparedData(folder), called="petsynth-x"))
    assert message.startswith("petsynth-x: was trained on sub-004")


def test_several_runs_are_looked_at(folder, tmp_path, capsys):
    runs = [tmp_path / name for name in ("one", "other")]
    for path in runs:
        path.mkdir()
        (path / "data.json").write_text(json.dumps({"training_participants": ["sub-004"]}))
    assert run(["audit", str(folder), "--runs", *map(str, runs), "petsynth-fdg"]) == 1
    printed = capsys.readouterr().out
    assert all(f"LEAK: {path}: was trained on sub-004" in printed for path in runs)


def test_fingerprints_know_a_changed_copy_and_tell_others_apart():
    shape, edges = (60, 70, 60), (2.0, 2.0, 2.0)
    axes = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in shape), indexing="ij")
    mask = sum(axis**2 for axis in axes) < 1
    rng = np.random.default_rng(0)
    common = gaussian_filter(rng.normal(size=shape), 5) * 20  # what all have in common is coarse
    one, other = (common + gaussian_filter(rng.normal(size=shape), 1) for _ in range(2))
    changed = one * np.linspace(0.8, 1.2, 70)[None, :, None] + 0.1
    changed += rng.normal(0, 0.1 * one.std(), shape)
    prints = [fingerprint(each, mask, edges) for each in (one, other, changed)]
    assert _correlation(prints[0], prints[2]) > NEAR_IDENTICAL
    assert _correlation(prints[0], prints[1]) < 0.7 < np.corrcoef(one[mask], other[mask])[0, 1]
