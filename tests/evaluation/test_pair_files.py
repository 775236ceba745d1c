"""Which files belong together, on empty files."""

import pytest

from petsynth.errors import InputError
from petsynth.evaluation.pair_files import (
    find_companion,
    find_partners,
    list_images,
    pair_folders,
    read_pairs,
)


@pytest.fixture
def folders(tmp_path):
    """Return a function that makes a folder of empty files."""

    def make(name, *files):
        for file in files:
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path / name

    return make


def test_bids_names_pair_by_subject_session_and_tracer(folders):
    first = folders(
        "real",
        "sub-01_ses-a_trc-18FFDG_pet.nii.gz",
        "sub-01_ses-b_trc-18FFDG_pet.nii.gz",
        "sub-02_trc-18FAV45_pet.nii.gz",
    )
    second = folders(
        "made",
        "sub-1/sub-1_ses-a_trc-FDG_desc-synth_pet.nii.gz",
        "sub-02_trc-18FFDG_pet.nii.gz",
    )
    found = pair_folders(first, second)
    (pair,) = found.pairs
    assert pair.synthetic.name == "sub-1_ses-a_trc-FDG_desc-synth_pet.nii.gz"
    assert [line.split(":")[0].rsplit("/")[-1] for line in found.unpaired] == [
        "sub-01_ses-b_trc-18FFDG_pet.nii.gz",
        "sub-02_trc-18FAV45_pet.nii.gz",
    ]


def test_of_several_the_one_in_the_references_space_counts(folders):
    folder = folders("made", "sub-1_space-T1w_pet.nii", "sub-1_space-MNI_pet.nii")
    images = list_images(folder)
    assert [path.name for path in find_partners("sub-01_space-T1w_pet.nii", images)] == [
        "sub-1_space-T1w_pet.nii"
    ]
    found = pair_folders(folders("real", "sub-1_pet.nii"), folder)
    assert not found.pairs
    assert "2 synthetic images fit it" in found.ambiguous[0]


def test_other_names_pair_when_they_are_equal_whatever_their_folder(folders):
    found = pair_folders(folders("real", "a/p07.nii.gz"), folders("made", "b/p07.nii"))
    assert found.pairs[0].name == "a/p07.nii.gz"


def test_masks_and_deviations_are_no_pets(folders):
    folder = folders(
        "made",
        "sub-1_desc-synth_pet.nii.gz",
        "sub-1_desc-synthstd_pet.nii.gz",
        "sub-1_desc-brain_mask.nii.gz",
        ".hidden_pet.nii.gz",
        "sub-1_T1w.nii.gz",
    )
    assert [path.name for path in list_images(folder)] == ["sub-1_desc-synth_pet.nii.gz"]


def test_folders_without_images_or_pairs(folders, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        list_images(tmp_path / "none")
    with pytest.raises(InputError, match="holds no NIfTI image"):
        list_images(folders("empty", "notes.txt"))
    with pytest.raises(InputError, match=r"has a partner .* use --pairs"):
        pair_folders(folders("real", "a.nii"), folders("made", "b.nii"))


def test_a_table_of_pairs_starts_at_its_own_folder(tmp_path):
    table = tmp_path / "pairs.tsv"
    table.write_text("reference\tsynthetic\tname\tmask\nr.nii\ts.nii\tn/a\tn/a\n")
    (pair,) = read_pairs(table)
    assert (pair.name, pair.reference, pair.mask) == ("r.nii", tmp_path / "r.nii", None)
    table.write_text("reference\tsynthetic\nr.nii\tn/a\n")
    with pytest.raises(InputError, match="row 2 lacks its reference or synthetic image"):
        read_pairs(table)
    table.write_text("reference\nr.nii\n")
    with pytest.raises(InputError, match="has no column synthetic"):
        read_pairs(table)


def test_a_companion_is_of_the_same_scan_and_only_one(folders, tmp_path):
    masks = folders("masks", "sub-1_desc-brain_mask.nii.gz", "sub-2_mask.nii.gz")
    reference = tmp_path / "sub-01_pet.nii.gz"
    assert find_companion(masks, reference, ("mask",)).name == "sub-1_desc-brain_mask.nii.gz"
    with pytest.raises(InputError, match="no mask of it"):
        find_companion(masks, tmp_path / "sub-3_pet.nii.gz", ("mask",))
    folders("masks", "sub-1_label-brain_mask.nii.gz")
    with pytest.raises(InputError, match="2 mask of it"):
        find_companion(masks, reference, ("mask",))
