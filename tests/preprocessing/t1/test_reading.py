"""T1s whose air is not 0 or fills most of the image read as if it were otherwise."""

import nibabel as nib
import numpy as np
import pytest

from petsynth.errors import InputError, PetsynthWarning
from petsynth.preprocessing.t1.reading import read_t1
from petsynth.volume import Volume

AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])


def head() -> np.ndarray:
    """Return a block of different values in air that is a little noisy, (10, 11, 12)."""
    data = np.random.default_rng(0).integers(0, 9, (10, 11, 12)).astype(np.float32)
    data[2:-2, 2:-2, 2:-2] += np.arange(100, 436).reshape(6, 7, 8)
    return data


def save(path, data, affine=AFFINE):
    nib.save(nib.Nifti1Image(np.asarray(data, np.float32), affine), path)
    return path


def test_an_ordinary_t1_is_read_as_it_is(tmp_path):
    np.testing.assert_array_equal(read_t1(save(tmp_path / "x.nii", head())).data, head())


@pytest.mark.parametrize("intercept", [-1024, -50.5])
def test_air_below_zero_becomes_zero(tmp_path, intercept):
    path = save(tmp_path / "x.nii", head() - head().min() + intercept)
    with pytest.warns(PetsynthWarning, match=rf"x\.nii: air is {intercept}, not 0"):
        t1 = read_t1(path)
    np.testing.assert_allclose(t1.data, head() - head().min(), atol=1e-3)


def test_a_few_values_below_zero_inside_a_stripped_brain_stay(tmp_path):
    data = np.zeros((10, 11, 12), np.float32)
    data[2:-2, 2:-2, 2:-2] = head()[2:-2, 2:-2, 2:-2]
    data[5, 5, 5] = -20
    np.testing.assert_array_equal(read_t1(save(tmp_path / "x.nii", data)).data, data)


def test_nan_outside_the_head_is_zero(tmp_path):
    data = head()
    data[:, :, -2:] = np.nan
    with pytest.warns(PetsynthWarning, match="220 of 1320 voxels are NaN; they count as 0"):
        t1 = read_t1(save(tmp_path / "x.nii", data))
    np.testing.assert_array_equal(t1.data, np.nan_to_num(data))


def test_nothing_but_nan_is_refused(tmp_path):
    with pytest.raises(InputError, match="NaN or infinite"):
        read_t1(save(tmp_path / "x.nii", np.full((4, 4, 4), np.nan)))


def value_at(volume: Volume, world) -> float:
    index = np.linalg.inv(volume.affine) @ [*world, 1]
    return float(volume.data[tuple(index[:3].round().astype(int))])


def test_a_wide_field_of_view_is_cut_and_the_head_stays_where_it_is(tmp_path):
    inner = np.maximum(head(), 1)
    wide = np.zeros((52, 40, 40), np.float32)
    wide[30:40, 5:16, 20:32] = inner
    affine = AFFINE.copy()
    affine[:3, 3] = (-250, -30, 7)
    t1 = read_t1(save(tmp_path / "x.nii", wide, affine))
    assert t1.data.shape == (12, 13, 14)  # 10 mm of margin at each side
    for index in ((30, 5, 20), (33, 9, 25), (39, 15, 31)):
        assert value_at(t1, (affine @ [*index, 1])[:3]) == wide[index]
    narrow = wide[:30]
    narrow[3:9] = 1
    assert read_t1(save(tmp_path / "y.nii", narrow[:, :30, :30])).data.shape == (30, 30, 30)
