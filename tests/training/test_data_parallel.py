"""Two processes give the weights of one with twice the batch: draws belong to samples."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from petsynth.systems.registry import system_names

SCRIPT = Path(__file__).with_name("train_all.py")


@pytest.fixture(scope="module")
def runs(tiny_prepared, tiny_volumes, tmp_path_factory) -> tuple[Path, Path]:
    """Return the runs of one process with batch 4, and of two with batch 2."""
    alone, together = (tmp_path_factory.mktemp(name) for name in ("alone", "together"))
    data = [str(tiny_prepared), str(tiny_volumes)]
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    for launcher, out, batch_size, processes in ([], alone, 4, 1), (torchrun, together, 2, 2):
        command = [sys.executable, *launcher, SCRIPT, *data, out, batch_size, processes]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return alone, together


@pytest.mark.slow
@pytest.mark.parametrize("system", system_names())
def test_two_processes_are_one_with_twice_the_batch(runs, system):
    one, two = (networks(run / system) for run in runs)
    assert one.keys() == two.keys()
    for name, weight in one.items():
        # The steps moved each network's weights by 3e-4 and more on average. Adam divides by the
        # size of the gradient, and so enlarges differences of rounding.
        torch.testing.assert_close(two[name], weight, rtol=0, atol=2e-5, msg=name)


def networks(run: Path) -> dict[str, torch.Tensor]:
    """Return the weights of all networks of a training's last checkpoint."""
    networks = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["networks"]
    return {
        f"{network}.{name}": weight
        for network, state in networks.items()
        if not network.endswith("_optimiser")
        for name, weight in state.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("system", system_names())
def test_only_the_first_process_writes(runs, system):
    one, two = (run / system / "train_log.csv" for run in runs)
    assert len(one.read_text().splitlines()) == len(two.read_text().splitlines())
    assert len(list((runs[1] / system).glob("events.out.*"))) == 1
