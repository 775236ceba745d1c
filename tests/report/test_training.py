"""Loss curves from the logs of runs."""

from types import SimpleNamespace

import pytest

from petsynth.report.training import draw_training


@pytest.fixture
def model(tmp_path):
    (tmp_path / "train_log.csv").write_text("step,epoch,l1,seconds\n10,1,0.5,1\n20,2,0.25,2\n")
    (tmp_path / "validation_log.csv").write_text("step,epoch,brain_mae\n10,1,0.2\n20,2,0.1\n")
    run = SimpleNamespace(folder=tmp_path, simulated=True, unit="SUVR")
    return SimpleNamespace(name="net", run=run)


def test_losses_and_validation_error_by_step(model):
    (drawn,) = draw_training([model])
    losses, validation = drawn.figure.axes
    assert [list(line.get_ydata()) for line in losses.lines] == [[0.5, 0.25]]
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["l1"]
    assert list(validation.lines[0].get_xdata()) == [10, 20]
    assert validation.get_ylabel() == "validation error, SUVR"


@pytest.mark.parametrize("text", [None, "", "step,l1\nten,x\n", "step,l1\n", "a,b\n1,2\n"])
def test_a_log_that_is_missing_or_damaged_is_left_out(model, text):
    for name in ("train_log.csv", "validation_log.csv"):
        path = model.run.folder / name
        path.unlink()
        if text is not None:
            path.write_text(text)
    assert draw_training([model]) == []
