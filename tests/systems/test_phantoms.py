"""The phantoms are prepared data whose PET a network can learn from their T1."""

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData
from petsynth.preprocessing.grids import conformed_grid, pet_grid
from petsynth.systems.phantoms import write_phantoms


def test_parts_have_the_wanted_subjects_of_both_diagnoses(tmp_path):
    data = PreparedData(write_phantoms(tmp_path, {"train": 2, "validation": 1, "test": 1}))
    assert data.participants("train") == ["sub-001", "sub-002"]
    assert data.participants("validation") == ["sub-003"]
    assert [data.diagnosis(name) for name in data.participants()] == ["CN", "AD", "CN", "AD"]
    assert data.simulated
    assert data.t1_grid is None


@pytest.mark.parametrize("frames", [1, 2])
def test_the_t1_tells_grey_from_white_matter_and_left_from_right(tmp_path, frames):
    data = PreparedData(write_phantoms(tmp_path, {"train": 1}, frames=frames))
    mri, mask = np.asarray(data.mri("sub-001")), np.asarray(data.mask("sub-001"))
    pet, noise_free = np.asarray(data.pet("sub-001")), np.asarray(data.noise_free("sub-001"))
    assert pet.shape == data.grid.shape + ((frames,) if frames > 1 else ())
    assert (mri[~mask] <= -0.9 + 1e-6).all()
    assert np.corrcoef(data.static_pet("sub-001")[mask], noise_free[mask])[0, 1] > 0.95
    white = mask & (mri > 0.7)
    assert noise_free[white].mean() < 0.7 < 1.3 < noise_free[mask & ~white].mean()
    assert not np.allclose(mri, mri[::-1])


def test_for_paper_b_there_is_a_t1_on_its_cube(tmp_path):
    folder = write_phantoms(tmp_path, {"train": 1}, frames=2, voxel_mm=13.0, is_conformed=True)
    data = PreparedData(folder)
    assert data.grid.matches(pet_grid(13.0))
    assert data.t1_grid.matches(conformed_grid(13.0))
    t1 = np.asarray(data.t1("sub-001"))
    assert t1.shape == (39, 39, 39)
    assert t1.min() == 0
    assert 200 < t1.max() <= 255


def test_the_seed_decides_sizes_levels_and_noise(tmp_path):
    one, again, other = (
        PreparedData(write_phantoms(tmp_path / name, {"train": 1}, seed=seed)).pet("sub-001")
        for name, seed in (("one", 0), ("again", 0), ("other", 1))
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
