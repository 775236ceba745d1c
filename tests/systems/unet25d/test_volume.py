"""From a volume to PET and error: order, what surrounds a slab, what a PET cannot be."""

import numpy as np
import pytest
import torch

from petsynth.slicing import AIR
from petsynth.systems.unet25d.unet import SlabUNet
from petsynth.systems.unet25d.volume import predict_slabs, settle_error


class Reach(torch.nn.Module):
    """Return the mean of a slab minus two, and that mean."""

    def forward(self, mri, place=None, covariates=None):
        mean = mri.mean(dim=1, keepdim=True)
        return mean - 2, mean


def test_beyond_the_volume_lies_air():
    mri = np.full((6, 5, 4), 0.5, np.float32)
    _, error = predict_slabs(Reach(), mri, slices=5, padded_size=8)

    # of five slices two are air at the ends, then one
    expected = [(3 * 0.5 - 2) / 5, (4 * 0.5 - 1) / 5, (4 * 0.5 - 1) / 5, (3 * 0.5 - 2) / 5]
    np.testing.assert_allclose(error[2, 3], expected, atol=1e-6)


def test_a_pet_is_nowhere_below_air_and_its_error_is_left_alone():
    mri = np.linspace(-1, 1, 60, dtype=np.float32).reshape(3, 4, 5)
    pet, error = predict_slabs(Reach(), mri, slices=1, padded_size=4)

    np.testing.assert_allclose(pet, np.maximum(mri - 2, AIR), atol=1e-6)
    np.testing.assert_allclose(error, mri, atol=1e-6)
    assert pet.dtype == error.dtype == np.float32


def test_a_slice_that_is_larger_than_the_padded_size_is_refused():
    with pytest.raises(ValueError, match="9 x 6 pixels does not fit a padded size of 8"):
        predict_slabs(Reach(), np.zeros((6, 9, 4)), slices=1, padded_size=8)


class Copy(torch.nn.Module):
    """Return the middle slice, and the sum over the slab as its error."""

    def forward(self, mri, place=None, covariates=None):
        return mri[:, 1:2], mri.sum(dim=1, keepdim=True)


def test_volumes_are_put_together_in_their_own_order():
    mri = np.random.default_rng(0).uniform(-1, 1, (9, 11, 7)).astype(np.float32)
    pet, error = predict_slabs(Copy(), mri, slices=3, padded_size=16, batch_size=4)

    np.testing.assert_allclose(pet, mri, atol=1e-6)
    np.testing.assert_allclose(error[..., 3], mri[..., 2:5].sum(axis=2), atol=1e-5)
    np.testing.assert_allclose(error[..., 0], mri[..., :2].sum(axis=2) - 1, atol=1e-5)


def test_batches_do_not_matter():
    network = SlabUNet(slices=3, filters=8, max_filters=16, levels=2).eval()
    mri = np.random.default_rng(1).uniform(-1, 1, (12, 13, 9)).astype(np.float32)
    one, many = (
        predict_slabs(network, mri, slices=3, padded_size=16, batch_size=size) for size in (1, 9)
    )

    np.testing.assert_allclose(one[0], many[0], atol=1e-5)
    np.testing.assert_allclose(one[1], many[1], atol=1e-5)


def test_the_expected_error_is_smooth_and_ends_where_air_begins():
    mri = np.full((24, 24, 24), -1.0, np.float32)
    mri[8:16, 8:16, 4:10] = 0.5
    weave = np.ones_like(mri)
    weave[::2] = 3.0  # every other column
    settled = settle_error(weave, mri, 2.0)

    inside = settled[8:16, 8:16, 4:10]
    assert np.abs(inside - 2.0).max() < 0.1
    assert (settled[:, :, 18:] == 0).all()  # more than 10 mm above
    assert (settled[12, 12, 10:14] > 1).all()
    assert settled.dtype == np.float32


def test_without_tissue_the_error_stays():
    empty = np.full((8, 8, 8), -1.0, np.float32)
    np.testing.assert_allclose(settle_error(np.ones_like(empty), empty, 2.0), 1.0)
