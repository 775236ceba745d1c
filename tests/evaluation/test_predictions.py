"""Another tool's predictions beside own models: paired, brought onto the grid, compared."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from petsynth.cli.main import run
from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError, InputError, PetsynthWarning
from petsynth.evaluation.predictions import (
    check_names,
    find_predictions,
    parse_predictions,
    read_predictions,
)
from petsynth.io.text import read_table
from petsynth.prepare.records import Record, write_record

TEST = ["sub-006", "sub-007"]


def write(folder, name, values, affine, **sidecar):
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.asarray(values, np.float32), affine), folder / f"{name}.nii.gz")
    if sidecar:
        (folder / f"{name}.json").write_text(json.dumps(sidecar))


@pytest.fixture
def data(tiny_prepared):
    return PreparedData(tiny_prepared)


@pytest.fixture
def theirs(data, tmp_path):
    """Return a folder with the reference PET plus 0.1, a prediction with a known error."""
    for name in TEST:
        write(tmp_path / "theirs", f"{name}_pet", data.pet(name) + 0.1, data.grid.affine)
    return tmp_path / "theirs"


def read(folder, data, scratch, participants=TEST):
    scratch.mkdir(exist_ok=True)
    found = find_predictions("theirs", folder, data, participants)
    (method,) = read_predictions([found], data, scratch)
    return method


def test_names_and_folders(theirs, tmp_path):
    assert parse_predictions([f"A={theirs}", str(theirs)]) == {"A": theirs, "theirs": theirs}
    for word, message in [
        (f"={theirs}", "must be NAME=FOLDER"),
        ("A=", "must be NAME=FOLDER"),
        (f"A={tmp_path / 'none'}", "no such folder"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            parse_predictions([word])
    with pytest.raises(ArgumentError, match="given twice"):
        parse_predictions([f"A={theirs}", f"A={tmp_path}"])
    with pytest.raises(ArgumentError, match="called A already"):
        check_names(["A", "B", "A"])


def test_names_with_a_seed_are_runs_of_one_method(data, theirs, tmp_path):
    groups = []
    for name in ("theirs-seed0", "theirs-seed1", "theirs_seed12", "theirs seeds", "seed0"):
        found = find_predictions(name, theirs, data, TEST)
        (method,) = read_predictions([found], data, tmp_path)
        groups.append(method.group)
        assert method.name == name
    assert groups == ["theirs", "theirs", "theirs", "theirs seeds", "seed0"]


@pytest.mark.parametrize(
    "name", ["sub-06_pet", "sub-006_trc-18FFDG_desc-theirs_pet", "sub-006", "6"]
)
def test_names_that_belong_to_a_participant(data, tmp_path, name):
    write(tmp_path / "theirs", name, data.pet("sub-006"), data.grid.affine)
    found = find_predictions("theirs", tmp_path / "theirs", data, TEST)
    assert list(found.images) == ["sub-006"]
    assert found.missing == {"sub-007": "no image of it"}


def test_other_tracers_and_strangers_belong_to_nobody(data, tmp_path):
    write(tmp_path / "theirs", "sub-006_trc-18FAV45_pet", data.pet("sub-006"), data.grid.affine)
    write(tmp_path / "theirs", "sub-106_pet", data.pet("sub-006"), data.grid.affine)
    with pytest.raises(InputError, match=r"has no image of the 2 subjects.*sub-006\.nii\.gz"):
        find_predictions("theirs", tmp_path / "theirs", data, TEST)


def test_two_images_of_one_are_not_chosen_between(data, theirs):
    write(theirs, "sub-006_run-2_pet", data.pet("sub-006"), data.grid.affine)
    found = find_predictions("theirs", theirs, data, TEST)
    assert found.missing["sub-006"].startswith("2 images fit: sub-006_pet.nii.gz")


def test_an_image_on_the_grid_stays_as_it_is(data, theirs, tmp_path):
    method = read(theirs, data, tmp_path / "scratch")
    assert np.array_equal(method.predict("sub-006"), data.pet("sub-006") + np.float32(0.1))
    assert method.description == (
        "images of another tool, 2 of 2 subjects; unit not stated, taken to be SUVR (2 of 2); lies "
        "on the prepared data (its name says no space) (2 of 2)"
    )


def test_another_grid_is_resampled_once_and_said(data, tmp_path):
    """On voxels half as large a linear ramp is the same ramp."""
    grid = data.grid
    affine = grid.affine @ np.diag([0.5, 0.5, 0.5, 1])
    x = affine[0, 0] * np.arange(2 * grid.shape[0]) + affine[0, 3]
    ramp = np.broadcast_to(x[:, None, None], tuple(2 * n for n in grid.shape))
    write(tmp_path / "theirs", "sub-006_pet", ramp, affine)
    with pytest.warns(PetsynthWarning, match="sub-007 is missing: no image of it"):
        method = read(tmp_path / "theirs", data, tmp_path / "scratch")
    expected = grid.affine[0, 0] * np.arange(grid.shape[0]) + grid.affine[0, 3]
    inside = slice(2, -2)
    found = method.predict("sub-006")[inside, inside, inside]
    assert np.allclose(found, expected[inside][:, None, None], atol=1e-3)
    assert "resampled once, linearly, from 42 x 50 x 42 voxels of 4.5 mm" in method.description
    assert method.missing == {"sub-007": "no image of it"}
    assert not method.has("sub-007")


def test_an_image_in_the_t1s_space_goes_through_the_transform(tiny_prepared, tmp_path):
    """Without a transform it is refused; with one of a whole number of voxels nothing is lost."""
    folder = shutil.copytree(tiny_prepared, tmp_path / "prepared")
    data = PreparedData(folder)
    moved = np.eye(4)
    moved[:3, 3] = 18, 0, -9  # the T1's world lies 18 mm further to the right, 9 mm lower
    for name in TEST:
        values, affine = data.pet(name), moved @ data.grid.affine
        write(tmp_path / "theirs", f"{name}_space-T1w_desc-synth_pet", values, affine)
    with pytest.raises(InputError, match=r"none of its images can be used.*no transform to it"):
        read(tmp_path / "theirs", data, tmp_path / "scratch")
    for name in TEST:
        xfm = f"{name}/anat/{name}_from-aligned_to-T1w_mode-image_xfm.json"
        (folder / xfm).parent.mkdir(parents=True)
        (folder / xfm).write_text(json.dumps({"matrix": moved.tolist()}))
        write_record(folder, name, Record(name, None, {}, [xfm], "SUVR", 1, {}, []))
    method = read(tmp_path / "theirs", data, tmp_path / "scratch")
    assert np.allclose(method.predict("sub-006"), data.pet("sub-006"), atol=1e-5)
    assert "lies on the T1 (by its name)" in method.description


@pytest.mark.parametrize(
    ("entities", "sidecar", "message"),
    [
        ("", {"Units": "Bq/mL"}, "its unit is Bq/mL"),
        ("", {"TracerName": "AV45"}, "its tracer is AV45"),
        ("_space-MNI152NLin2009cAsym", {}, "is in space MNI152NLin2009cAsym; needed is aligned"),
    ],
)
def test_what_cannot_be_compared_costs_one_subject(
    data, theirs, tmp_path, entities, sidecar, message
):
    (theirs / "sub-007_pet.nii.gz").unlink()
    write(theirs, f"sub-007{entities}_pet", data.pet("sub-007"), data.grid.affine, **sidecar)
    with pytest.warns(PetsynthWarning, match=message):
        method = read(theirs, data, tmp_path / "scratch")
    assert method.has("sub-006")
    assert message in method.missing["sub-007"]


def test_what_an_image_does_not_cover_counts_as_0(data, tmp_path):
    half = np.asarray(data.pet("sub-006"))[:, :, :11]
    write(tmp_path / "theirs", "sub-006_pet", half, data.grid.affine)
    with pytest.warns(PetsynthWarning, match="sub-007 is missing"):
        method = read(tmp_path / "theirs", data, tmp_path / "scratch")
    found = method.predict("sub-006")
    assert np.allclose(found[:, :, :11], half, atol=1e-5)
    assert (found[:, :, 12:] == 0).all()
    assert "does not cover the whole brain: counts as 0 there (1 of 1)" in method.description


def evaluate(*words):
    return run(["evaluate", *map(str, words)])


def test_they_stand_in_all_tables_beside_a_run(theirs, tiny_run, tiny_prepared, tmp_path, capsys):
    out = tmp_path / "out"
    words = [tiny_run, "--predictions", f"theirs={theirs}", "--data", tiny_prepared, "--out", out]
    words.append("--no-figures")
    assert evaluate(*words) == 0
    summary = json.loads((out / "summary.json").read_text())
    # 0.1 more everywhere, in SUVR.
    assert summary["methods"]["theirs"]["brain"]["mae"]["mean"] == pytest.approx(0.1, abs=1e-6)
    assert summary["methods"]["theirs (other subject's T1)"]["brain"]["mae"]["n"] == 2
    assert summary["missing"] == {}
    comparisons = json.loads((out / "comparisons.json").read_text())
    pairs = {(each["first"], each["second"]) for each in comparisons["between_models"]}
    assert ("pix2pix-axial", "theirs") in pairs
    assert "theirs" in {each["method"] for each in comparisons["against_baselines"]}
    for table in ("metrics.tsv", "regions.tsv", "agreement.tsv"):
        assert "theirs" in set(read_table(out / table)["method"])
    assert "petsynth cannot tell whether it was trained on these test subjects" in (
        capsys.readouterr().out
    )
    assert "theirs" in (out / "report.html").read_text()


def test_missing_subjects_are_named_and_the_others_compared(
    theirs, tiny_prepared, tmp_path, capsys
):
    """No run is needed."""
    (theirs / "sub-006_pet.nii.gz").unlink()
    out = tmp_path / "out"
    words = ["--predictions", theirs, "--data", tiny_prepared, "--out", out, "--atlas", "none"]
    words.append("--no-figures")
    assert evaluate(*words) == 0
    captured = capsys.readouterr()
    line = "theirs has no prediction of sub-006: it is compared on the other 1"
    assert f"petsynth: warning: {line}" in captured.err
    assert f"- {line}." in captured.out
    summary = json.loads((out / "summary.json").read_text())
    assert summary["missing"] == {"theirs": {"sub-006": "no image of it"}}
    assert summary["methods"]["theirs"]["brain"]["mae"]["n"] == 1
    assert summary["methods"]["baseline-mean-pet"]["brain"]["mae"]["n"] == 2
    rows = read_table(out / "metrics.tsv").set_index(["method", "participant_id"])
    assert rows.loc[[("theirs", "sub-006")], "brain_mae"].tolist() == ["n/a"]
    compared = json.loads((out / "comparisons.json").read_text())["against_baselines"]
    paired = next(
        each
        for each in compared
        if (each["baseline"], each["domain"], each["metric"])
        == ("baseline-mean-pet", "brain", "mae")
    )
    assert paired["difference"]["subjects"] == 1  # both means are over the same subjects


def test_two_runs_and_predictions_may_not_share_a_name(
    theirs, tiny_run, tiny_prepared, tmp_path, capsys
):
    for name in (
        "pix2pix-axial",
        "pix2pix-axial-seed1",
    ):  # petsynth has such a run
        words = ["--predictions", f"{name}={theirs}", "--data", tiny_prepared]
        assert evaluate(tiny_run, *words, "--out", tmp_path / "out") == 2
        assert "a method is called pix2pix-axial already" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert evaluate("--data", tiny_prepared, "--out", tmp_path / "out") == 2
    assert "no run is named" in capsys.readouterr().err
