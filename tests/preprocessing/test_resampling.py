"""Resampling by hand-computed values, and orientation in all 48 axis orders."""

import itertools

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from petsynth import execution
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.resampling import (
    antialias_sigmas,
    bin_voxels,
    covered_mean,
    resample,
    resample_mask,
)
from petsynth.volume import Grid, Volume

ORDERS = [
    np.column_stack([order, flips])
    for order in itertools.permutations(range(3))
    for flips in itertools.product((1, -1), repeat=3)
]


def test_resampling_onto_the_own_grid_changes_nothing():
    data = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
    volume = Volume(data, np.diag([2.0, 3.0, 4.0, 1.0]), "SUVR")
    again = resample(volume, volume.grid)
    np.testing.assert_allclose(again.data, data, atol=1e-6)
    assert again.unit == "SUVR"


def test_linear_interpolation_half_way():
    data = np.arange(4, dtype=np.float32).reshape(4, 1, 1) * np.ones((4, 3, 3), np.float32)
    volume = Volume(data, np.eye(4))
    shifted = np.eye(4)
    shifted[0, 3] = 0.5
    result = resample(volume, volume.grid, shifted)
    assert result.data[:3, 1, 1].tolist() == [0.5, 1.5, 2.5]
    assert result.data[3, 1, 1] == 0  # outside


def test_transform_maps_the_grids_world_to_the_images_world():
    data = np.zeros((9, 9, 9), np.float32)
    data[6, 4, 4] = 1
    volume = Volume(data, np.eye(4))
    quarter_rotation = np.array([[0, -1, 0, 8], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    result = resample(volume, volume.grid, quarter_rotation)
    assert np.argwhere(result.data > 0.5).tolist() == [[4, 2, 4]]


def test_a_coarser_grid_averages_what_lies_between_its_voxels():
    stripes = np.zeros((24, 8, 8), np.float32)
    stripes[::2] = 1  # every other plane: picking planes would give all 1
    coarse = Grid((12, 4, 4), np.diag([2.0, 2.0, 2.0, 1.0]))
    middle = resample(Volume(stripes, np.eye(4)), coarse).data[3:-3, 2, 2]
    np.testing.assert_allclose(middle, 0.5, atol=0.15)


def test_antialiasing_goes_by_the_images_own_axes():
    swapped = np.array([[0, 0, 3, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    sigma = np.sqrt(3**2 - 1) / (2 * np.sqrt(2 * np.log(2)))
    np.testing.assert_allclose(antialias_sigmas(swapped), [sigma, 0, 0])


def test_labels_are_never_mixed():
    labels = np.zeros((20, 20, 20), np.float32)
    labels[:10] = 46
    coarse = Grid((6, 6, 6), np.diag([3.0, 3.0, 3.0, 1.0]))
    assert set(np.unique(resample(Volume(labels, np.eye(4)), coarse, order=0).data)) == {0, 46}


def test_frames_are_resampled_one_by_one():
    frames = np.stack([np.full((4, 4, 4), value, np.float32) for value in (1, 2, 5)], axis=3)
    volume = Volume(frames, np.eye(4))
    result = resample(volume, Grid((2, 2, 2), np.eye(4)))
    assert result.data.shape == (2, 2, 2, 3)
    assert result.data[0, 0, 0].tolist() == [1, 2, 5]


def test_mask_keeps_voxels_that_are_half_inside():
    mask = np.zeros((8, 4, 4), np.float32)
    mask[:4] = 1
    shifted = np.eye(4)
    shifted[0, 3] = 0.4
    volume = Volume(mask, np.eye(4))
    assert resample_mask(volume, volume.grid, shifted)[:, 2, 2].tolist() == [True] * 4 + [False] * 4
    shifted[0, 3] = 0.6
    assert resample_mask(volume, volume.grid, shifted)[:, 2, 2].tolist() == [True] * 3 + [False] * 5


def _phantom() -> tuple[np.ndarray, np.ndarray]:
    """Return an image of 30 x 36 x 27 voxels, 6 x 5 x 7 mm, and its affine.

    Blobs of different sizes and values lie right, in front and on top of the centre.
    """
    affine = np.diag([6.0, 5.0, 7.0, 1.0])
    affine[:3, 3] = [-90, -110, -70]
    voxels = np.indices((30, 36, 27)).reshape(3, -1)
    points = affine[:3, :3] @ voxels + affine[:3, 3:]
    data = np.zeros(points.shape[1], np.float32)
    for centre, radius, value in [
        ((45, -20, 10), 22, 1),
        ((0, 50, 10), 18, 2),
        ((0, -20, 70), 15, 3),
    ]:
        inside = np.linalg.norm(points - np.array(centre)[:, np.newaxis], axis=0) < radius
        data[inside] = value
    return data.reshape(30, 36, 27), affine


def test_all_48_axis_orders(tmp_path):
    data, affine = _phantom()
    grid = model_grid(6)
    expected = resample(Volume(data, affine), grid).data
    for place, value in {(45, -20, 10): 1, (0, 50, 10): 2, (0, -20, 70): 3}.items():
        i, j, k = np.rint(np.linalg.inv(grid.affine) @ [*place, 1])[:3].astype(int)
        assert expected[i, j, k] == pytest.approx(value, abs=0.1)
    assert len(ORDERS) == 48
    for number, order in enumerate(ORDERS):
        stored = nib.Nifti1Image(data, affine).as_reoriented(order)
        path = tmp_path / f"{number}.nii"
        nib.save(stored, path)
        result = resample(read_volume(path), grid)
        np.testing.assert_allclose(result.data, expected, atol=1e-4, err_msg=str(order))


def test_what_is_not_covered_counts_nothing():
    """A constant image of 2.0 with NaN, or cut, is 2.0 wherever it is known."""
    data = np.full((12, 12, 12), 2.0, dtype=np.float32)
    data[:, :, 6:] = np.nan
    data[3, 3, 3] = np.nan
    volume = Volume(data, np.eye(4))
    for voxel_mm, order in ((1.0, 1), (0.7, 1), (3.0, 1), (0.7, 0)):
        grid = Grid((16, 16, 16), np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0]))
        found = resample(volume, grid, order=order, fill=np.nan).data
        known = found[np.isfinite(found)]
        assert known.size
        assert (known == 2.0).all()
        assert covered_mean(found) == (2.0, known.size / found.size)
    np.testing.assert_array_equal(
        np.isfinite(resample(volume, volume.grid, fill=np.nan).data), np.isfinite(data)
    )


def test_nothing_covered_has_no_mean():
    mean, fraction = covered_mean(np.full(3, np.nan))
    assert np.isnan(mean)
    assert fraction == 0


@pytest.mark.parametrize("order", [0, 1, 3])
def test_any_number_of_threads_gives_the_same_as_scipy_at_once(order, monkeypatch):
    rng = np.random.default_rng(4)
    image = Volume(rng.random((37, 41, 35)).astype(np.float32), np.diag([1.0, 1.0, 1.0, 1.0]))
    grid = Grid((40, 20, 19), np.diag([1.7, 1.9, 1.3, 1.0]))
    turn = np.eye(4)
    turn[0] = [0.98013, 0.17007, 0.05003, -3.10017]  # no voxel half-way between two
    turn[1] = [-0.16011, 0.97029, 0.10037, 2.30059]
    turn[2] = [-0.07043, -0.10019, 0.99061, 1.20031]
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(execution, "allowed_threads", lambda n=threads: n)
        found.append(resample(image, grid, turn, order=order).data)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    to_voxels = turn @ grid.affine
    data = image.data
    if order:
        sigmas = antialias_sigmas(to_voxels)
        data = ndimage.gaussian_filter(data, sigmas, mode="nearest", truncate=3)
    at_once = ndimage.affine_transform(
        data, to_voxels[:3, :3], to_voxels[:3, 3], grid.shape, order=order, mode="constant"
    )
    np.testing.assert_allclose(found[0], at_once, atol=1e-6)


def test_a_mask_at_the_edge_of_its_image_is_the_same_as_in_a_larger_one():
    inside = np.zeros((30, 30, 30), bool)
    inside[:8, 10:22, 18:] = True
    grid = Grid((16, 16, 16), np.diag([2.3, 2.1, 2.2, 1.0]))
    turn = np.eye(4)
    turn[:3, :3] = [[0.99, 0.1, 0.0], [-0.1, 0.99, 0.0], [0.0, 0.0, 1.0]]
    whole = resample(Volume(inside.astype(np.float32), np.eye(4)), grid, turn).data >= 0.5
    np.testing.assert_array_equal(resample_mask(Volume(inside, np.eye(4)), grid, turn), whole)
    assert not resample_mask(Volume(np.zeros_like(inside), np.eye(4)), grid, turn).any()


def test_binned_voxels_keep_their_place_and_their_mean():
    affine = np.array([[0, 0.5, 0, 7], [-0.4, 0, 0, 8], [0, 0, 1.2, 9], [0, 0, 0, 1.0]])
    fine = Volume(np.random.default_rng(0).random((9, 8, 5)).astype(np.float32), affine)
    coarse = bin_voxels(fine, 1.0)
    assert coarse.grid.shape == (4, 4, 5)
    assert coarse.grid.voxel_mm == pytest.approx((0.8, 1.0, 1.2))
    block = fine.data[2:4, 4:6, 3]
    assert coarse.data[1, 2, 3] == pytest.approx(block.mean())
    centre = affine @ [2.5, 4.5, 3, 1]
    np.testing.assert_allclose(coarse.affine @ [1, 2, 3, 1], centre)
    assert bin_voxels(fine, 0.7) is fine
