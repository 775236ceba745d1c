"""Reference regions: which one is meant, and what a segmentation defines."""

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.regional.atlas import Atlas
from petsynth.regional.references import (
    needed_references,
    reference_name,
    references_from_labels,
    references_through_t1,
)
from petsynth.volume import Volume


def test_a_named_region_stands_over_the_tracers_own():
    assert reference_name("FDG", "cerebellum", "SUVR") == "whole-cerebellum"
    assert reference_name("FDG", None, "SUVR") == ""
    assert reference_name("FDG", None, "SUV") == reference_name("FDG", None, "Bq/mL") != ""
    with pytest.raises(InputError, match="no such reference region; there are"):
        reference_name("FDG", "thalamus", "SUV")
    with pytest.raises(InputError, match="no reference region is known for the tracer"):
        reference_name("mystery", None, "SUV")


def test_composites_bring_their_own_references_each_once():
    names = needed_references("FDG", "pons")
    assert names[0] == "pons"
    assert len(names) == len(set(names))
    assert needed_references("mystery", "pons") == ["pons"]


def atlas(labels, scheme):
    volume = Volume(np.asarray(labels, np.int32), np.diag([10.0, 10.0, 10.0, 1.0]))
    return Atlas("own", volume, {}, "a test", scheme)


@pytest.mark.parametrize(("scheme", "cortex", "white"), [("freesurfer", 8, 7), ("muse", 38, 40)])
def test_the_cerebellum_of_a_segmentation(scheme, cortex, white):
    labels = np.zeros((4, 4, 4), int)
    labels[0], labels[1] = cortex, white
    pet = np.where(labels == cortex, 2.0, 1.0)
    found = references_from_labels(
        atlas(labels, scheme), pet, ["whole-cerebellum", "cerebellar-grey", "pons"]
    )
    assert found["whole-cerebellum"].mean == pytest.approx(1.5)
    assert found["cerebellar-grey"].mean == pytest.approx(2)
    assert found["cerebellar-grey"].ml == pytest.approx(16)
    assert "pons" not in found


def test_labels_of_no_known_scheme_define_nothing():
    labels = np.full((3, 3, 3), 8)
    assert references_from_labels(atlas(labels, None), np.ones((3, 3, 3)), ["pons"]) == {}


def test_regions_of_mni_space_are_laid_over_the_pet():
    """With no deformation at all, a PET that is 3 everywhere has 3 in every region."""

    class Still:
        def apply(self, region, grid):
            return region

    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -100, -130, -80
    pet = Volume(np.full((50, 60, 50), 3.0, np.float32), affine, "SUV")
    found = references_through_t1(Still(), pet, np.eye(4), ["pons", "whole-cerebellum"])
    assert [round(each.mean, 5) for each in found.values()] == [3, 3]
    assert found["whole-cerebellum"].ml > found["pons"].ml > 1
