"""What a training step and a prediction cost: no more than is recorded, but by a tenth.

Counted, not timed, so that every machine gives the same: floating-point operations of convolutions
and matrix products, calls of torch's operations, and bytes of the tensors that they make. The
record is ``tests/snapshots/costs.json``; whoever makes a step dearer for a reason renews it with
``PETSYNTH_RENEW_SNAPSHOTS=1`` and says why in the commit.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode

from petsynth.systems.registry import build_system, system_names
from petsynth.systems.testing import make_case
from petsynth.training.distributed import launch_fabric

RECORD = Path(__file__).resolve().parents[1] / "snapshots" / "costs.json"
TOLERANCE = 0.1
"""Growth, as a fraction of what is recorded, that needs no word."""


class Counter(TorchDispatchMode):
    """Counts operations, and the bytes of tensors whose memory none of their inputs has."""

    def __init__(self):
        super().__init__()
        self.calls = self.bytes = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        result = function(*arguments, **(named or {}))
        before = {each.untyped_storage()._cdata for each in tensors((arguments, named))}
        self.calls += 1
        self.bytes += sum(
            each.untyped_storage().nbytes()
            for each in tensors(result)
            if each.untyped_storage()._cdata not in before
        )
        return result


def tensors(of):
    return [each for each in tree_flatten(of)[0] if isinstance(each, torch.Tensor)]


def count(work):
    """Return what a function without arguments costs."""
    with FlopCounterMode(display=False) as flops, Counter() as counter:
        work()
    return {
        "flops": flops.get_total_flops(),
        "calls": counter.calls,
        "bytes": counter.bytes,
    }


def costs_of(name, folder):
    """Return the costs of a system's second training step, and of a prediction."""
    case = make_case(name, folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        changes = {"precision": "32-true"}
        if hasattr(case.config().training, "workers"):
            changes["workers"] = 0  # what other processes do is not seen
        config = case.config(training=changes)
        training = build_system(config).start_training(case.data, launch_fabric("cpu"))
        batches = training.batches(0)
        training.train_step(next(batches), 0, measure=False)  # makes the optimisers' moments
        batch = next(batches)
        step = count(lambda: training.train_step(batch, 1, measure=False))
        subject = case.data.participants("test")[0]
        with torch.no_grad():
            prediction = count(lambda: training.infer_pet(subject))
    return {"training step": step, "prediction": prediction}


def grown(record, found):
    """Return what grew by more than the tolerance, a line each."""
    return [
        f"{what}: {kind} {found[what][kind]:,}, recorded {value:,}"
        for what, recorded in record.items()
        for kind, value in recorded.items()
        if found[what][kind] > value * (1 + TOLERANCE)
    ]


@pytest.mark.parametrize("name", system_names())
def test_no_system_costs_more_than_is_recorded(name, tmp_path):
    record = json.loads(RECORD.read_text())
    if os.environ.get("PETSYNTH_RENEW_SNAPSHOTS"):
        if record.get("torch") != torch.__version__.partition("+")[0]:
            record = {"torch": torch.__version__.partition("+")[0]}
        record[name] = costs_of(name, tmp_path)
        RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    if record["torch"] != torch.__version__.partition("+")[0]:
        pytest.skip(f"recorded with torch {record['torch']}, whose operations may be others")
    assert grown(record[name], costs_of(name, tmp_path)) == []


def test_a_step_done_twice_is_noticed():
    weight = torch.ones(8, 8, requires_grad=True)
    once = {"step": count(lambda: (weight @ weight).sum().backward())}
    twice = {"step": count(lambda: (weight @ weight @ weight).sum().backward())}
    assert once["step"]["flops"] == 3 * 2 * 8**3  # forward, and two products backward
    assert grown(once, once) == []
    lines = grown(once, twice)
    assert lines[0] == "step: flops 6,144, recorded 3,072"
    assert [line.split()[1] for line in lines] == ["flops", "calls", "bytes"]
