import numpy as np

from petsynth.viewer.layers import Layer, Subject, with_difference
from petsynth.volume import Volume


def layer(role, values, affine=None):
    volume = Volume(np.asarray(values, np.float32), np.eye(4) if affine is None else affine)
    return Layer(role, role, lambda: volume)


def test_difference_is_synthetic_minus_reference():
    reference, synthetic = np.full((4, 4, 4), 2.0), np.full((4, 4, 4), 1.5)
    layers = with_difference([layer("synthetic", synthetic), layer("reference", reference)])
    assert [each.role for each in layers] == ["reference", "synthetic", "difference"]
    assert (layers[2].read().data == -0.5).all()


def test_nothing_is_subtracted_where_one_has_no_value():
    reference, synthetic = np.full((4, 4, 4), 2.0), np.full((4, 4, 4), 1.0)
    reference[0], synthetic[1] = 0, 0
    values = with_difference([layer("reference", reference), layer("synthetic", synthetic)])
    assert (values[2].read().data[:2] == 0).all()
    assert (values[2].read().data[2:] == -1).all()


def test_difference_lies_on_the_references_grid():
    shifted = np.diag([2.0, 2, 2, 1])
    shifted[:3, 3] = 0.5
    layers = [
        layer("reference", np.ones((8, 8, 8))),
        layer("synthetic", np.ones((4, 4, 4)), shifted),
    ]
    found = with_difference(layers)[2].read()
    assert found.grid.shape == (8, 8, 8)
    assert np.abs(found.data).max() < 1e-6


def test_several_synthetic_images_have_a_difference_each():
    images = [layer("reference", np.ones((2, 2, 2))), *[layer("synthetic", np.ones((2, 2, 2)))] * 2]
    found = Subject("sub-01", with_difference(images))
    assert [each.title for each in found.layers][3:] == ["synthetic minus reference"] * 2
    assert found.layer("std") is None
