"""What people name as their T1s: folders, BIDS datasets, other formats, several processes."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.cli.test_predict import save_t1

from petsynth.cli.main import run
from petsynth.cli.predict import parse
from petsynth.cli.predict_inputs import convert_inputs, expand_folders
from petsynth.errors import ArgumentError, InputError


@pytest.fixture
def dataset(tmp_path):
    """Return a BIDS dataset of three T1s and what else stands in one."""
    root = tmp_path / "bids"
    for name in (
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
        "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz",
        "sub-02/anat/sub-02_T1w.nii.gz",
        "sub-02/anat/sub-02_T2w.nii.gz",
        "sub-02/pet/sub-02_trc-18FFDG_pet.nii.gz",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        save_t1(root / name)
    return root


def named(*words):
    args, _ = expand_folders(parse([*map(str, words), "--out", "o"]))
    return [path.name for path in args.t1]


def test_all_t1s_of_a_bids_dataset_or_of_some_participants(dataset):
    first = ["sub-01_ses-a_T1w.nii.gz", "sub-01_ses-b_T1w.nii.gz"]
    assert named(dataset) == [*first, "sub-02_T1w.nii.gz"]
    assert named(dataset, "--participant-label", "1") == first
    assert named("--participant-label", "sub-02", dataset) == ["sub-02_T1w.nii.gz"]
    with pytest.raises(InputError, match=r"no participant 7; there are sub-01, sub-02"):
        named(dataset, "--participant-label", "7")
    with pytest.raises(ArgumentError, match="--participant-label: is for a BIDS dataset"):
        named(dataset / "sub-02" / "anat", "--participant-label", "2")


def test_all_t1s_of_a_folder(dataset):
    folder = dataset / "sub-02" / "anat"
    nib.save(nib.Nifti1Pair(np.ones((4, 4, 4), np.float32), np.eye(4)), folder / "b.img")
    (folder / "notes.txt").write_text("")
    (folder / "b_mask.nii.gz").write_text("")
    assert named(folder) == ["b.hdr", "sub-02_T1w.nii.gz"]


def test_a_t1_that_is_given_twice_is_predicted_once(dataset, caplog):
    folder = dataset / "sub-02" / "anat"
    t1 = folder / "sub-02_T1w.nii.gz"
    assert named(t1, folder, folder / ".." / "anat" / t1.name) == [t1.name]
    assert caplog.text.count("is given twice; predicted once") == 2


def test_a_folder_without_a_t1_does_not_stop_the_others(dataset, tmp_path, caplog):
    t1 = dataset / "sub-02" / "anat" / "sub-02_T1w.nii.gz"
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    (other / "sub-03").mkdir(parents=True)
    args, failed = expand_folders(parse([*map(str, (empty, t1, other)), "--out", "o"]))
    assert args.t1 == (t1,)
    assert failed == [str(empty), str(other)]
    assert f"{empty}: holds no image" in caplog.text
    assert f"{other}: no T1w image" in caplog.text
    with pytest.raises(InputError, match="none of 2 inputs holds a T1"):
        expand_folders(parse([*map(str, (empty, other)), "--out", "o"]))


@pytest.mark.parametrize("target", ["anat", "nowhere"])
def test_a_participant_that_cannot_be_read_does_not_stop_the_others(dataset, caplog, target):
    (dataset / "sub-03").mkdir()
    (dataset / "sub-03" / "anat").symlink_to(target)
    args, failed = expand_folders(parse([str(dataset), "--out", "o"]))
    assert len(args.t1) == 3
    assert failed == [str(dataset / "sub-03")]
    assert f"error: {dataset}/sub-03/anat: is a link" in caplog.text


def test_folders_without_images_are_one_line(tmp_path):
    with pytest.raises(InputError, match=r"holds no image \(\.nii.*\), no DICOM and"):
        named(tmp_path)
    (tmp_path / "IM1").write_bytes(bytes(128) + b"DICM")
    assert named(tmp_path) == [tmp_path.name]  # which series is a T1 is seen later


def test_one_that_cannot_be_read_does_not_stop_the_others(dataset, tmp_path):
    good, bad = dataset / "sub-02" / "anat" / "sub-02_T1w.nii.gz", tmp_path / "bad.mgz"
    bad.write_bytes(b"no image")
    words = [bad, good, "--masks", bad, good, "--out", "o"]
    found = convert_inputs(parse([*map(str, words)]), tmp_path)
    assert (found.args.t1, found.args.masks, found.failed) == ((good,), (good,), [str(bad)])
    assert found.names == {good: good}
    with pytest.raises(InputError, match=r"bad\.mgz: cannot be read"):
        convert_inputs(parse([str(bad), "--out", "o"]), tmp_path / "other")


def test_a_dataset_in_processes_side_by_side(bids, truth, tiny_run, tmp_path, capfd):
    """The command end to end; one log says all, and a second time all is kept."""
    words = ["predict", bids, "--participant-label", "001", "002", "--masks", truth]
    words += ["--out", tmp_path / "out", "--model", tiny_run, "--nprocs", "2"]
    assert run([*map(str, words)]) == 0
    names = {path.name.partition("_")[0] for path in (tmp_path / "out").rglob("*_pet.nii.gz")}
    assert names == {"sub-001", "sub-002"}
    (log,) = (tmp_path / "out" / "logs").glob("*.log")
    assert log.read_text().count("_desc-synth_pet.nii.gz\n") == 2
    capfd.readouterr()
    assert run([*map(str, words[:-1]), "1"]) == 0
    assert capfd.readouterr().err.count("(kept: the same model, inputs and options)") == 2


def test_freesurfers_t1_gives_the_same_pet(bids, truth, tiny_run, tmp_path):
    t1 = bids / "sub-001" / "anat" / "sub-001_T1w.nii.gz"
    image = nib.load(t1)
    other = tmp_path / "sub-001_T1w.mgz"
    nib.save(nib.MGHImage(image.get_fdata(dtype=np.float32), image.affine), other)
    pets = []
    for number, path in enumerate((t1, other)):
        words = ["predict", path, "--masks", truth, "--model", tiny_run]
        assert run([*map(str, words), "--out", str(tmp_path / str(number))]) == 0
        (pet,) = (tmp_path / str(number)).rglob("*_space-T1w_desc-synth_pet.nii.gz")
        pets.append(nib.load(pet))
    assert pets[0].shape == image.shape
    np.testing.assert_allclose(pets[1].affine, image.affine, atol=1e-4)
    np.testing.assert_allclose(pets[1].get_fdata(), pets[0].get_fdata(), atol=1e-3)


def test_parts_divide_participants_or_t1s(dataset, tmp_path):
    """Each T1 is in one part, and a mask stays with its T1."""

    def parts(*words):
        typed = [*map(str, words), "--out", "o", "--num-parts", "2", "--part-id"]
        return [expand_folders(parse([*typed, str(part)]))[0] for part in (0, 1)]

    everything = expand_folders(parse([str(dataset), "--out", "o"]))[0].t1
    first, second = (found.t1 for found in parts(dataset))
    assert sorted(first + second) == sorted(everything)
    assert {path.parts[-3] for path in first}.isdisjoint({path.parts[-3] for path in second})
    t1s, masks = [[tmp_path / f"{kind}{n}.nii" for n in range(3)] for kind in ("t1", "mask")]
    (first, second) = parts(*t1s, "--masks", *masks)
    assert (first.t1, first.masks) == ((t1s[0], t1s[2]), (masks[0], masks[2]))
    assert (second.t1, second.masks) == ((t1s[1],), (masks[1],))
    with pytest.raises(ArgumentError, match=r"--num-parts: .* give --masks as a folder"):
        parts(dataset, "--masks", *masks)


def test_a_part_without_t1s_is_no_mistake(tmp_path, capsys):
    words = ["predict", str(tmp_path / "a.nii"), "--out", str(tmp_path / "out")]
    assert run([*words, "--num-parts", "3", "--part-id", "2"]) == 0
    assert "part 2 of 3 has no T1: nothing to do" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_parts_into_one_folder_and_a_bad_t1_side_by_side(bids, truth, tiny_run, tmp_path, capfd):
    """Together they make what one job makes; the page is left to whoever wants it."""
    bad = tmp_path / "sub-bad_T1w.nii.gz"
    bad.write_bytes(b"no image")
    t1s = [bids / f"sub-{n}" / "anat" / f"sub-{n}_T1w.nii.gz" for n in ("001", "002")]
    out = tmp_path / "out"
    common = ["predict", *t1s, bad, "--masks", truth, "--model", tiny_run, "--out", out]
    common = [*map(str, common), "--nprocs", "2", "--num-parts", "2", "--part-id"]
    assert run([*common, "0"]) == 1
    told = capfd.readouterr().err
    assert "1 of 2 T1s could not be used, the others are finished" in told
    assert f"petsynth predict: error: {bad}" in told
    assert run([*common, "1"]) == 0
    assert len(list(out.rglob("*_space-T1w_desc-synth_pet.nii.gz"))) == 2
    assert (out / "dataset_description.json").exists()
    assert not (out / "index.html").exists()


def test_pipes_and_links_that_lead_nowhere_are_not_passed_over(tmp_path):
    """Each is told in a line of its own, as any file that cannot be read."""
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), tmp_path / "a.nii")
    os.mkfifo(tmp_path / "pipe.nii")
    (tmp_path / "loop.nii").symlink_to("loop.nii")
    (tmp_path / "gone.nii.gz").symlink_to("nowhere")
    assert named(tmp_path) == ["a.nii", "gone.nii.gz", "loop.nii", "pipe.nii"]
    found = convert_inputs(expand_folders(parse([str(tmp_path), "--out", "o"]))[0], tmp_path / "s")
    assert [path.name for path in found.args.t1] + [Path(each).name for each in found.failed] == [
        "a.nii", "gone.nii.gz", "loop.nii", "pipe.nii"
    ]  # fmt: skip
