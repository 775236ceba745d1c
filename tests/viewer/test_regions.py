import io

import nibabel as nib
import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.preprocessing.resampling import resample
from petsynth.regional.atlas import bundled_atlas
from petsynth.viewer.layers import Layer, Subject
from petsynth.viewer.regions import find_regions
from petsynth.volume import Volume

LABELS = (17, 53, 1028, 2028, 10, 49)


def test_own_labels_have_names_and_their_place():
    labels = np.zeros((6, 6, 6), np.float32)
    for place, label in enumerate(LABELS):
        labels[place] = label
    affine = np.diag([2.0, 2, 2, 1])
    found = find_regions(Subject("sub-01", (), labels=lambda: Volume(labels, affine)))
    image = nib.Nifti1Image.from_stream(io.BytesIO(found.image))
    names = [found.names[int(number)] for number in image.get_fdata()[:, 0, 0]]
    assert names[:3] == ["hippocampus_left", "hippocampus_right", "superiorfrontal_left"]
    assert len(set(names)) == 6
    assert (image.affine == affine).all()


def test_without_t1_and_labels_there_are_none():
    layer = Layer("reference", "PET", lambda: Volume(np.ones((2, 2, 2)), np.eye(4)))
    with pytest.raises(InputError, match="need the T1 or a segmentation"):
        find_regions(Subject("sub-01", (layer,)))


@pytest.mark.slow
def test_the_atlas_comes_through_the_t1():
    from nilearn.datasets import load_mni152_brain_mask, load_mni152_template

    template, mask = load_mni152_template(resolution=2), load_mni152_brain_mask(resolution=2)
    t1 = Volume(template.get_fdata(dtype=np.float32), template.affine)
    brain = Volume(mask.get_fdata(dtype=np.float32), mask.affine)
    layer = Layer("t1", "T1", lambda: t1)
    found = find_regions(Subject("mni", (layer,), mask=lambda: brain))
    image = nib.Nifti1Image.from_stream(io.BytesIO(found.image))
    atlas = bundled_atlas()
    wanted = resample(atlas.labels, t1.grid, order=0).data
    numbers = image.get_fdata()
    both = (wanted > 0) & (numbers > 0)
    same = [
        found.names[int(number)] == atlas.names[int(label)]
        for number, label in zip(numbers[both], wanted[both], strict=True)
    ]
    assert both.sum() > 0.9 * (wanted > 0).sum()
    assert np.mean(same) > 0.95
