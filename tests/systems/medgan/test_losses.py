"""MedGAN's losses by hand on features of a few values."""

import pytest
import torch

from petsynth.systems.medgan.losses import content_loss, gram_matrix, perceptual_loss, style_loss

# One image of two channels and 1 x 2 pixels.
REAL = torch.tensor([[[[1.0, 2.0]], [[0.0, 3.0]]]])
SYNTHETIC = torch.tensor([[[[2.0, 2.0]], [[0.0, 1.0]]]])


def test_gram_matrix_by_hand():
    # (2*2 + 2*2, 2*0 + 2*1; ., 0*0 + 1*1) over 2 channels of 2 pixels.
    torch.testing.assert_close(gram_matrix(SYNTHETIC), torch.tensor([[[2.0, 0.5], [0.5, 0.25]]]))


def test_gram_matrix_does_not_know_places():
    torch.testing.assert_close(gram_matrix(REAL), gram_matrix(REAL.flip(3)))


def test_style_by_hand():
    # Gram matrices (1.25, 1.5; 1.5, 2.25) and (2, 0.5; 0.5, 0.25): differences 0.75, 1, 1, 2.
    expected = (0.75**2 + 1 + 1 + 2**2) / (4 * 2**2)
    assert style_loss([SYNTHETIC], [REAL]).item() == pytest.approx(expected)


def test_content_by_hand():
    # Differences 1, 0, 0, -2 of four values.
    assert content_loss([SYNTHETIC], [REAL]).item() == pytest.approx((1 + 4) / 4)


def test_perceptual_by_hand():
    assert perceptual_loss([SYNTHETIC], [REAL]).item() == pytest.approx((1 + 2) / 4)


@pytest.mark.parametrize("loss", [perceptual_loss, style_loss, content_loss])
def test_layers_add_up_images_are_averaged_and_the_same_features_cost_nothing(loss):
    one = loss([SYNTHETIC], [REAL])
    torch.testing.assert_close(loss([SYNTHETIC, SYNTHETIC], [REAL, REAL]), 2 * one)
    half = loss([torch.cat([SYNTHETIC, REAL])], [torch.cat([REAL, REAL])])
    torch.testing.assert_close(half, one / 2)
    assert loss([REAL], [REAL]).item() == 0


@pytest.mark.parametrize("loss", [perceptual_loss, style_loss, content_loss])
def test_layers_must_correspond(loss):
    with pytest.raises(ValueError, match="shorter"):
        loss([SYNTHETIC, SYNTHETIC], [REAL])
