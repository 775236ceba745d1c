"""A BIDS dataset named to ``petsynth evaluate`` is prepared for the runs that are evaluated."""

import json
import shutil

import pytest

from petsynth.cli import prepare
from petsynth.cli.evaluate_raw import TEST, is_raw, prepare_raw
from petsynth.cli.main import run
from petsynth.errors import ArgumentError


@pytest.fixture
def asked(monkeypatch):
    """Return what `petsynth prepare` is asked for; nothing is prepared."""
    asked = []
    monkeypatch.setattr(prepare, "run", asked.append)
    return asked


def test_prepared_data_are_taken_as_they_are(tiny_prepared, tmp_path, asked):
    assert prepare_raw([tiny_prepared], [], tmp_path / "out") == [tiny_prepared]
    assert asked == []


def test_a_dataset_is_prepared_as_the_model_needs_it(bids, tmp_path, asked):
    place = tmp_path / "out_prepared"
    assert prepare_raw([bids], ["petsynth-fdg"], tmp_path / "out") == [place]
    (args,) = asked
    assert (args.bids_dir, args.out_dir) == (bids, place)
    assert (args.tracer_label, args.voxel_mm, args.test) == ("FDG", 2.0, TEST)


def test_others_predictions_need_nothing_special(bids, tmp_path, asked):
    prepare_raw([bids], [], tmp_path / "out")
    assert (asked[0].tracer_label, asked[0].voxel_mm) == (None, None)


@pytest.mark.parametrize("runs", [["petsynth-fdg", "petsynth-av45"], ["petsynth-fdg"]])
def test_runs_that_need_several_data_are_refused(bids, tiny_prepared, tmp_path, asked, runs):
    folders = [bids] if len(runs) > 1 else [bids, tiny_prepared]
    with pytest.raises(ArgumentError, match="run petsynth prepare for each"):
        prepare_raw(folders, runs, tmp_path / "out")
    assert asked == []


def test_derivatives_and_empty_folders_are_not_raw(bids, tmp_path):
    assert is_raw(bids)
    assert not is_raw(tmp_path)
    folder = tmp_path / "derivative"
    shutil.copytree(bids / "sub-001", folder / "sub-001")
    (folder / "dataset_description.json").write_text(json.dumps({"DatasetType": "derivative"}))
    assert not is_raw(folder)


def test_what_prepare_refuses_is_one_line(bids, tmp_path, capsys):
    words = ["evaluate", "petsynth-av45", "--data", str(bids), "--out", str(tmp_path / "out")]
    assert run(words) == 1
    assert "AV45" in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "out").exists()
