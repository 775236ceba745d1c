"""`benchmarks/group_maps.py`: how a group's mean is compared with a real map."""

import numpy as np
import pytest
from scipy import ndimage
from tests.test_house import ROOT

from petsynth.io.nifti import write_volume
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.registration.inputs import template_brain
from petsynth.preprocessing.resampling import resample
from petsynth.volume import Volume


@pytest.fixture
def group_maps(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import group_maps

    return group_maps


@pytest.fixture(scope="module")
def mean():
    brain, _ = template_brain()
    image = resample(brain, model_grid(2.0)).data
    return np.maximum(ndimage.gaussian_filter(image, 1.5), 0).astype(np.float32)


def test_a_map_of_another_size_and_place_is_brought_to_the_mean(group_maps, mean, tmp_path):
    affine = np.diag([1.06, 0.95, 1.03, 1.0]) @ group_maps.MNI.affine
    affine[:3, 3] += (9, -14, 25)
    write_volume(tmp_path / "map.nii.gz", Volume(mean, affine))

    found = group_maps.registered(tmp_path / "map.nii.gz", mean)

    inside = mean > 0.3 * mean.max()
    assert np.corrcoef(found[inside], mean[inside])[0, 1] > 0.98


def test_a_map_agrees_with_itself_and_its_blur_is_found(group_maps, mean):
    brain = ndimage.binary_fill_holes(mean > 0.3 * mean.max())

    same = group_maps.compare(mean, mean, brain)
    blurred = group_maps.compare(group_maps.smooth(mean, 6.0), mean, brain)

    assert (same["voxel_r"], same["regional_r"]) == (1.0, 1.0)
    assert same["extra_blur_mm"] == 0
    assert same["regional_rms_percent"] == 0
    assert same["cortical_regions"] > 50
    assert blurred["extra_blur_mm"] == 6
    assert blurred["voxel_r_best"] > blurred["voxel_r"]
