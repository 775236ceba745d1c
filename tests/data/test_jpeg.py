"""Slices through 8-bit JPEG."""

import io

import numpy as np
import pytest
from PIL import Image

from petsynth.data.jpeg import QUALITY, decode, encode, from_uint8, round_trip, to_uint8


def test_grey_levels_by_hand():
    values = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    assert to_uint8(values, -1, 1).tolist() == [0, 0, 64, 128, 191, 255, 255]
    assert from_uint8(np.array([0, 51, 255], np.uint8), 0, 5).tolist() == [0, 1, 5]


def test_an_empty_range_is_refused():
    with pytest.raises(ValueError, match="must be above"):
        to_uint8(np.zeros(3), 1, 1)


def test_the_file_is_a_grey_jpeg_of_the_papers_quality():
    content = encode(np.zeros((8, 9), np.uint8))
    image = Image.open(io.BytesIO(content))
    assert (image.format, image.mode, image.size) == ("JPEG", "L", (9, 8))
    assert QUALITY == 100
    assert set(image.quantization[0]) == {1}  # every coefficient kept: quality 100


def test_quality_100_loses_little_and_not_nothing():
    random = np.random.default_rng(0)
    image = random.uniform(-1, 1, (64, 64))
    again = round_trip(image)
    assert again.dtype == np.float32
    step = 2 / 255
    error = np.abs(again - image)
    assert step / 8 < error.mean() < step
    assert error.max() < 3 * step


def test_decoding_gives_the_shape_back():
    image = np.arange(60, dtype=np.uint8).reshape(6, 10)
    assert decode(encode(image)).shape == (6, 10)
