"""Tables that the systems on slices share: planes of a prediction, what does not fit together."""

import pytest

from petsynth.systems.slices.config import SliceDataConfig, prediction_planes, slice_mistakes


@pytest.mark.parametrize(
    ("planes", "predicted"),
    [
        (("axial",), ("axial",)),
        (("sagittal", "coronal", "axial"), ("axial",)),
        (("sagittal", "coronal"), ("sagittal", "coronal")),
    ],
)
def test_prediction_is_along_axial_slices_where_the_network_has_seen_them(planes, predicted):
    assert prediction_planes(SliceDataConfig(planes=planes)) == predicted


@pytest.mark.parametrize(
    ("data", "levels", "layers", "message"),
    [
        ({"padded_size": 100}, 3, 1, "not divisible by 2**generator.levels = 8"),
        ({"padded_size": 16}, 2, 3, "no patch would be left"),
        ({"planes": ()}, 2, 1, "at least one plane, each once"),
        ({"planes": ("axial", "axial")}, 2, 1, "at least one plane, each once"),
    ],
)
def test_what_does_not_fit_together_is_named(data, levels, layers, message):
    (mistake,) = slice_mistakes(SliceDataConfig(**data), levels, layers)
    assert message in mistake


def test_papers_sizes_fit_together():
    assert slice_mistakes(SliceDataConfig(), levels=8, discriminator_layers=3) == []
