"""Which mask belongs to a T1."""

import pytest

from petsynth.errors import InputError
from petsynth.io.bids.brain_masks import find_brain_mask, find_segmentation, first_brain_mask


def make_masks(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize(
    ("t1", "mask"),
    [
        ("sub-01_T1w.nii.gz", "sub-01/anat/sub-01_desc-brain_mask.nii.gz"),
        ("sub-02_ses-a_T1w.nii.gz", "sub-02/ses-a/anat/sub-02_ses-a_desc-brain_mask.nii.gz"),
        ("sub-03_run-2_T1w.nii.gz", "sub-03/anat/sub-03_run-2_desc-brain_mask.nii.gz"),
        ("scan.nii.gz", "other/scan_mask.nii"),
    ],
)
def test_mask_of_a_t1_is_found(tmp_path, t1, mask):
    folder = make_masks(
        tmp_path,
        "sub-01/anat/sub-01_desc-brain_mask.nii.gz",
        "sub-01/anat/sub-01_space-aligned_desc-brain_mask.nii.gz",
        "sub-011/anat/sub-011_desc-brain_mask.nii.gz",
        "sub-02/ses-a/anat/sub-02_ses-a_desc-brain_mask.nii.gz",
        "sub-02/ses-b/anat/sub-02_ses-b_desc-brain_mask.nii.gz",
        "sub-03/anat/sub-03_run-1_desc-brain_mask.nii.gz",
        "sub-03/anat/sub-03_run-2_desc-brain_mask.nii.gz",
        "other/scan_mask.nii",
    )
    assert find_brain_mask(folder, t1) == folder / mask


def test_no_mask_and_several_masks_are_told(tmp_path):
    make_masks(tmp_path, "sub-01_desc-brain_mask.nii.gz", "b/sub-01_desc-brain_mask.nii")
    with pytest.raises(InputError, match=r"sub-02_T1w.nii: no sub-02_\*desc-brain_mask"):
        find_brain_mask(tmp_path, "sub-02_T1w.nii")
    with pytest.raises(InputError, match=r"sub-01_T1w.nii: several masks .*needed is one"):
        find_brain_mask(tmp_path, "sub-01_T1w.nii")


def test_another_images_mask_is_none(tmp_path):
    """Of the T1s of one session each needs its own; a mask that says less is anybody's."""
    make_masks(tmp_path, "sub-01_run-1_desc-brain_mask.nii.gz", "sub-01_acq-x_desc-brain_mask.nii")
    for t1 in ("sub-01_run-2_T1w.nii", "sub-01_T1w.nii"):
        with pytest.raises(InputError, match=rf"{t1}: no brain mask of this image .*run-1"):
            find_brain_mask(tmp_path, t1)
    assert find_brain_mask(tmp_path, "sub-01_acq-x_run-2_T1w.nii").name.startswith("sub-01_acq-x_")
    make_masks(tmp_path, "sub-01_desc-brain_mask.nii")
    assert find_brain_mask(tmp_path, "sub-01_run-2_T1w.nii").name == "sub-01_desc-brain_mask.nii"
    assert find_brain_mask(tmp_path, "sub-01_run-1_T1w.nii").name.startswith("sub-01_run-1_")


def test_a_segmentation_stands_in_where_there_is_no_mask(tmp_path):
    make_masks(
        tmp_path,
        "sub-01/anat/sub-01_ses-a_dseg.nii.gz",
        "sub-01/anat/sub-01_ses-a_space-MNI152_dseg.nii.gz",
        "sub-01/anat/sub-01_ses-a_seg-aal_dseg.nii.gz",
    )
    t1 = "sub-01_ses-a_T1w.nii.gz"
    assert find_brain_mask(tmp_path, t1).name == "sub-01_ses-a_dseg.nii.gz"
    make_masks(tmp_path, "sub-01/anat/sub-01_ses-a_desc-brain_mask.nii.gz")
    assert find_brain_mask(tmp_path, t1).name == "sub-01_ses-a_desc-brain_mask.nii.gz"
    with pytest.raises(InputError, match=r"no brain mask of this image .*sub-01_ses-a_desc-brain"):
        find_brain_mask(tmp_path, "sub-01_ses-b_T1w.nii.gz")


def test_the_first_folder_that_has_a_mask_counts(tmp_path):
    one = make_masks(tmp_path / "one", "sub-01_desc-brain_mask.nii")
    two = make_masks(tmp_path / "two", "sub-01_desc-brain_mask.nii", "sub-02_desc-brain_mask.nii")
    assert first_brain_mask([one, two], "sub-01_T1w.nii").parent == one
    assert first_brain_mask([two, one], "sub-01_T1w.nii").parent == two
    assert first_brain_mask([one, two], "sub-02_T1w.nii").parent == two
    with pytest.raises(InputError, match=r"no sub-03_.* in .*one, no sub-03_.* in .*two"):
        first_brain_mask([one, two], "sub-03_T1w.nii")


def test_several_masks_in_one_folder_are_not_passed_over(tmp_path):
    one = make_masks(tmp_path / "one", "sub-01_desc-brain_mask.nii", "b/sub-01_desc-brain_mask.nii")
    two = make_masks(tmp_path / "two", "sub-01_desc-brain_mask.nii")
    with pytest.raises(InputError, match="several masks"):
        first_brain_mask([one, two], "sub-01_T1w.nii")


@pytest.mark.parametrize(
    ("there", "t1", "found"),
    [
        (["sub-01_dseg.nii.gz"], "sub-01_T1w.nii.gz", "sub-01_dseg.nii.gz"),
        (["sub-01/mri/aparc+aseg.mgz"], "sub-01_T1w.nii.gz", "sub-01/mri/aparc+aseg.mgz"),
        (
            ["sub-01/mri/aparc+aseg.mgz", "sub-01/mri/aseg.mgz"],
            "sub-01_T1w.nii.gz",
            "sub-01/mri/ap",
        ),
        (["sub-01_synthseg.nii.gz", "sub-011_dseg.nii.gz"], "sub-01_T1w.nii.gz", "sub-01_synth"),
        (
            ["sub-01_ses-a_dseg.nii.gz", "sub-01_ses-b_dseg.nii.gz"],
            "sub-01_ses-b_T1w.nii.gz",
            "sub-01_ses-b_dseg.nii.gz",
        ),
        (["scan7_dseg.nii.gz", "scan8_dseg.nii.gz"], "scan7_T1w.nii.gz", "scan7_dseg.nii.gz"),
    ],
)
def test_segmentations_are_found(tmp_path, there, t1, found):
    make_masks(tmp_path, *there)
    path = find_segmentation(tmp_path, t1)
    assert path.relative_to(tmp_path).as_posix().startswith(found)


@pytest.mark.parametrize(
    ("there", "message"),
    [
        ([], "no segmentation of it in"),
        (["sub-02_dseg.nii.gz"], "no segmentation of it in"),
        (["a/sub-01_dseg.nii.gz", "b/sub-01_dseg.nii.gz"], "several segmentations in"),
    ],
)
def test_no_segmentation_or_several_are_told(tmp_path, there, message):
    make_masks(tmp_path, *there)
    with pytest.raises(InputError, match=message):
        find_segmentation(tmp_path, "sub-01_T1w.nii.gz")


def test_a_lesion_map_is_no_mask_and_no_segmentation_of_the_brain(tmp_path):
    make_masks(tmp_path, "sub-01_desc-lesion_dseg.nii.gz")
    with pytest.raises(InputError, match="no sub-01"):
        find_brain_mask(tmp_path, "sub-01_T1w.nii.gz")
    with pytest.raises(InputError, match="no segmentation"):
        find_segmentation(tmp_path, "sub-01_T1w.nii.gz")
    make_masks(tmp_path, "sub-01_dseg.nii.gz")
    for find in (find_brain_mask, find_segmentation):
        assert find(tmp_path, "sub-01_T1w.nii.gz").name == "sub-01_dseg.nii.gz"
