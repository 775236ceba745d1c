"""Voxels that a PET did not measure, by hand."""

import numpy as np

from petsynth.metrics.coverage import blank, unmeasured_voxels, windows_inside


def test_voxels_by_hand():
    pet = np.zeros((1, 1, 4, 2))
    pet[0, 0, 1, 1] = 1.0
    pet[0, 0, 3, 0] = np.inf
    mask = np.array([[[True, True, False, False]]])
    left_out = unmeasured_voxels(pet, mask)
    assert left_out.tolist() == [[[True, False, False, True]]]
    assert blank(pet, left_out).ravel().tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert blank(pet, mask & False) is pet
    assert windows_inside(np.ones((11, 12), bool)).sum() == 2
