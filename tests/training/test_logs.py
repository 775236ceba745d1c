import importlib.util
import logging

import pytest

from petsynth.training.logs import CsvLog, RunningMeans, TensorBoardLog


def test_rows_after_a_checkpoint_and_a_row_cut_off_are_taken_away(tmp_path):
    path = tmp_path / "log.csv"
    log = CsvLog(path, ("step", "l1"))
    for step in (10, 20, 30):
        log.append({"step": step, "l1": step / 3})
    path.write_text(path.read_text() + "40,1.")
    CsvLog(path, ("step", "l1"), step=20).append({"step": 30, "l1": 0.5})
    assert path.read_text() == "step,l1\n10,3.33333\n20,6.66667\n30,0.5\n"


def test_a_new_log_starts_with_its_columns(tmp_path):
    CsvLog(tmp_path / "log.csv", ("step", "l1"))
    assert (tmp_path / "log.csv").read_text() == "step,l1\n"


def test_running_means_start_anew_when_taken():
    means = RunningMeans()
    means.add({"l1": 1.0})
    means.add({"l1": 2.0})
    assert means.take() == {"l1": 1.5}
    means.add({"l1": 5.0})
    assert means.take() == {"l1": 5.0}


def test_curves_can_be_read_by_tensorboard(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = TensorBoardLog(tmp_path, step=0)
    board.add("train", {"l1": 0.25}, step=7)
    board.close()
    curves = events.EventAccumulator(str(tmp_path)).Reload()
    (point,) = curves.Scalars("train/l1")
    assert (point.step, point.value) == (7, 0.25)


def test_missing_tensorboard_is_said_once_and_is_no_error(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, logger="petsynth")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    board = TensorBoardLog(tmp_path, step=0)
    board.add("train", {"l1": 0.25}, step=7)
    board.close()
    assert [message.count("TensorBoard") for message in caplog.messages] == [1]
    assert not list(tmp_path.iterdir())
