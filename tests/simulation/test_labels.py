import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.simulation.fields import apply_affine
from petsynth.simulation.labels import (
    detect_scheme,
    landmark_affine,
    refine_regions,
    translate_labels,
)
from petsynth.simulation.regions import CODES, REGIONS, codes_of, codes_of_tissue

from .conftest import to_labels


@pytest.mark.parametrize(
    ("scheme", "parcellated"), [("muse", True), ("freesurfer", True), ("freesurfer", False)]
)
def test_the_scheme_shows_from_the_labels(region_image, scheme, parcellated):
    labels = to_labels(region_image[1], scheme, parcellated)

    assert detect_scheme(labels, "x.nii.gz") == scheme


def test_labels_of_no_known_scheme_are_refused():
    labels = np.zeros((5, 5, 5), int)
    labels[1:4] = 9999

    with pytest.raises(InputError, match=r"scan.nii.gz: labels are neither MUSE nor FreeSurfer"):
        detect_scheme(labels, "scan.nii.gz")


def test_an_empty_segmentation_is_refused():
    with pytest.raises(InputError, match=r"no voxel has a label"):
        detect_scheme(np.zeros((4, 4, 4), int), "scan.nii.gz")


def test_unknown_labels_are_named():
    labels = np.array([[[0, 47, 300, 301]]])

    with pytest.raises(InputError, match=r"scan.nii.gz: unknown labels 300, 301 for the muse"):
        translate_labels(labels, "muse", "scan.nii.gz")


def test_translation_by_hand():
    labels = np.array([[[0, 47, 48, 169, 81, 4]]])
    names = "background hippocampus_right hippocampus_left precuneus_left white_matter fluid"

    codes = translate_labels(labels, "muse", "x")

    assert [REGIONS[code].name for code in codes.ravel()] == names.split()


def test_landmarks_find_mni_space(region_image):
    anatomy, codes = region_image
    affine = landmark_affine(codes, anatomy.grid)

    for name, centre in (("thalamus_right", (12, -18, 8)), ("cuneus_left", (-6, -80, 27))):
        place = np.array(np.nonzero(codes == CODES[name]), np.float32).mean(axis=1)
        found = apply_affine(affine @ anatomy.grid.affine, place.reshape(3, 1)).ravel()
        assert np.linalg.norm(found - centre) < 9


def test_pons_and_choroid_plexus_are_cut_out_by_position(region_image):
    anatomy, codes = region_image
    labels = to_labels(codes, "muse")
    rough = translate_labels(labels, "muse", "x")

    refined = refine_regions(rough, anatomy.grid)

    assert not np.isin(rough, codes_of("pons", "choroid_plexus")).any()
    pons, stem = (refined == CODES[name] for name in ("pons", "brain_stem"))
    assert 4 < pons.sum() * 0.064 < 25  # mL
    above = np.nonzero(pons)[2].mean()
    assert np.nonzero(stem)[2].min() < above < np.nonzero(stem)[2].max()
    assert (refined == CODES["choroid_plexus"]).any()


def test_cortex_that_is_not_parcellated_gets_the_nearest_regions(region_image):
    anatomy, codes = region_image
    rough = translate_labels(to_labels(codes, "freesurfer", parcellated=False), "freesurfer", "x")

    refined = refine_regions(rough, anatomy.grid)

    cortex = np.isin(codes, codes_of_tissue("cortex"))
    assert not np.isin(refined, codes_of("unnamed_cortex")).any()
    assert (refined[cortex] == codes[cortex]).mean() > 0.7


def test_too_few_regions_are_refused(region_image):
    codes = np.where(region_image[1] == CODES["thalamus_left"], region_image[1], 0)

    with pytest.raises(InputError, match=r"too few brain regions .*thalamus_left"):
        landmark_affine(codes, region_image[0].grid)
