"""What ``--help`` shows: short, required first, grouped, with two examples."""

import importlib
import re

import pytest

from petsynth.cli.fields import declared
from petsynth.cli.main import COMMANDS, run
from petsynth.cli.main import module_of as module_name
from petsynth.config import shipped_configs


@pytest.fixture
def shown(capsys, monkeypatch):
    """Return a function that returns what a help shows on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def show(*words):
        assert run([*words]) == 0
        return capsys.readouterr().out

    return show


def module_of(command):
    return importlib.import_module(module_name(command))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_is_short(command, shown):
    text = shown(command, "--help")
    assert text.count("\n") < 60
    assert all(len(line) < 90 for line in text.splitlines())


@pytest.mark.parametrize("name", shipped_configs())
def test_the_help_of_a_configuration_is_short(name, shown):
    text = shown("train", name, "--help")
    assert text.count("\n") < 60
    assert not re.search(r"[a-z,'] \.\.\.( \[|$)", text, re.MULTILINE)  # cut in the middle
    assert "--out" not in text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "--help-all"])
def test_no_help_speaks_of_types(command, option, shown):
    text = shown(command, option)
    assert "None}" not in text
    assert "default: )" not in text
    assert "STR" not in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_stands_in_one_group_and_those_required_come_first(command, shown):
    module = module_of(command)
    options = [each for each in declared(module.Args) if each.options]
    grouped = [name for names in module.HELP.groups.values() for name in names]
    assert sorted(grouped) == sorted(each.name for each in options if not each.required)
    text = shown(command, "--help")
    for each in options:
        is_first = text.index(f"\n  {each.shown}") < text.find(
            f"\n{next(iter(module.HELP.groups))}:"
        )
        assert is_first == each.required


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_two_examples_that_are_understood(command):
    examples = module_of(command).HELP.examples
    assert len(examples) == 2
    for line in examples:
        words = re.search(r"petsynth (.*?)(\)|>>|  #|$)", line)[1].split()
        assert words[0] == command
        module_of(command).parse(words[1:])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command):
    assert [each.name for each in declared(module_of(command).Args) if not each.text] == []


def test_everything_is_told_at_length(shown):
    short, full = shown("prepare", "--help"), shown("prepare", "--help-all")
    assert "--derivatives" not in short
    assert "--masks DIR ..., --derivatives, -d" in full
    assert "about 1.5 GB each with deepbet" in " ".join(full.split())
