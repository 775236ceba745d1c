"""Kinds of values: which numbers they take, and that unknown keys are refused."""

import dataclasses
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from petsynth.systems import fields
from petsynth.systems.registry import config_class, system_names

TAKEN = {
    "Positive": ([1, 10**6], [0, -1, 0.5, "many", 10**6 + 1, 10**400]),
    "NotNegative": ([0, 2**63 - 1], [-1, 0.5, 2**63]),
    "Processes": ([0, 256], [-1, 257]),
    "PositiveFloat": ([1e-9, 3.5], [0.0, -1.0, float("inf"), float("nan")]),
    "Weight": ([0.0, 100.0], [-0.1, float("inf"), float("nan")]),
    "Fraction": ([0.0, 0.5, 1.0], [-0.1, 1.1]),
    "FractionBelowOne": ([0.0, 0.999], [1.0, -0.1]),
    "Precision": (["auto", "32-true", "bf16-mixed"], ["16-true", "bf16"]),
}


@pytest.mark.parametrize("name", TAKEN)
def test_values_are_taken_or_refused(name):
    adapter = TypeAdapter[Any](getattr(fields, name))
    taken, refused = TAKEN[name]
    assert [adapter.validate_python(value) for value in taken] == taken
    for value in refused:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


@dataclass(frozen=True, config=fields.STRICT)
class Table:
    """A table of a configuration."""

    width: fields.Positive = 3


def test_an_unknown_key_is_a_mistake():
    assert TypeAdapter(Table).validate_python({"width": 4}) == Table(4)
    with pytest.raises(ValidationError, match="heigth"):
        TypeAdapter(Table).validate_python({"heigth": 4})


@pytest.mark.parametrize("name", system_names())
def test_every_configuration_is_frozen_and_has_what_the_trainer_reads(name):
    config = config_class(name)()
    assert isinstance(config.seed, int)
    assert config.mistakes() == []
    for setting in (
        *("batch_size", "precision", "log_every", "checkpoint_minutes", "validate_every"),
        "samples_every",
    ):
        assert hasattr(config.training, setting)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 1
