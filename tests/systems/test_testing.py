"""The conformance test: every system passes it, and it finds systems that do not conform."""

import re
from pathlib import Path

import pytest
import torch

from petsynth.systems.registry import Entry, registered, system_names
from petsynth.systems.testing import (
    CHECKS,
    check_gradient_accumulation,
    check_kill_and_resume,
    check_prediction,
    check_same_seed,
    check_two_processes,
    make_case,
)

PAGE = Path(__file__).parents[2] / "docs" / "add-a-system.md"


@pytest.fixture
def case(tmp_path, request):
    return make_case(request.param, tmp_path)


@pytest.mark.parametrize("case", system_names(), indirect=True)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_system_conforms(case, check):
    check(case)


def page_code() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


def test_page_adds_a_system():
    """The page's code runs as it stands, and its system passes all checks."""
    names: dict = {"__name__": "add_a_system"}
    for block in page_code():
        exec(block, names)
    lines = [line for block in page_code()[:3] for line in block.splitlines() if line.strip()]
    assert len(lines) < 150


@pytest.fixture
def toy():
    """Return the page's system before it is registered: configuration and class."""
    names: dict = {"__name__": "add_a_system"}
    for block in page_code()[:3]:
        exec(block, names)
    return names["ConvolutionConfig"], names["ConvolutionSystem"], names["ConvolutionTraining"]


def broken(toy, **changes):
    """Return an entry of the toy system whose training has some methods replaced."""
    config, system, training = toy
    flawed = type("Flawed", (training,), changes)

    class FlawedSystem(system):
        def start_training(self, data, fabric):
            return flawed(self.config, data, fabric)

    return Entry(("convolution",), config, FlawedSystem)


def test_finds_a_step_that_depends_on_the_steps_before(toy, tmp_path):
    training = toy[2]

    def train_step(self, batch, step, *, measure):
        self.seen = getattr(self, "seen", 0) + 1
        return training.train_step(self, tuple(each * self.seen for each in batch), step,
                                   measure=measure)  # fmt: skip

    with registered(broken(toy, train_step=train_step)):
        case = make_case("convolution", tmp_path)
        with pytest.raises(AssertionError, match="resuming gives other weights"):
            check_kill_and_resume(case)


def test_finds_an_ignored_seed(toy, tmp_path):
    training = toy[2]

    def start(self, config, data, fabric):
        training.__init__(self, config, data, fabric)
        torch.nn.init.zeros_(self.networks.generator.weight)
        torch.nn.init.zeros_(self.networks.generator.bias)

    def batches(self, first):
        for step in range(first, self.steps):
            names = self.participants[: self.config.training.batch_size]
            t1 = torch.stack([torch.from_numpy(self.data.mri(name) + 0) for name in names])
            yield t1[:, None], t1[:, None] * 0 + step

    with registered(broken(toy, __init__=start, batches=batches)):
        case = make_case("convolution", tmp_path)
        with pytest.raises(AssertionError, match="another seed gives the same weights"):
            check_same_seed(case)


def test_finds_processes_that_see_the_same_samples(toy, tmp_path):
    training = toy[2]

    def batches(self, first):
        rank, self.fabric = self.fabric, _FirstOf(self.fabric)
        try:
            yield from training.batches(self, first)
        finally:
            self.fabric = rank

    with registered(broken(toy, batches=batches)):
        case = make_case("convolution", tmp_path)
        with pytest.raises(AssertionError, match="two processes give other weights"):
            check_two_processes(case)


class _FirstOf:
    """A Fabric that believes to be the first process."""

    global_rank = 0

    def __init__(self, fabric):
        self._fabric = fabric

    def __getattr__(self, name):
        return getattr(self._fabric, name)


def test_finds_a_spread_that_is_not_announced(toy, tmp_path):
    config, system, _ = toy

    class Talkative(system):
        def predict(self, model, t1_XYZ, settings, subject):
            pet = super().predict(model, t1_XYZ, settings, subject)
            return type(pet)(pet.mean, pet.mean * 0)

    with registered(Entry(("convolution",), config, Talkative)):
        case = make_case("convolution", tmp_path)
        with pytest.raises(AssertionError, match="std_kind and the result disagree"):
            check_prediction(case)


def test_accumulation_is_no_concern_of_systems_without_it(toy, tmp_path):
    config, system, _ = toy
    with registered(Entry(("convolution",), config, system)):
        check_gradient_accumulation(make_case("convolution", tmp_path))


def test_a_name_is_given_once(toy):
    config, system, _ = toy
    with (
        pytest.raises(ValueError, match="pix2pix-axial"),
        registered(Entry(("pix2pix-axial",), config, system)),
    ):
        pass
