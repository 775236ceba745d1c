import numpy as np
import pytest
import torch
from torch import nn

from petsynth.networks.unet2d import UNet2d
from petsynth.slicing import take_slices
from petsynth.systems.slices.volume import predict_volume

SHAPE = (9, 13, 11)


class Identity(nn.Module):
    """Returns the MRI, and remembers what it was asked."""

    def __init__(self):
        super().__init__()
        self.shapes, self.keys, self.corners = [], set(), set()

    def forward(self, mri_BCHW, dropout_keys_B):
        self.shapes.append(tuple(mri_BCHW.shape))
        self.keys.update(dropout_keys_B.tolist())
        self.corners.update(mri_BCHW[:, :, 0, 0].flatten().tolist())
        return mri_BCHW


@pytest.fixture
def mri() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(np.float32)


@pytest.mark.parametrize("planes", [["axial"], ["coronal"], ["sagittal"],
                                    ["sagittal", "coronal", "axial"]])  # fmt: skip
def test_what_the_network_leaves_alone_comes_back_unchanged(mri, planes):
    volume = predict_volume(Identity(), mri, planes=planes, padded_size=16)
    np.testing.assert_allclose(volume, mri, atol=1e-6)
    assert volume.dtype == np.float32


def test_slices_stand_on_air_and_share_one_dropout_sample(mri):
    network = Identity()
    predict_volume(network, mri, planes=["coronal"], padded_size=16, dropout_key=42, batch_size=5)
    assert network.shapes == [(5, 1, 16, 16), (5, 1, 16, 16), (3, 1, 16, 16)]
    assert network.keys == {42}
    assert network.corners == {-1.0}


def test_planes_are_averaged(mri):
    class ByPlane(nn.Module):
        def forward(self, mri_BCHW, dropout_keys_B):
            return torch.full_like(mri_BCHW, float(len(mri_BCHW)))  # 9, 13 or 11 at once

    volume = predict_volume(
        ByPlane(), mri, planes=["sagittal", "coronal", "axial"], padded_size=16, batch_size=99
    )
    np.testing.assert_allclose(volume, (9 + 13 + 11) / 3)


def test_batches_agree_with_one_by_one(mri):
    torch.manual_seed(0)
    network = UNet2d(filters=4, max_filters=8, levels=3, dropout_levels=1)
    one, five = (
        predict_volume(network, mri, padded_size=16, dropout_key=3, batch_size=size)
        for size in (1, 5)
    )
    np.testing.assert_allclose(one, five, atol=1e-5)
    other = predict_volume(network, mri, padded_size=16, dropout_key=4)
    assert np.abs(one - other).max() > 1e-3


def test_memory_mapped_mri_is_read_only_and_fine(mri, tmp_path):
    np.save(tmp_path / "mri.npy", mri)
    mapped = np.load(tmp_path / "mri.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        predict_volume(Identity(), mapped, padded_size=16),
        predict_volume(Identity(), mri, padded_size=16),
    )


def test_a_slice_reaches_the_network_upright(mri):
    class First(nn.Module):
        def forward(self, mri_BCHW, dropout_keys_B):
            self.seen = mri_BCHW[0, 0]
            return mri_BCHW

    network = First()
    predict_volume(network, mri, padded_size=16, batch_size=99)
    np.testing.assert_array_equal(network.seen[1:14, 3:12].numpy(), take_slices(mri, "axial")[0])


def test_no_plane_and_too_small_a_padded_size_are_refused(mri):
    with pytest.raises(ValueError, match="no plane"):
        predict_volume(Identity(), mri, planes=[])
    with pytest.raises(ValueError, match="13 x 9 pixels does not fit a padded size of 8"):
        predict_volume(Identity(), mri, padded_size=8)
