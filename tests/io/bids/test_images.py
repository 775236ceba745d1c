"""Images by folders and names alone."""

import os
from pathlib import Path

import pytest

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.bids.images import Image, find_images, find_participants
from petsynth.io.bids.names import parse_entities


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def image(name: str) -> Image:
    return Image(Path(name), parse_entities(name))


def test_participants_are_folders_in_order(tmp_path):
    make(tmp_path, "sub-10/x", "sub-2/x", "sub-9.txt", "derivatives/sub-7/x")
    assert [path.name for path in find_participants(tmp_path)] == ["sub-10", "sub-2"]
    assert [path.name for path in find_participants(tmp_path, ["2", "sub-002"])] == ["sub-2"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["2", "7"], "no participant 7; there are sub-1, sub-2"), (["sub-X"], "no participant sub-X")],
)
def test_who_is_not_there_is_named(tmp_path, labels, message):
    make(tmp_path, "sub-1/x", "sub-2/x")
    with pytest.raises(InputError, match=message):
        find_participants(tmp_path, labels)


def test_names_that_are_no_text_are_left_out_and_told(tmp_path):
    bad = os.fsdecode(b"\xff")
    make(tmp_path, "sub-1/anat/sub-1_T1w.nii", f"sub-1/anat/sub-1_acq-{bad}_T1w.nii")
    make(tmp_path, f"sub-{bad}/anat/x")
    with pytest.warns(PetsynthWarning, match=r"sub-\\xff: its name is not UTF-8; left out"):
        (folder,) = find_participants(tmp_path)
    with pytest.warns(PetsynthWarning, match=r"acq-\\xff_T1w.nii: its name is not UTF-8"):
        assert [each.path.name for each in find_images(folder).t1s] == ["sub-1_T1w.nii"]


def test_a_participant_that_is_a_link_to_nothing_is_left_out_and_told(tmp_path):
    make(tmp_path, "sub-1/x")
    (tmp_path / "sub-2").symlink_to("sub-2")
    (tmp_path / "sub-3").symlink_to("nowhere")
    with pytest.warns(PetsynthWarning) as told:
        assert [path.name for path in find_participants(tmp_path)] == ["sub-1"]
    messages = sorted(str(each.message) for each in told)
    assert "sub-2: is a link that leads back to itself" in messages[0]
    assert "sub-3: is a link to a file that does not exist" in messages[1]


def test_a_run_whose_digits_are_no_number_counts_as_none():
    assert image("sub-1_run-\N{SUPERSCRIPT TWO}_T1w.nii").run == 0
    assert image("sub-1_run-\N{ARABIC-INDIC DIGIT TWO}_T1w.nii").run == 2


def test_images_of_all_sessions_whose_names_fit_their_place(tmp_path):
    make(
        tmp_path / "sub-1",
        "anat/sub-1_T1w.nii.gz",
        "anat/sub-1_T2w.nii.gz",
        "anat/sub-1_T1w.json",
        "anat/sub-2_T1w.nii.gz",
        "anat/sub-1_ses-b_T1w.nii.gz",
        "ses-b/anat/sub-1_ses-b_T1w.nii",
        "ses-b/pet/sub-1_ses-b_trc-18FFDG_pet.nii.gz",
        "ses-b/pet/sub-1_ses-b_trc-18FFDG_blood.tsv",
        "ses-b/pet/deeper/sub-1_ses-b_pet.nii.gz",
        "other/sub-1_T1w.nii.gz",
    )
    found = find_images(tmp_path / "sub-1")
    assert [each.path.name for each in found.t1s] == ["sub-1_T1w.nii.gz", "sub-1_ses-b_T1w.nii"]
    assert [each.path.name for each in found.pets] == ["sub-1_ses-b_trc-18FFDG_pet.nii.gz"]
    only = find_images(tmp_path / "sub-1", "b", lambda each: each.entities["suffix"] == "T1w")
    assert ([each.session for each in only.t1s], only.pets) == (["b"], [])


def test_a_run_is_a_number_and_0_without():
    runs = [image(f"sub-1_{part}T1w.nii").run for part in ("", "run-2_", "run-010_", "run-x_")]
    assert runs == [0, 2, 10, 0]


def test_an_image_is_its_path():
    """Images are keys of tables: entities do not enter the hash."""
    assert len({image("sub-1_T1w.nii"), image("sub-1_T1w.nii"), image("sub-1_T2w.nii")}) == 2


def test_a_participant_that_vanishes_has_no_images(tmp_path):
    found = find_images(tmp_path / "sub-gone")
    assert (found.t1s, found.pets) == ([], [])


@pytest.mark.parametrize(
    "name", ["part-phase", "part-real", "part-imag", "inv-1", "inv-2", "inv-1_part-phase"]
)
def test_parts_and_single_inversions_are_no_t1(tmp_path, name):
    make(tmp_path / "sub-1", f"anat/sub-1_{name}_T1w.nii.gz", "anat/sub-1_part-mag_T1w.nii.gz")
    found = find_images(tmp_path / "sub-1")
    assert [each.path.name for each in found.t1s] == ["sub-1_part-mag_T1w.nii.gz"]
