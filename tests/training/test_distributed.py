"""Starting or joining processes: what is refused before anything is trained."""

import pytest

from petsynth.errors import PetsynthWarning, TrainingError
from petsynth.training import distributed
from petsynth.training.distributed import choose_precision, launch_fabric


@pytest.mark.parametrize("name", ["WORLD_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_processes_that_were_started_must_be_those_that_are_wanted(monkeypatch, name):
    monkeypatch.setenv(name, "2")
    with pytest.raises(TrainingError, match=r"started 2 processes, but --devices 1 --nodes 1"):
        launch_fabric("cpu")


@pytest.mark.parametrize("count", ["1", "", "many"])
def test_without_a_launcher_there_is_one_process(monkeypatch, count):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", count)
    assert launch_fabric("cpu").world_size == 1


@pytest.mark.parametrize(("devices", "nodes"), [(0, 1), (1, 0)])
def test_no_process_at_all_is_refused(devices, nodes):
    with pytest.raises(TrainingError, match="both must be 1 or more"):
        launch_fabric("cpu", devices, nodes)


def test_bfloat16_that_the_processor_imitates_is_warned_of(monkeypatch):
    monkeypatch.setattr(distributed, "cpu_has_bf16", lambda: False)
    with pytest.warns(PetsynthWarning, match="no bfloat16 arithmetic.*ten times slower"):
        assert choose_precision("bf16-mixed", on_gpu=False) == "bf16-mixed"
    monkeypatch.setattr(distributed, "cpu_has_bf16", lambda: True)
    assert choose_precision("bf16-mixed", on_gpu=False) == "bf16-mixed"
