"""Starting or joining processes: what is refused before anything is trained."""

import pytest

from petsynth.config import load_config, shipped_configs
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


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flags\t\t: fpu sse2 avx avx2 avx512f", "32-true"),  # torch imitates bfloat16 on it
        ("flags\t\t: fpu avx512f avx512_bf16", "bf16-mixed"),
        ("flags\t\t: fpu avx2 amx_bf16 amx_tile", "bf16-mixed"),
        ("Features\t: fp asimd bf16", "bf16-mixed"),
        ("model name\t: none that says what it can do: bf16", "32-true"),
    ],
)
def test_auto_takes_bfloat16_where_the_processor_has_it(line, expected, tmp_path, monkeypatch):
    """Said by the first processor; whatever is typed out stays what it is."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{line}\nprocessor\t: 1\n{line}\n")
    monkeypatch.setattr(distributed, "CPUINFO", cpuinfo)
    assert choose_precision("auto", on_gpu=False) == expected
    assert choose_precision("32-true", on_gpu=False) == "32-true"
    cpuinfo.unlink()
    assert choose_precision("auto", on_gpu=False) == "32-true"


@pytest.mark.parametrize(
    "name",
    [name for name in shipped_configs() if "small/" in name and "medgan" not in name]
    + ["petsynth-fdg.toml"],
)
@pytest.mark.parametrize("has_bf16", [False, True])
def test_configurations_for_a_processor_take_what_the_processor_has(name, has_bf16, monkeypatch):
    monkeypatch.setattr(distributed, "cpu_has_bf16", lambda: has_bf16)
    wanted = load_config(name).training.precision
    assert choose_precision(wanted, on_gpu=False) == ("bf16-mixed" if has_bf16 else "32-true")


def test_bfloat16_that_the_processor_imitates_is_warned_of(monkeypatch):
    monkeypatch.setattr(distributed, "cpu_has_bf16", lambda: False)
    with pytest.warns(PetsynthWarning, match="no bfloat16 arithmetic.*ten times slower"):
        assert choose_precision("bf16-mixed", on_gpu=False) == "bf16-mixed"
    monkeypatch.setattr(distributed, "cpu_has_bf16", lambda: True)
    assert choose_precision("bf16-mixed", on_gpu=False) == "bf16-mixed"
