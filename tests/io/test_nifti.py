"""Reading brings every image to RAS+ or says in one line why not; writing keeps its place."""

import gzip
import itertools

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io import nifti
from petsynth.io.nifti import read_grid, read_volume, write_on_grid_of, write_volume
from petsynth.volume import Volume

AFFINE = np.array([[2.0, 0, 0, -7], [0, 3.0, 0, 11], [0, 0, 4.0, -13], [0, 0, 0, 1]])
AXIS_ORDERS = [
    "".join(letters)
    for order in itertools.permutations(["LR", "PA", "IS"])
    for letters in itertools.product(*order)
]


def lopsided(shape=(3, 4, 5)) -> np.ndarray:
    """Return an image in which every voxel differs from every other."""
    return np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)


def reoriented(image: nib.Nifti1Image, axis_codes: str) -> nib.Nifti1Image:
    """Return the same image in space with other axes on disk."""
    change = ornt_transform(io_orientation(image.affine), axcodes2ornt(axis_codes))
    return image.as_reoriented(change)


def save(image, path):
    nib.save(image, path)
    return path


def test_there_are_48_axis_orders():
    assert len(set(AXIS_ORDERS)) == 48


@pytest.mark.parametrize("axis_codes", AXIS_ORDERS)
def test_48_axis_orders_read_the_same(tmp_path, axis_codes):
    image = reoriented(nib.Nifti1Image(lopsided(), AFFINE), axis_codes)
    assert "".join(nib.aff2axcodes(image.affine)) == axis_codes
    volume = read_volume(save(image, tmp_path / "x.nii.gz"))
    np.testing.assert_array_equal(volume.data, lopsided())
    np.testing.assert_allclose(volume.affine, AFFINE)


@pytest.mark.parametrize("axis_codes", AXIS_ORDERS)
def test_48_axis_orders_are_written_back_in_place(tmp_path, axis_codes):
    image = reoriented(nib.Nifti1Image(lopsided(), AFFINE), axis_codes)
    path = save(image, tmp_path / "x.nii.gz")
    grid = read_grid(path)
    assert grid.shape == image.shape
    write_on_grid_of(tmp_path / "y.nii.gz", [2 * np.asarray(image.dataobj)], path)
    volume = read_volume(tmp_path / "y.nii.gz")
    np.testing.assert_array_equal(volume.data, 2 * lopsided())
    np.testing.assert_array_equal(nib.load(tmp_path / "y.nii.gz").affine, image.affine)


@pytest.mark.parametrize("version", [nib.Nifti1Image, nib.Nifti2Image])
def test_round_trip(tmp_path, version):
    save(version(lopsided(), AFFINE), tmp_path / "x.nii")
    volume = read_volume(tmp_path / "x.nii", unit="SUVR")
    write_volume(tmp_path / "y.nii.gz", volume, description="made by a test")
    again = nib.load(tmp_path / "y.nii.gz")
    np.testing.assert_array_equal(again.get_fdata(), lopsided())
    np.testing.assert_allclose(again.affine, AFFINE)
    assert int(again.header["sform_code"]) == int(again.header["qform_code"]) == 1
    assert bytes(again.header["descrip"]).rstrip(b"\0") == b"made by a test"
    assert volume.unit == "SUVR"


def test_one_frame_is_read_as_static(tmp_path):
    save(nib.Nifti1Image(lopsided()[..., np.newaxis], AFFINE), tmp_path / "x.nii.gz")
    assert read_volume(tmp_path / "x.nii.gz").data.shape == (3, 4, 5)
    assert read_grid(tmp_path / "x.nii.gz").shape == (3, 4, 5)


def test_frames_are_read_where_they_are_allowed(tmp_path):
    frames = np.stack([lopsided(), 2 * lopsided()], axis=-1)
    image = reoriented(nib.Nifti1Image(frames, AFFINE), "ASL")
    save(image, tmp_path / "x.nii.gz")
    volume = read_volume(tmp_path / "x.nii.gz", frames=True)
    np.testing.assert_array_equal(volume.data, frames)
    with pytest.raises(InputError, match=r"4 axes \(4, 5, 3, 2\), needed are 3 axes"):
        read_volume(tmp_path / "x.nii.gz")


def _array(data):
    return lambda path: save(nib.Nifti1Image(data, AFFINE), path)


UNCOMPRESSED = nib.Nifti1Image(np.ones((3, 3, 3), np.float32), AFFINE).to_bytes()


def _with_one(value):
    return _with_one_of(np.float32, value)


def _with_one_of(dtype, value):
    data = lopsided().astype(dtype)
    data[1, 1, 1] = value
    return _array(data)


def _singular(path):
    image = nib.Nifti1Image(lopsided(), AFFINE)
    image.header.set_sform(np.diag([1.0, 0, 1, 1]), code=1)
    content = bytearray(image.to_bytes())
    content[280:328] = np.diag([1.0, 0, 1, 1]).astype("<f4")[:3].tobytes()
    path.write_bytes(gzip.compress(bytes(content)))


def _truncated(path):
    noise = np.random.default_rng(0).random((30, 30, 30), dtype=np.float32)
    whole = save(nib.Nifti1Image(noise, AFFINE), path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _flipped_bits(path):
    noise = np.random.default_rng(0).random((30, 30, 30), dtype=np.float32)
    content = bytearray(save(nib.Nifti1Image(noise, AFFINE), path).read_bytes())
    content[-40:-20] = bytes(20)
    path.write_bytes(content)


BAD_INPUTS = {
    "missing": (lambda path: None, "no such file"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read as NIfTI"),
    "text": (lambda path: path.write_text("hello"), "cannot be read as NIfTI"),
    "zipped text": (lambda path: path.write_bytes(gzip.compress(b"hello")), "cannot be read"),
    "truncated": (_truncated, "truncated or damaged"),
    "flipped bits": (_flipped_bits, "truncated or damaged"),
    "1D": (_array(np.ones(7, np.float32)), "1 axes"),
    "2D": (_array(np.ones((4, 4), np.float32)), "2 axes"),
    "one slice": (_array(np.ones((4, 4, 1), np.float32)), "single slice"),
    "5D": (_array(np.ones((3, 3, 3, 2, 2), np.float32)), "5 axes"),
    "NaN": (_with_one(np.nan), "1 voxels are NaN or infinite"),
    "infinite": (_with_one(-np.inf), "1 voxels are NaN or infinite"),
    "beyond float32": (_with_one_of(np.float64, 1e300), "too large for float32"),
    "zero": (_array(np.zeros((3, 3, 3), np.int16)), "zero everywhere"),
    "complex": (_array(np.ones((3, 3, 3), np.complex64)), "voxels are complex64"),
    "singular affine": (_singular, "affine is singular"),
    "not compressed": (lambda path: path.write_bytes(UNCOMPRESSED), "rename it to sub-01_T1w.nii$"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_is_named_in_one_line(tmp_path, case):
    make, message = BAD_INPUTS[case]
    path = tmp_path / "sub-01_T1w.nii.gz"
    make(path)
    with pytest.raises(InputError, match=message) as caught:
        read_volume(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_compressed_file_without_the_ending_is_named(tmp_path):
    path = tmp_path / "x.nii"
    path.write_bytes(gzip.compress(UNCOMPRESSED))
    with pytest.raises(InputError, match=r"gzip-compressed; rename it to x\.nii\.gz"):
        read_volume(path)


def test_other_formats_are_refused_by_name(tmp_path):
    path = save(nib.MGHImage(lopsided(), AFFINE), tmp_path / "orig.mgz")
    with pytest.raises(InputError, match=r"not a NIfTI file .*dcm2niix"):
        read_volume(path)


def without_forms(tmp_path):
    image = nib.Nifti1Image(lopsided(), None)
    image.header.set_zooms((2, 3, 4))
    return save(image, tmp_path / "x.nii.gz")


def test_no_sform_and_no_qform_warns_and_says_what_was_assumed(tmp_path):
    path = without_forms(tmp_path)
    with pytest.warns(PetsynthWarning, match=r"neither sform nor qform .*\(LAS\).*middle"):
        volume = read_volume(path)
    # LAS: the first axis is flipped on the way to RAS+; voxel (1, 1.5, 2) is at the origin.
    np.testing.assert_array_equal(volume.data, lopsided()[::-1])
    np.testing.assert_allclose(volume.grid.centre_mm, 0)
    assert volume.grid.voxel_mm == (2, 3, 4)


def test_no_forms_in_the_reference_none_in_the_result(tmp_path):
    path = without_forms(tmp_path)
    write_on_grid_of(tmp_path / "y.nii.gz", [lopsided()], path)
    header = nib.load(tmp_path / "y.nii.gz").header
    assert int(header["sform_code"]) == int(header["qform_code"]) == 0
    assert header.get_zooms() == (2, 3, 4)


def test_reference_header_is_copied_where_it_says_where_and_nowhere_else(tmp_path):
    image = nib.Nifti1Image(lopsided().astype(np.int16), AFFINE)
    image.set_sform(AFFINE, code=4)
    image.set_qform(AFFINE, code=1)
    image.header.set_slope_inter(2.0, 1.0)
    image.header["cal_max"] = 7
    image.header["descrip"] = b"Jane Doe"
    path = save(image, tmp_path / "x.nii.gz")
    write_on_grid_of(tmp_path / "y.nii.gz", [lopsided() / 7], path, description="synthetic " * 20)
    result = nib.load(tmp_path / "y.nii.gz")
    np.testing.assert_array_equal(result.get_fdata(dtype=np.float32), lopsided() / 7)
    assert int(result.header["sform_code"]) == 4
    assert int(result.header["qform_code"]) == 1
    assert result.header["cal_max"] == 0
    assert bytes(result.header["descrip"]).startswith(b"synthetic synthetic")


def test_wrong_shape_for_the_reference(tmp_path):
    path = save(nib.Nifti1Image(lopsided(), AFFINE), tmp_path / "x.nii.gz")
    shape = lopsided().shape
    with pytest.raises(ValueError, match="slab"):
        write_on_grid_of(tmp_path / "y.nii.gz", [lopsided((5, 4, 3))], path)
    for slabs in ([], [lopsided((*shape[:2], shape[2] - 1))], [lopsided(), lopsided()]):
        with pytest.raises(ValueError, match="planes"):
            write_on_grid_of(tmp_path / "y.nii.gz", slabs, path)
    assert [each.name for each in tmp_path.iterdir()] == ["x.nii.gz"]


def test_slabs_and_frames_are_written_as_one_array_would_be(tmp_path):
    path = save(nib.Nifti1Image(lopsided(), AFFINE), tmp_path / "x.nii.gz")
    frames = [lopsided(), 2 * lopsided()]
    slabs = [part for each in frames for part in np.split(each, [1, 2], axis=2)]
    write_on_grid_of(tmp_path / "y.nii.gz", slabs, path, frames=2)
    write_on_grid_of(tmp_path / "again.nii.gz", frames, path, frames=2)
    result = nib.load(tmp_path / "y.nii.gz")
    np.testing.assert_array_equal(result.get_fdata(), np.stack(frames, axis=3))
    assert result.dataobj.offset == 352
    assert (tmp_path / "y.nii.gz").read_bytes() == (tmp_path / "again.nii.gz").read_bytes()


def test_sheared_affine_is_kept_in_the_sform(tmp_path):
    sheared = AFFINE.copy()
    sheared[0, 1] = 0.4
    write_volume(tmp_path / "x.nii.gz", Volume(lopsided(), sheared))
    np.testing.assert_allclose(read_volume(tmp_path / "x.nii.gz").affine, sheared, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_what_is_not_finite_is_never_written(tmp_path, value):
    data = np.zeros((4, 4, 4))
    data[1, 2, 3] = value
    write_volume(tmp_path / "t1.nii", Volume(np.ones((4, 4, 4)), np.eye(4)))
    path = tmp_path / "pet.nii.gz"
    with np.errstate(over="ignore"):
        with pytest.raises(InputError, match="1 voxels would be NaN or infinite; not written"):
            write_volume(path, Volume(data, np.eye(4)))
        with pytest.raises(InputError, match="1 voxels would be NaN or infinite; not written"):
            write_on_grid_of(path, [data], tmp_path / "t1.nii")
    assert [each.name for each in tmp_path.iterdir()] == ["t1.nii"]


@pytest.mark.parametrize("name", ["image.nii", "image.nii.gz"])
@pytest.mark.parametrize("orientation", ["RAS", "LAS", "PSR", "AIL"])
def test_slab_by_slab_is_what_nibabel_reads_at_once(name, orientation, tmp_path, monkeypatch):
    """Scaled integers, four axes; flipped and swapped axes."""
    monkeypatch.setattr(nifti, "_SLAB_VOXELS", 60)
    data = np.random.default_rng(0).integers(0, 1000, (5, 6, 7, 3)).astype(np.int16)
    codes = nib.orientations.axcodes2ornt(tuple(orientation))
    affine = nib.orientations.inv_ornt_aff(codes, data.shape[:3]) @ np.diag([1, 2, 3, 1.0])
    image = nib.Nifti1Image(data, affine)
    image.header.set_slope_inter(0.37, -3.1)
    nib.save(image, tmp_path / name)
    expected = nib.as_closest_canonical(nib.load(tmp_path / name))
    found = read_volume(tmp_path / name, frames=True)
    np.testing.assert_array_equal(found.data, expected.get_fdata().astype(np.float32))
    np.testing.assert_allclose(found.affine, expected.affine)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_the_same_voxels_give_the_same_bytes_at_any_time_in_any_folder(tmp_path, ending):
    data = np.random.default_rng(0).random((9, 8, 7), dtype=np.float32)
    paths = [tmp_path / f"{name}{ending}" for name in ("one", "other")]
    for path in paths:
        write_volume(path, Volume(data, np.eye(4), "SUVR"))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    if ending == ".nii.gz":
        assert paths[0].read_bytes()[4:8] == bytes(4)  # gzip's field of the time
    np.testing.assert_array_equal(nib.load(paths[0]).get_fdata(dtype=np.float32), data)


def test_a_compressed_image_is_decompressed_once(tmp_path, monkeypatch):
    """Its checksum is checked all the same: see the tests of damaged files."""
    path = tmp_path / "image.nii.gz"
    nib.save(nib.Nifti1Image(np.random.default_rng(0).random((40, 40, 40)), np.eye(4)), path)
    read = []
    whole = gzip.GzipFile.read

    def counted(file, size=-1):
        content = whole(file, size)
        read.append(len(content))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    read_volume(path)
    size = 40**3 * 8
    assert size < sum(read) < 1.1 * size
