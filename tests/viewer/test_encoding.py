import io

import nibabel as nib
import numpy as np
import pytest

from petsynth.viewer.encoding import OFFSET, encode, window
from petsynth.volume import Volume

AFFINE = np.array([[1.5, 0, 0, -20], [0, 2.0, 0, -30], [0, 0, 2.5, -10], [0, 0, 0, 1]])


def decoded(content: bytes) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_stream(io.BytesIO(content))


@pytest.mark.parametrize("role", ["t1", "reference", "synthetic", "difference", "std"])
def test_values_and_place_stay(role):
    values = np.random.default_rng(0).normal(1, 0.5, (5, 6, 7)).astype(np.float32)
    image = decoded(encode(Volume(values, AFFINE), role))
    assert image.get_data_dtype() == np.int16
    assert np.allclose(image.affine, AFFINE, atol=1e-5)
    assert np.abs(image.get_fdata() - values).max() <= np.abs(values).max() / 64_000 * 1.01


def test_labels_stay_exactly():
    labels = np.arange(60).reshape(3, 4, 5)
    assert (decoded(encode(Volume(labels, np.eye(4)))).get_fdata() == labels).all()


def test_gaps_and_an_empty_image_are_zero():
    content = encode(Volume(np.full((2, 2, 2), np.nan), np.eye(4)), "std")
    assert len(content) == OFFSET + 16
    assert not decoded(content).get_fdata().any()


def test_window_of_a_difference_has_two_sides():
    low, high = window(
        np.linspace(-3, 1, 27_000, dtype=np.float32).reshape(30, 30, 30), "difference"
    )
    assert low == -high
    assert high == pytest.approx(3, abs=0.1)
