"""What a header may say, what is put right, and what is refused before anything is read."""

import gzip
import os
import resource
import struct
import warnings

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.nifti import read_grid, read_shape, read_volume, write_on_grid_of
from petsynth.io.nifti_header import read_header

AFFINE = np.array([[0, -2.0, 0, 9], [2.0, 0, 0, -7], [0, 0, 3.0, -5], [0, 0, 0, 1]])
DATA = np.arange(1, 61, dtype=np.float32).reshape(3, 4, 5)


def good() -> bytearray:
    image = nib.Nifti1Image(DATA, AFFINE)
    image.set_qform(AFFINE, code=1)
    return bytearray(image.to_bytes())


def changed(*changes) -> bytes:
    """Return a good file with fields of its header overwritten: (offset, format, values...)."""
    content = good()
    for offset, form, *values in changes:
        struct.pack_into(form, content, offset, *values)
    return bytes(content)


REFUSED = {
    "data type 0": (changed((70, "<h", 0)), "data type 0"),
    "data type 26996": (changed((70, "<h", 26996)), "unknown data type 26996"),
    "float128": (changed((70, "<h", 1536)), "needed is one real number"),
    "complex": (changed((70, "<h", 32)), "voxels are complex64"),
    "colours": (changed((70, "<h", 128)), "needed is one real number"),
    "offset -1": (changed((108, "<f", -1.0)), "byte -1"),
    "offset 0": (changed((108, "<f", 0.0)), "byte 0"),
    "offset 352.5": (changed((108, "<f", 352.5)), r"byte 352\.5"),
    "offset 1e9": (changed((108, "<f", 1e9)), r"byte 1e\+09"),
    "offset inf": (changed((108, "<f", np.inf)), "byte inf"),
    "offset NaN": (changed((108, "<f", np.nan)), "byte nan"),
    "intercept NaN": (changed((112, "<2f", 1.0, np.nan)), "shifted by nan"),
    "intercept -inf": (changed((112, "<2f", 1.0, -np.inf)), "shifted by -inf"),
    "slope inf": (changed((112, "<2f", np.inf, 0.0)), "scaled by inf"),
    "terabytes": (
        changed((40, "<8h", 3, 32767, 32767, 32767, 1, 1, 1, 1)),
        "32767 x 32767 x 32767 voxels, at most 1024 along an axis",
    ),
    "a billion": (changed((40, "<4h", 3, 1000, 1000, 1000)), "at most 512 million per frame"),
    "many frames": (changed((40, "<5h", 4, 400, 400, 400, 1000)), "2000 million in all"),
    "negative size": (changed((40, "<4h", 3, -4, 5, 6)), "says -4 x 5 x 6 voxels"),
    "no axes": (changed((40, "<h", 0)), "says 0 axes"),
    "99 axes": (changed((40, "<h", 99)), "says 99 axes"),
    "more than the file has": (changed((40, "<4h", 3, 64, 64, 64)), "shorter than its header"),
    "absurd sform": (changed((252, "<2h", 0, 1), (280, "<f", -1e30)), "affine is singular"),
    "sform NaN": (changed((252, "<2h", 0, 1), (280, "<f", np.nan)), "affine is singular"),
    "voxels of 5 m": (changed((252, "<2h", 0, 1), (280, "<f", 5000.0)), "not in millimetres"),
    "singular sform": (changed((296, "<4f", 0, 0, 0, 0)), "affine is singular"),
    "two files": (changed((344, "<4s", b"ni1")), "its voxels are in another file"),
    "no magic number": (changed((344, "<4s", b"")), "no magic number"),
    "half a header": (bytes(good()[:200]), "does not begin with a header"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_what_a_header_cannot_say_is_refused_in_one_line(tmp_path, content, message, ending):
    path = tmp_path / f"x{ending}"
    path.write_bytes(gzip.compress(content) if ending == ".nii.gz" else content)
    with pytest.raises(InputError, match=message) as refusal:
        read_volume(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def read(tmp_path, content):
    path = tmp_path / "x.nii"
    path.write_bytes(content)
    return path, read_volume(path)


def test_a_quaternion_longer_than_1_by_rounding_is_one_of_length_1(tmp_path):
    # Half a turn around (0, 1, 1): x to -x, y to z, z to y.
    turn = ((252, "<2h", 1, 0), (256, "<3f", 0.0, 0.70710725, 0.70710725))
    path, volume = read(tmp_path, changed(*turn, (76, "<4f", 1, 2, 2, 2)))
    expected = np.array([[-2, 0, 0], [0, 0, 2], [0, 2, 0]])
    np.testing.assert_allclose(read_grid(path).affine[:3, :3], expected, atol=1e-4)
    np.testing.assert_array_equal(volume.data, DATA[::-1].transpose(0, 2, 1))


def test_a_quaternion_much_longer_than_1_is_refused(tmp_path):
    with pytest.raises(InputError, match="affine is singular"):
        read(tmp_path, changed((252, "<2h", 1, 0), (256, "<3f", 0.0, 0.9, 0.9)))


def test_an_sform_of_zeros_leaves_the_qform(tmp_path):
    with pytest.warns(PetsynthWarning, match="its qform is used instead"):
        path, volume = read(tmp_path, changed((252, "<2h", 1, 1), (280, "<12f", *[0.0] * 12)))
    with pytest.warns(PetsynthWarning):
        np.testing.assert_allclose(read_grid(path).affine, AFFINE, atol=1e-5)
    np.testing.assert_array_equal(volume.data, DATA.transpose(1, 0, 2)[::-1])
    with pytest.warns(PetsynthWarning):
        write_on_grid_of(tmp_path / "y.nii", [DATA], path)
    np.testing.assert_allclose(nib.load(tmp_path / "y.nii").affine, AFFINE, atol=1e-5)


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_a_slope_of_zero_scales_nothing(tmp_path, slope):
    _, volume = read(tmp_path, changed((112, "<2f", slope, np.nan)))
    np.testing.assert_array_equal(np.sort(volume.data.ravel()), DATA.ravel())


def test_a_broken_extension_is_not_read(tmp_path):
    content = good()
    content[348] = 1
    whole = content[:352] + struct.pack("<2i", 2**31 - 1, 99) + bytes(8) + content[352:]
    struct.pack_into("<f", whole, 108, 368.0)
    _, volume = read(tmp_path, bytes(whole))
    np.testing.assert_array_equal(np.sort(volume.data.ravel()), DATA.ravel())


@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Header, nib.Nifti2Header])
def test_both_versions_and_byte_orders(tmp_path, kind, endianness):
    header = kind(endianness=endianness)
    header.set_data_shape(DATA.shape)
    header.set_data_dtype(np.int16)
    header.set_sform(AFFINE, code=2)
    header["vox_offset"] = header.single_vox_offset
    header["magic"] = header.single_magic
    body = DATA.astype(f"{endianness}i2").tobytes(order="F")
    path, volume = read(tmp_path, header.binaryblock + bytes(4) + body)
    np.testing.assert_array_equal(volume.data, DATA.transpose(1, 0, 2)[::-1])
    assert read_shape(path) == DATA.shape


def test_a_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "x.nii")
    with pytest.raises(InputError, match=r"x\.nii: is a named pipe"):
        read_header(tmp_path / "x.nii")


def test_a_small_file_cannot_fill_the_memory(tmp_path):
    path = tmp_path / "x.nii.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(changed((40, "<4h", 3, 700, 700, 700), (70, "<2h", 2, 8)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="shorter than its header says"):
        read_volume(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10
    with gzip.open(path, "wb", 1) as file:
        file.write(bytes(good()))
        file.write(bytes(8 << 20))
    with pytest.raises(InputError, match="longer than its header says"):
        read_volume(path)


def test_nan_counts_as_told(tmp_path):
    holes = DATA.copy()
    holes[0, :, 0] = np.nan
    nib.save(nib.Nifti1Image(holes, np.diag([2.0, 2, 2, 1])), tmp_path / "x.nii")
    with pytest.raises(InputError, match="4 voxels are NaN or infinite"):
        read_volume(tmp_path / "x.nii")
    with pytest.warns(PetsynthWarning, match=r"x\.nii: 4 of 60 voxels are NaN; they count as 0"):
        zeros = read_volume(tmp_path / "x.nii", gaps="zero").data
    np.testing.assert_array_equal(zeros, np.nan_to_num(holes))
    np.testing.assert_array_equal(read_volume(tmp_path / "x.nii", gaps="keep").data, holes)


FUZZ = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@st.composite
def damaged(draw):
    """Return a good file with bytes of its header overwritten, or cut off."""
    content = good()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, 351))
        content[start : start + 4] = draw(st.binary(min_size=4, max_size=4))
    return bytes(content[: draw(st.sampled_from([len(content), 348, 351, 400]))])


@settings(FUZZ, max_examples=200)
@given(content=damaged(), zipped=st.booleans())
def test_whatever_the_header_there_is_an_image_or_one_line(tmp_path, content, zipped):
    path = tmp_path / ("x.nii.gz" if zipped else "x.nii")
    path.write_bytes(gzip.compress(content, 1) if zipped else content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PetsynthWarning)
        message = refusal_of(path)
    assert message is None or message.startswith(f"{path}: ")
    assert message is None or len(message.splitlines()) == 1


def refusal_of(path):
    try:
        volume = read_volume(path, frames=True)
    except InputError as error:
        return str(error)
    assert np.isfinite(volume.data).all()
    assert volume.data.size <= 512
    return None
