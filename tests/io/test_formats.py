"""One NIfTI of every format that people have, with the same voxels at the same places."""

import warnings

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io import formats
from petsynth.io.formats import as_nifti, save_image
from petsynth.io.nifti import read_volume

AFFINE = np.array([[0, 0, 2, -3], [-1.5, 0, 0, 9], [0, 1, 0, 4], [0, 0, 0, 1.0]])
DATA = np.arange(1, 61, dtype=np.float32).reshape(3, 4, 5)


@pytest.fixture
def nifti(tmp_path):
    path = tmp_path / "sub-01_T1w.nii.gz"
    nib.save(nib.Nifti1Image(DATA, AFFINE), path)
    return path


def write(kind, nifti, folder):
    """Return a file of another format with the same image."""
    path = folder / f"sub-01_T1w{kind}"
    if kind == ".mgz":
        nib.save(nib.MGHImage(DATA, AFFINE), path)
    elif kind in (".hdr", ".img"):
        nib.save(nib.Nifti1Pair(DATA, AFFINE), path)
    else:
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(nifti)), str(path))
    return path


@pytest.mark.parametrize("kind", [".mgz", ".hdr", ".img", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_other_formats_become_the_same_nifti(kind, nifti, tmp_path):
    (tmp_path / "other").mkdir()
    other = write(kind, nifti, tmp_path / "other")
    (tmp_path / "made").mkdir()
    made = as_nifti(other, tmp_path / "made")
    assert made.name == "sub-01_T1w.nii"
    expected, found = read_volume(nifti), read_volume(made)
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-5)


def test_a_nifti_stays_what_it_is(nifti, tmp_path):
    assert as_nifti(nifti, tmp_path / "nowhere") == nifti


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64, np.float16, np.float64, np.int16])
def test_images_in_memory(dtype, tmp_path):
    values = (DATA > 30).astype(dtype)
    for image in ((values, AFFINE), nib.Nifti1Image(values.astype(np.float32), AFFINE)):
        made = nib.load(as_nifti(image, tmp_path, name="T1"))
        np.testing.assert_array_equal(made.get_fdata(), DATA > 30)
        np.testing.assert_allclose(made.affine, AFFINE)


def test_one_volume_of_several_is_chosen(tmp_path):
    path = tmp_path / "t1.nii.gz"
    nib.save(nib.Nifti1Image(np.stack([DATA, DATA + 100], axis=-1), AFFINE), path)
    with pytest.raises(
        InputError, match=r"holds 2 volumes \(3 x 4 x 5 x 2\); .* --volume 0 \(to 1"
    ):
        as_nifti(path, tmp_path)
    with pytest.raises(InputError, match="has no volume 2; there are 0 to 1"):
        as_nifti(path, tmp_path, volume=2)
    np.testing.assert_array_equal(nib.load(as_nifti(path, tmp_path, volume=1)).dataobj, DATA + 100)


def test_one_volume_along_a_fourth_axis_is_read_as_it_is(tmp_path):
    path = tmp_path / "t1.nii.gz"
    nib.save(nib.Nifti1Image(DATA[..., None], AFFINE), path)
    assert as_nifti(path, tmp_path) == path


def test_all_volumes_of_an_image_in_memory_are_saved(tmp_path):
    series = np.stack([DATA, DATA], axis=-1)
    assert nib.load(save_image((series, AFFINE), tmp_path, "pet")).shape == (3, 4, 5, 2)


def test_analyze_does_not_say_which_side_is_left(tmp_path):
    nib.save(nib.AnalyzeImage(DATA, np.diag([-1.0, 1, 1, 1])), tmp_path / "old.img")
    with pytest.warns(PetsynthWarning, match="do not say which side is left"):
        as_nifti(tmp_path / "old.hdr", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("IM0001", bytes(128) + b"DICM" + bytes(9), "holds no DICOM image|DICOM needs pydicom"),
        ("scan.dcm", b"x", "holds no DICOM image|DICOM needs pydicom"),
        ("scan.jpg", b"x", "not a format that is read; convert it to NIfTI"),
        ("scan.mgz", b"x", "cannot be read"),
        ("scan.nrrd", b"x", "cannot be read"),
        ("scan.nii", b"x", "cannot be read as NIfTI"),
    ],
)
def test_all_else_is_one_line(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    warnings.simplefilter("ignore")  # one of them names the file, the error its folder
    with pytest.raises(InputError, match=message) as refusal:
        as_nifti(tmp_path / name, tmp_path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("image", [DATA, (DATA,), (DATA, np.eye(3)), 7])
def test_what_is_no_image(image, tmp_path):
    with pytest.raises(InputError, match=r"T1: (is no file|its affine is no 4 x 4)"):
        as_nifti(image, tmp_path, name="T1")
    with pytest.raises(InputError, match="nowhere"):
        as_nifti(tmp_path / "nowhere.mgz", tmp_path)
    with pytest.raises(InputError, match="is a folder"):
        as_nifti(tmp_path, tmp_path)


unclosed = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
"""nibabel leaves a file open whose header it refuses."""


@unclosed
@pytest.mark.parametrize("kind", [".mgz", ".hdr", ".nrrd", ".mha"])
@pytest.mark.parametrize("left", [0.0, 0.1, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_one_line(kind, left, nifti, tmp_path):
    path = write(kind, nifti, tmp_path)
    cut = path.with_suffix(".img") if kind == ".hdr" and left == 0.5 else path
    content = cut.read_bytes()
    cut.write_bytes(content[: int(left * len(content))])
    (tmp_path / "made").mkdir()
    with pytest.raises(InputError, match=r"sub-01_T1w\.\w+: ") as refusal:
        as_nifti(path, tmp_path / "made")
    assert "\n" not in str(refusal.value)


def test_headers_of_terabytes_take_no_memory(tmp_path):
    """Sizes are checked before anything is allocated."""
    nrrd = "NRRD0004\nendian: little\ntype: float\ndimension: 3\nsizes: 60000 60000 60000\n"
    (tmp_path / "x.nrrd").write_text(nrrd + "encoding: raw\n\n")
    mha = "ObjectType = Image\nNDims = 3\nDimSize = 60000 60000 60000\nElementType = MET_FLOAT\n"
    (tmp_path / "x.mha").write_text(mha + "ElementDataFile = LOCAL\n")
    for name in ("x.nrrd", "x.mha"):
        with pytest.raises(InputError, match=rf"{name}: header says 60000 x 60000 x 60000 voxels"):
            as_nifti(tmp_path / name, tmp_path)


@unclosed
def test_freesurfers_header_of_terabytes(tmp_path):
    content = bytearray(nib.MGHImage(DATA, AFFINE).to_bytes())
    content[4:16] = np.array([60000] * 3, ">i4").tobytes()
    (tmp_path / "x.mgh").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.mgh: (header says 60000 x|cannot be read)"):
        as_nifti(tmp_path / "x.mgh", tmp_path)


@unclosed
def test_a_place_that_is_none_is_one_line(tmp_path):
    content = bytearray(nib.MGHImage(DATA, AFFINE).to_bytes())
    content[30:34] = np.array(np.nan, ">f4").tobytes()  # the first edge length
    (tmp_path / "x.mgh").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.mgh: (affine is singular|.* cannot be read)"):
        as_nifti(tmp_path / "x.mgh", tmp_path)


def test_a_reader_that_crashes_ends_in_one_line(nifti, tmp_path, monkeypatch):
    path = write(".nrrd", nifti, tmp_path)
    monkeypatch.setattr(formats, "_SIZE", "import os; os.abort()")
    with pytest.raises(InputError, match=r"sub-01_T1w\.nrrd: cannot be read \(its reader crashed"):
        as_nifti(path, tmp_path)
