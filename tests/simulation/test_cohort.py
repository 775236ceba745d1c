import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from scipy import ndimage

from petsynth.errors import ArgumentError, InputError, OutputError
from petsynth.io.bids.metadata import write_dataset_description
from petsynth.io.nifti import read_volume
from petsynth.simulation.cohort import simulate_cohort
from petsynth.simulation.imaging import CohortPlan, simulate_participant
from petsynth.simulation.members import label_of
from petsynth.simulation.participants import sample_participant

COARSE = {"t1_voxel_mm": 6.0, "pet_voxel_mm": 6.0}
PET = "{0}/pet/{0}_trc-18FFDG_pet.nii.gz"
NOISE_FREE = "derivatives/truth/{0}/pet/{0}_trc-18FFDG_desc-noisefree_pet.nii.gz"
MASK = "derivatives/truth/{0}/anat/{0}_desc-brain_mask.nii.gz"
TRANSFORM = "derivatives/truth/{0}/pet/{0}_trc-18FFDG_from-pet_to-T1w_xfm.json"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return simulate_cohort(
        tmp_path_factory.mktemp("cohort") / "raw", subjects=4, t1_voxel_mm=4.0, pet_voxel_mm=4.0
    )


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def validate(folder: Path) -> None:
    validator = Path(sys.executable).parent / "bids-validator-deno"
    if not validator.exists():
        pytest.skip(f"the BIDS validator is not installed ({validator})")
    result = subprocess.run(
        [validator, folder, "--format", "json"], capture_output=True, text=True, check=False
    )
    issues = json.loads(result.stdout)["issues"]["issues"]
    errors = [
        (issue["code"], issue.get("location")) for issue in issues if issue["severity"] == "error"
    ]
    assert errors == []


def test_files_stand_where_they_are_looked_for(cohort):
    for label in ("sub-001", "sub-004"):
        for name in (PET, NOISE_FREE, MASK, TRANSFORM, "{0}/anat/{0}_T1w.nii.gz"):
            path = cohort / name.format(label)
            assert path.exists(), path
            if path.suffix == ".gz":
                sidecar = Path(str(path).removesuffix(".nii.gz") + ".json")
                assert json.loads(sidecar.read_text())["Simulated"] is True
    description = json.loads((cohort / "dataset_description.json").read_text())
    assert description["Simulated"] is True
    assert description["DatasetType"] == "raw"
    truth = json.loads((cohort / "derivatives/truth/dataset_description.json").read_text())
    assert (truth["Simulated"], truth["DatasetType"]) == (True, "derivative")
    assert "Simulated" in (cohort / "README.md").read_text()


def test_half_the_participants_are_patients(cohort):
    table = pd.read_csv(cohort / "participants.tsv", sep="\t", keep_default_na=False)

    assert list(table["participant_id"]) == ["sub-001", "sub-002", "sub-003", "sub-004"]
    assert sorted(table["diagnosis"]) == ["AD", "AD", "CN", "CN"]
    assert set(table.columns) >= {"age", "sex", "diagnosis", "mmse", "severity", "original_id"}
    columns = json.loads((cohort / "participants.json").read_text())
    assert set(table.columns) - {"participant_id"} == set(columns)


@pytest.mark.parametrize(
    "arm",
    [{}, {"frames": 2, "units": "original", "tracer": "AV1451"}, {"frames": 6, "lesions": 1.0}],
)
def test_bids_validator_accepts_simulated_dataset(tmp_path, arm):
    out = simulate_cohort(tmp_path / "raw", subjects=2, **COARSE, **arm)

    validate(out)
    validate(out / "derivatives" / "truth")


def test_bids_validator_accepts_a_labelled_cohort(tmp_path, labelled_folder):
    validate(simulate_cohort(tmp_path / "raw", labels_from=labelled_folder(), pet_voxel_mm=6.0))


@pytest.mark.parametrize("label", ["sub-001", "sub-002", "sub-003", "sub-004"])
def test_written_transform_lays_the_pet_on_the_t1(cohort, label):
    pet, mask = (read_volume(cohort / name.format(label)) for name in (NOISE_FREE, MASK))
    matrix = np.array(json.loads((cohort / TRANSFORM.format(label)).read_text())["matrix"])

    def overlap(pet_to_t1):
        to_pet = np.linalg.inv(pet.affine) @ np.linalg.inv(pet_to_t1) @ mask.affine
        on_t1 = ndimage.affine_transform(
            pet.data, to_pet[:3, :3], to_pet[:3, 3], mask.data.shape, order=1
        )
        return np.corrcoef(on_t1.ravel(), mask.data.ravel())[0, 1]

    assert overlap(matrix) > 0.85
    assert overlap(matrix) > overlap(np.eye(4))
    assert overlap(matrix) > overlap(np.linalg.inv(matrix))


def test_expected_uptake_explains_most_of_the_pet(cohort):
    pet, noise_free = (
        read_volume(cohort / name.format("sub-003")).data for name in (PET, NOISE_FREE)
    )
    brain = noise_free > 0.5

    assert np.corrcoef(pet[brain], noise_free[brain])[0, 1] > 0.8
    assert np.abs(pet - noise_free)[brain].mean() > 0.02


def test_same_seed_same_bytes_whatever_the_number_of_processes(tmp_path):
    one, two = (
        simulate_cohort(tmp_path / f"n{nprocs}", subjects=4, seed=5, nprocs=nprocs, **COARSE)
        for nprocs in (1, 2)
    )

    assert digest(one) == digest(two)


def test_another_seed_gives_other_images(tmp_path):
    one, two = (
        simulate_cohort(tmp_path / str(seed), subjects=1, seed=seed, **COARSE) for seed in (0, 1)
    )

    pets = [read_volume(out / PET.format("sub-001")).data for out in (one, two)]
    assert not np.array_equal(*pets)


def test_chosen_participants_are_the_same_as_in_the_whole_cohort(tmp_path):
    whole = simulate_cohort(tmp_path / "whole", subjects=3, **COARSE)
    part = simulate_cohort(tmp_path / "part", subjects=3, participants=["002"], **COARSE)

    assert sorted(path.name for path in part.glob("sub-*")) == ["sub-002"]
    assert digest(part / "sub-002") == digest(whole / "sub-002")
    with pytest.raises(InputError, match="no such participants in the cohort: 099"):
        simulate_cohort(tmp_path / "none", subjects=3, participants=["099"], **COARSE)


def test_original_units_have_small_negatives_and_reach_about_a_thousand(tmp_path):
    out = simulate_cohort(
        tmp_path / "raw", subjects=2, units="original", t1_voxel_mm=3.0, pet_voxel_mm=3.0
    )

    for label in ("sub-001", "sub-002"):
        data = read_volume(out / PET.format(label)).data
        assert -150 < data.min() < -5
        assert 600 < data.max() < 1300
    assert json.loads((out / "sub-001/pet/sub-001_trc-18FFDG_pet.json").read_text())["Units"] == (
        "arbitrary"
    )


def test_suvr_is_nowhere_negative(cohort):
    data = read_volume(cohort / PET.format("sub-001")).data

    assert data.min() == 0
    assert 1.2 < data.max() < 4


def test_two_frames_have_their_times(tmp_path):
    out = simulate_cohort(tmp_path / "raw", subjects=1, frames=2, **COARSE)
    image = read_volume(out / PET.format("sub-001"), frames=True)
    sidecar = json.loads((out / "sub-001/pet/sub-001_trc-18FFDG_pet.json").read_text())

    assert image.frames == 2
    assert sidecar["FrameTimesStart"] == [1800, 2700]
    assert sidecar["FrameDuration"] == [900, 900]
    bright = image.data.mean(axis=-1) > 1.0
    assert image.data[bright, 1].mean() > 1.02 * image.data[bright, 0].mean()


def test_six_frames_of_five_minutes_have_their_times_and_the_truth_has_their_motion(tmp_path):
    out = simulate_cohort(tmp_path / "raw", subjects=1, frames=6, **COARSE)
    image = read_volume(out / PET.format("sub-001"), frames=True)
    sidecar = json.loads((out / "sub-001/pet/sub-001_trc-18FFDG_pet.json").read_text())
    truth = json.loads((out / TRANSFORM.format("sub-001")).read_text())

    assert image.frames == 6
    assert sidecar["FrameTimesStart"] == [1800, 2100, 2400, 2700, 3000, 3300]
    assert sidecar["FrameDuration"] == [300] * 6
    matrices = np.array(truth["frame_matrices"])
    assert matrices.shape == (6, 4, 4)
    offsets = np.linalg.inv(matrices) @ np.array(truth["matrix"])
    assert 0.01 < np.abs(offsets - np.eye(4)).max() < 10


def test_lesions_are_written_with_their_labels_and_told_of_each_subject(tmp_path):
    size = {"subjects": 2, "seed": 0, **COARSE}
    out, healthy = (
        simulate_cohort(tmp_path / str(lesions), lesions=lesions, **size) for lesions in (1.0, 0.0)
    )
    table = pd.read_csv(out / "participants.tsv", sep="\t", keep_default_na=False)
    assert table["lesion"].tolist() == ["stroke", "hyperintensities"]
    assert "lesion" not in pd.read_csv(healthy / "participants.tsv", sep="\t")
    assert not list(healthy.rglob("*lesion*"))
    stem = "derivatives/truth/sub-001/anat/sub-001_desc-lesion_dseg"
    labels = pd.read_csv(out / f"{stem}.tsv", sep="\t")
    assert labels["index"].tolist() == [1, 2, 3, 4, 5]
    assert "stroke" in json.loads((out / f"{stem}.json").read_text())["Description"]
    found, t1, before = (
        read_volume(path)
        for path in (
            out / f"{stem}.nii.gz",
            *(root / "sub-001/anat/sub-001_T1w.nii.gz" for root in (out, healthy)),
        )
    )
    assert found.grid.matches(t1.grid)
    assert {1.0, 5.0} <= set(np.unique(found.data)) <= {0.0, 1.0, 5.0}
    cavity = found.data == 1
    assert t1.data[cavity].mean() < 0.7 * before.data[cavity].mean()
    pets = [read_volume(root / PET.format("sub-001")).data for root in (out, healthy)]
    assert pets[0].sum() < pets[1].sum()
    # All of it is the simulation's own, so that it is replaced.
    simulate_cohort(out, lesions=0.0, overwrite=True, **size)
    assert not list(out.rglob("*lesion*"))


def test_labelled_cohort_keeps_names_ages_and_grids(tmp_path, labelled_folder):
    folder = labelled_folder(names=("IXI012-HH-1211", "IXI013-HH-1212"))
    (folder / "participants.tsv").write_text(
        "participant_id\tage\tsex\nIXI012-HH-1211\t38.78\tM\nIXI013-HH-1212\tn/a\tF\n"
    )
    out = simulate_cohort(tmp_path / "raw", labels_from=folder, pet_voxel_mm=6.0)

    table = pd.read_csv(out / "participants.tsv", sep="\t").set_index("participant_id")
    assert list(table["original_id"]) == ["IXI012-HH-1211", "IXI013-HH-1212"]
    assert table.loc["sub-IXI012HH1211", "age"] == 38.8
    assert table.loc["sub-IXI013HH1212", "sex"] == "F"
    assert np.isnan(table.loc["sub-IXI013HH1212", "age"])  # unknown: not invented
    original = read_volume(folder / "t1" / "IXI012-HH-1211_T1w.nii.gz")
    written = read_volume(out / "sub-IXI012HH1211" / "anat" / "sub-IXI012HH1211_T1w.nii.gz")
    assert original.grid.matches(written.grid)
    assert np.corrcoef(written.data.ravel(), original.data.ravel())[0, 1] > 0.998


def test_more_subjects_than_labelled_t1s_are_refused(tmp_path, labelled_folder):
    with pytest.raises(InputError, match="2 labelled T1s, 5 were asked for"):
        simulate_cohort(tmp_path / "raw", labels_from=labelled_folder(), subjects=5)


def test_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")

    for overwrite in (False, True):
        with pytest.raises(OutputError, match=str(tmp_path)):
            simulate_cohort(tmp_path, subjects=1, overwrite=overwrite, **COARSE)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_earlier_cohort_is_replaced_only_when_asked(tmp_path):
    out = tmp_path / "raw"
    simulate_cohort(out, subjects=2, **COARSE)

    with pytest.raises(OutputError, match="--overwrite"):
        simulate_cohort(out, subjects=1, **COARSE)
    simulate_cohort(out, subjects=1, overwrite=True, **COARSE)

    assert [path.name for path in out.glob("sub-*")] == ["sub-001"]
    assert not (out / "derivatives/truth/sub-002").exists()


def test_data_prepared_from_a_simulation_are_no_simulated_cohort(tmp_path):
    write_dataset_description(tmp_path, "Prepared", derivative=True, Simulated=True)
    (tmp_path / "sub-001").mkdir()

    with pytest.raises(OutputError, match="no simulated cohort"):
        simulate_cohort(tmp_path, subjects=1, overwrite=True, **COARSE)
    assert (tmp_path / "sub-001").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"subjects": 0}, "subjects is 0"),
        ({"frames": 3}, "frames is 3"),
        ({"lesions": 1.5}, "lesions is 1.5; it is a fraction"),
        ({"lesions": -0.1}, "lesions is -0.1"),
        ({"t1_voxel_mm": 0.0}, "voxel-mm is 0.0"),
        ({"pet_voxel_mm": 90.0}, "pet-voxel-mm is 90.0"),
        ({"nprocs": 0}, "nprocs is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_written(tmp_path, wrong, message):
    with pytest.raises(ArgumentError, match=message):
        simulate_cohort(tmp_path / "raw", **wrong)
    assert not (tmp_path / "raw").exists()


def test_memory_flat_over_1000_subjects(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # 9,000 files: the disk is not tested
    plan = CohortPlan(tmp_path, t1_voxel_mm=12.0, pet_voxel_mm=12.0)
    process = psutil.Process()
    used = []
    for index in range(1000):
        participant = sample_participant(0, index, "FDG", f"sub-{index:04}")
        simulate_participant(plan, participant, None)
        if index in (99, 999):
            used.append(process.memory_info().rss / 2**20)

    # 900 subjects of 0.1 MiB of arrays each would show as 90 MiB, if they were kept
    assert used[1] - used[0] < 25


@pytest.mark.parametrize(
    ("name", "label"),
    [("IXI012-HH-1211", "sub-IXI012HH1211"), ("sub-01", "sub-01"), ("a_b c", "sub-abc")],
)
def test_labels_hold_letters_and_digits_only(name, label):
    assert label_of(name) == label
