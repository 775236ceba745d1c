"""The walk through the pages' commands (docs/tests): complete, and able to fail."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def walk():
    folder = ROOT / "docs" / "tests"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("walk", folder / "walk.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["walk"] = module  # its dataclass looks there
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("walk", None)


def test_all_that_pages_take_for_granted_can_be_made(walk, tmp_path):
    stand_ins = walk.StandIns(tmp_path / "given")
    for page in walk.pages():
        for command in walk.commands_of(page):
            if not command.reason:
                assert walk.adapted(command.text) if command.language == "sh" else True
                for name in walk.given_in(command.text):
                    assert callable(stand_ins._maker(name))


def test_most_commands_are_typed(walk):
    commands = [each for page in walk.pages() for each in walk.commands_of(page)]
    typed = [each for each in commands if not each.reason]
    assert len(typed) > 60
    of_petsynth = [each for each in commands if each.text.startswith("petsynth ")]
    assert sum(bool(each.reason) for each in of_petsynth) < len(of_petsynth) / 4


def test_what_is_named_is_given_and_what_is_written_is_not(walk):
    assert walk.given_in("petsynth import-dicom export my_bids --key k.tsv") == ["export"]
    assert walk.given_in("petsynth prepare my_bids prepared group") == ["my_bids"]
    assert walk.given_in('petsynth.predict("T1.nii.gz")') == ["T1.nii.gz"]
    assert walk.given_in("petsynth simulate my_bids --subjects 16") == []


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("petsynth describe small/ganbert.toml", "ran"),
        ("petsynth predict nothing.nii.gz --out predictions", "FAILED (1)"),
        ("docker build .", "not typed: "),
    ],
)
def test_a_command_that_fails_is_told(walk, tmp_path, monkeypatch, text, result):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    petsynth = bin_folder / "petsynth"
    petsynth.write_text(f'#!/bin/sh\nexec {sys.executable} -m petsynth "$@"\n')
    petsynth.chmod(0o755)
    monkeypatch.setattr(walk.sys, "executable", str(bin_folder / "python"))
    command = walk.Command("page.md", text)
    found = walk.type_command(command, tmp_path, walk.StandIns(tmp_path / "given"))
    assert found.startswith(result)
