"""Slices of a prepared subject as files: names, grey levels, all or nothing."""

import numpy as np
import pytest

from petsynth.data.jpeg import decode
from petsynth.data.prepared import PreparedData, array_path
from petsynth.errors import InputError
from petsynth.prepare import jpeg_export
from petsynth.prepare.jpeg_export import export_slices
from petsynth.prepare.records import write_array

SIDES = {"sagittal": 11, "coronal": 13, "axial": 11}
"""Of 18 mm voxels."""


@pytest.fixture
def data(make_prepared, tmp_path) -> PreparedData:
    return PreparedData(make_prepared(tmp_path / "prepared", {"train": 2}, voxel_mm=18.0))


def files(data: PreparedData, participant: str = "sub-001") -> dict[str, bytes]:
    folder = data.folder / "slices" / participant
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_slice_of_three_planes_is_written_for_both_images(data):
    assert data.grid.shape == (SIDES["sagittal"], SIDES["coronal"], SIDES["axial"])
    count = export_slices(data, "sub-001")
    expected = {
        f"{plane}_{index:03}_{kind}.jpg"
        for plane, slices in SIDES.items()
        for index in range(slices)
        for kind in ("mri", "pet")
    }
    assert set(files(data)) == expected
    assert count == len(expected)
    assert [path.name for path in (data.folder / "slices").iterdir()] == ["sub-001"]


@pytest.mark.parametrize(
    ("mri", "pet", "grey"), [(-1.0, 0.0, 0), (1.0, 2.0, 255), (0.0, 1.0, 128), (1.0, 3.0, 255)]
)
def test_grey_runs_over_the_networks_range(data, mri, pet, grey):
    assert data.pet_scale == 2
    for kind, value in (("mri", mri), ("pet", pet)):
        write_array(data.folder, "sub-001", kind, np.full(data.grid.shape, value, np.float32))
    export_slices(data, "sub-001")
    for content in files(data).values():
        assert set(np.unique(decode(content))) == {grey}


def test_a_slice_shows_what_lies_there_the_right_way_up(data):
    """The highest voxels of the head are the last axial slice, and the top rows of the others."""
    volume = np.full(data.grid.shape, -1, np.float32)
    volume[:, :, -1] = 1
    write_array(data.folder, "sub-001", "mri", volume)
    export_slices(data, "sub-001")
    slices = {name: decode(content) for name, content in files(data).items()}
    assert (slices["axial_010_mri.jpg"] == 255).all()
    assert (slices["axial_009_mri.jpg"] == 0).all()
    for name in ("coronal_006_mri.jpg", "sagittal_004_mri.jpg"):
        assert (slices[name][0] > 250).all()
        assert (slices[name][1:] < 5).all()


def test_of_several_frames_the_mean_is_written(make_prepared, tmp_path):
    folder = make_prepared(tmp_path / "dynamic", {"train": 1}, voxel_mm=18.0, frames=2)
    data = PreparedData(folder)
    pet = np.zeros((*data.grid.shape, 2), np.float32)
    pet[..., 1] = 2
    write_array(folder, "sub-001", "pet", pet)
    export_slices(data, "sub-001")
    assert set(np.unique(decode(files(data)["axial_004_pet.jpg"]))) == {128}


def test_an_earlier_folder_is_replaced_and_other_subjects_stay(data):
    for participant in ("sub-001", "sub-002"):
        export_slices(data, participant)
    (data.folder / "slices" / "sub-001" / "axial_999_mri.jpg").touch()
    (data.folder / "slices" / "sub-001" / "axial_000_mri.jpg").write_bytes(b"old")
    other = files(data, "sub-002")
    export_slices(data, "sub-001")
    assert "axial_999_mri.jpg" not in files(data)
    assert decode(files(data)["axial_000_mri.jpg"]).shape == data.grid.shape[1::-1]
    assert files(data, "sub-002") == other


def test_what_is_cut_off_leaves_the_earlier_folder_as_it_was(data, monkeypatch):
    def stop_later(image):
        calls.append(1)
        if len(calls) > 5:
            raise KeyboardInterrupt
        return encode(image)

    calls, encode = [], jpeg_export.encode
    monkeypatch.setattr(jpeg_export, "encode", stop_later)
    with pytest.raises(KeyboardInterrupt):
        export_slices(data, "sub-001")
    assert list((data.folder / "slices").iterdir()) == []
    monkeypatch.setattr(jpeg_export, "encode", encode)
    export_slices(data, "sub-001")
    before = files(data)
    calls.clear()
    monkeypatch.setattr(jpeg_export, "encode", stop_later)
    with pytest.raises(KeyboardInterrupt):
        export_slices(data, "sub-001")
    assert files(data) == before
    assert [path.name for path in (data.folder / "slices").iterdir()] == ["sub-001"]


@pytest.mark.parametrize("kind", ["mri", "pet"])
def test_missing_and_damaged_arrays_are_refused(data, kind):
    path = array_path(data.folder, "sub-001", kind)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match=rf"sub-001_{kind}\.npy: damaged"):
        export_slices(data, "sub-001")
    path.unlink()
    with pytest.raises(InputError, match=rf"sub-001_{kind}\.npy: no such file"):
        export_slices(data, "sub-001")
    assert not (data.folder / "slices" / "sub-001").exists()


def test_an_unknown_subject_is_refused(data):
    with pytest.raises(InputError, match="no subject sub-099"):
        export_slices(data, "sub-099")
