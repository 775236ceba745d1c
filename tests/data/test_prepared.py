"""Reading prepared data."""

import json
import os
import tracemalloc

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData, array_path, static_mean
from petsynth.errors import InputError, SplitError
from petsynth.prepare.output_folder import write_description
from petsynth.prepare.records import write_array
from petsynth.volume import Grid


@pytest.fixture
def folder(tmp_path):
    grid = Grid((3, 4, 5), np.diag([2.0, 2.0, 2.0, 1.0]))
    write_description(
        tmp_path,
        grid,
        tracer="AV45",
        unit="SUVR",
        frames=2,
        pet_scale=2.5,
        pet_scale_definition="by hand",
        simulated=True,
    )
    (tmp_path / "split.tsv").write_text(
        "participant_id\tsplit\tdiagnosis\nsub-02\ttrain\tAD\nsub-01\ttest\tCN\nsub-03\ttrain\tCN\n"
    )
    for number in (1, 2, 3):
        name = f"sub-{number:02}"
        write_array(tmp_path, name, "mri", np.full((3, 4, 5), number / 10, np.float32))
        frames = np.stack([np.full((3, 4, 5), value * number) for value in (1.0, 3.0)], axis=3)
        write_array(tmp_path, name, "pet", frames.astype(np.float32))
        write_array(tmp_path, name, "mask", np.ones((3, 4, 5), dtype=bool))
    write_array(tmp_path, "sub-01", "noisefree", np.ones((3, 4, 5), np.float32))
    lesion = np.tile(np.eye(5, dtype=bool)[:4], (3, 1, 1))
    write_array(tmp_path, "sub-01", "lesion", lesion)
    return tmp_path


def test_what_was_written_is_read(folder):
    data = PreparedData(folder)
    assert (data.tracer, data.unit, data.frames, data.pet_scale) == ("AV45", "SUVR", 2, 2.5)
    assert data.simulated
    assert data.grid.shape == (3, 4, 5)
    assert data.grid.voxel_mm == (2, 2, 2)
    assert data.description["pet_scale_definition"] == "by hand"


def test_participants_by_part(folder):
    data = PreparedData(folder)
    assert data.participants() == ["sub-02", "sub-01", "sub-03"]
    assert data.participants("train") == ["sub-02", "sub-03"]
    assert data.participants("validation") == []
    assert (data.diagnosis("sub-02"), data.split("sub-01")) == ("AD", "test")


def test_arrays_are_mapped_not_read(folder):
    data = PreparedData(folder)
    assert isinstance(data.mri("sub-01"), np.memmap)
    assert data.mri("sub-02")[0, 0, 0] == np.float32(0.2)
    assert data.mask("sub-01").dtype == bool
    assert data.pet("sub-02").shape == (3, 4, 5, 2)
    assert data.static_pet("sub-02")[0, 0, 0] == 4
    assert data.noise_free("sub-01") is not None
    assert data.noise_free("sub-02") is None
    assert (data.lesion("sub-01").sum(), data.lesion("sub-01").dtype) == (3 * 4, bool)
    assert data.lesion("sub-02") is None


def test_a_static_pet_is_not_copied():
    pet = np.ones((2, 2, 2), np.float32)
    assert static_mean(pet) is pet


def test_frames_count_by_their_durations():
    """One minute at 1.0 and nine minutes at 3.0: 2.8, not 2.0."""
    pet = np.stack([np.full((2, 2, 2), 1.0), np.full((2, 2, 2), 3.0)], axis=3)
    assert static_mean(pet, (60.0, 540.0)) == pytest.approx(2.8)
    assert static_mean(pet, (60.0, 540.0)).dtype == np.float32
    assert static_mean(pet) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="3 durations of 2 frames"):
        static_mean(pet, (1.0, 2.0, 3.0))


def with_durations(folder, durations):
    path = folder / "prepared.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"frame_durations": durations}))
    return content["frames"]


def test_durations_are_read_and_weigh_the_mean(folder):
    assert PreparedData(folder).frame_durations is None
    frames = with_durations(folder, None)
    assert PreparedData(folder).frame_durations is None
    with_durations(folder, [60] * (frames - 1) + [540])
    data = PreparedData(folder)
    assert data.frame_durations == (60.0,) * (frames - 1) + (540.0,)
    assert data.static_pet("sub-02") == pytest.approx(
        static_mean(data.pet("sub-02"), data.frame_durations)
    )


@pytest.mark.parametrize("durations", [[], [60, 60, 60, 60, 60, 60, 60], [-1], "60", [None], 5])
def test_durations_that_do_not_fit_the_frames_are_refused(folder, durations):
    with_durations(folder, durations)
    with pytest.raises(InputError, match=r"prepared\.json: frame_durations must be"):
        PreparedData(folder)


def test_memory_does_not_grow_with_subjects(folder):
    for number in range(40):
        write_array(folder, f"sub-1{number:02}", "mri", np.zeros((60, 60, 60), np.float32))
    rows = "".join(f"sub-1{number:02}\ttrain\tCN\n" for number in range(40))
    table = folder / "split.tsv"
    table.write_text("participant_id\tsplit\tdiagnosis\n" + rows)
    description = json.loads((folder / "prepared.json").read_text())
    description["grid"]["shape"] = [60, 60, 60]
    (folder / "prepared.json").write_text(json.dumps(description))
    data = PreparedData(folder)
    tracemalloc.start()
    total = sum(float(data.mri(name)[:, :, 30].sum()) for name in data.participants())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 0
    assert peak < 60**3 * 4  # less than one volume, of forty


def pickled(path):
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)


def zipped(path):
    with open(path, "wb") as file:
        np.savez(file, a=np.zeros(3))


def instead(make, path):
    path.unlink()
    make(path)


def changed(path, **entries):
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "prepared.json").unlink(), "make it with petsynth prepare"),
        (lambda f: (f / "prepared.json").write_text("{"), "not valid JSON"),
        (
            lambda f: (f / "prepared.json").write_text('{"format": 2, "unit": "SUVR"}'),
            "tracer, frames, grid",
        ),
        (
            lambda f: (f / "prepared.json").write_text('{"unit": "SUVR", "steps": {}}'),
            "prepared by another version of petsynth; run petsynth prepare again with --overwrite",
        ),
        (lambda f: (f / "split.tsv").unlink(), "no such file"),
        (lambda f: (f / "split.tsv").write_text("who\nsub-01\n"), "column participant_id, split"),
        (lambda f: array_path(f, "sub-01", "mri").unlink(), "run petsynth prepare again"),
        (lambda f: array_path(f, "sub-01", "mri").write_bytes(b"\x93NUMPY"), "damaged"),
        (lambda f: write_array(f, "sub-01", "mri", np.zeros((2, 2, 2), "f4")), "does not fit"),
        (lambda f: write_array(f, "sub-01", "mri", np.zeros((3, 4, 5, 2), "f4")), "does not fit"),
        (lambda f: write_array(f, "sub-01", "mri", np.zeros((3, 4, 5))), "holds float64, not"),
        (lambda f: write_array(f, "sub-01", "mri", np.zeros((3, 4, 5), ">f4")), "holds >f4, not"),
        (lambda f: write_array(f, "sub-01", "mri", np.zeros((3, 4, 5), "i2")), "holds int16, not"),
        (lambda f: pickled(array_path(f, "sub-01", "mri")), "Python objects"),
        (lambda f: zipped(array_path(f, "sub-01", "mri")), "damaged"),
        (lambda f: instead(os.mkfifo, array_path(f, "sub-01", "mri")), "is a named pipe"),
        (lambda f: instead(os.mkdir, array_path(f, "sub-01", "mri")), "is a folder"),
        (lambda f: changed(f / "prepared.json", preprocessing="x"), "preprocessing is no table"),
        (lambda f: changed(f / "prepared.json", pet_scale_definition={}), "definition is no text"),
        (
            lambda f: changed(f / "prepared.json", unit="x" * 200),
            "unit is .*, not one line of text",
        ),
        (lambda f: changed(f / "prepared.json", unit="a\nb"), "unit is .*, not one line of text"),
    ],
)
def test_damage_is_named(folder, spoil, message):
    spoil(folder)
    with pytest.raises(InputError, match=message):
        PreparedData(folder).mri("sub-01")


def test_an_unknown_subject_and_a_missing_folder_are_named(folder, tmp_path):
    with pytest.raises(InputError, match="no subject sub-99; there are sub-02, sub-01"):
        PreparedData(folder).mri("sub-99")
    with pytest.raises(InputError, match="no such folder"):
        PreparedData(tmp_path / "nowhere")


def test_visits_have_names_of_their_own_and_participants_are_counted_once(visits):
    data = PreparedData(visits)
    assert data.participants("test") == ["sub-4_ses-a", "sub-4_ses-b", "sub-5"]
    assert data.subjects("test") == ["sub-4", "sub-5"]
    assert data.subjects() == [f"sub-{number}" for number in range(1, 6)]
    assert data.split("sub-1_ses-b") == "train"
    assert data.mri("sub-1_ses-b").shape == data.grid.shape


@pytest.mark.parametrize(
    ("old", "new"),
    [("sub-1\tses-b\ttrain", "sub-1\tses-b\ttest"), ("sub-5\t", "sub-02\t")],
)
def test_a_participant_in_two_parts_of_an_edited_table_is_refused(visits, old, new):
    table = visits / "split.tsv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(SplitError, match=r"split.tsv: sub-\d+ \(test\) and sub-\d \(train\)"):
        PreparedData(visits).participants()
