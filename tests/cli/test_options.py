"""A command's own options, those of a configuration over its file's, and names that are wrong."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parse_options, parse_with_configuration
from petsynth.config import (
    config_hash,
    known_keys,
    load_config,
    parse_config,
    shipped_configs,
)
from petsynth.errors import ConfigError, InputError, UsageError
from petsynth.systems.registry import RENAMED


@dataclass(frozen=True)
class Args:
    """Options of a command."""

    config: Annotated[str, tyro.conf.Positional]
    out: str
    tracer_label: Annotated[str | None, tyro.conf.arg(aliases=["--tracer", "-t"])] = None
    overwrite: bool = False


TRAIN, OTHER = Help("train", "Train."), Help("x", "X.")


def read(*words):
    return parse_with_configuration(Args, words, TRAIN)


def configuration(*words):
    own, config = read(*words, "--out", "run")
    assert own.out == "run"
    return config


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("seed = 3\n[training]\nepochs = 7\nbatch_size = 2\n")
    return str(path)


@pytest.mark.parametrize("name", shipped_configs())
def test_without_more_words_a_configuration_is_the_files(name):
    assert config_hash(configuration(name)) == config_hash(load_config(name))


def test_values_stand_over_the_files_and_the_last_one_counts(file):
    words = ["--training.epochs", "9", "--training.batch-size=4", "--training.batch_size", "5"]
    config = configuration(file, *words)

    assert (config.seed, config.training.epochs, config.training.batch_size) == (3, 9, 5)
    assert configuration(file, "--seed", "0").seed == 0


@pytest.mark.parametrize(
    "words",
    [
        ("CONFIG", "--training.epochs", "3", "--out", "run", "--overwrite"),
        ("--training.epochs", "3", "CONFIG", "--out", "run", "--overwrite"),
        ("--out", "run", "--overwrite", "--training.epochs", "3", "CONFIG"),
    ],
)
def test_options_may_stand_anywhere(file, words):
    own, config = read(*(file if word == "CONFIG" else word for word in words))
    assert own == Args(file, "run", overwrite=True)
    assert config.training.epochs == 3


@pytest.mark.parametrize(
    ("words", "planes"),
    [
        (["--data.planes", "axial", "coronal"], ("axial", "coronal")),
        (["--data.planes", "coronal"], ("coronal",)),
        (["--data.planes=sagittal"], ("sagittal",)),
    ],
)
def test_planes_are_a_list_even_of_one(file, words, planes):
    assert configuration(file, *words).data.planes == planes


def test_switches_of_a_configuration_take_true_or_false(file):
    assert configuration(file, "--data.flip", "false").data.flip is False
    assert configuration(file, "--data.flip", "True").data.flip is True


def test_a_system_of_the_same_options_may_be_chosen_but_no_other(file):
    planes = ["--data.planes", "axial", "coronal"]
    assert configuration(file, *planes, "--system", "pix2pix-augmented").data.planes[1] == "coronal"
    with pytest.raises(ConfigError, match="--system ganbert: has other options than pix2pix-axial"):
        configuration(file, "--system", "ganbert")
    with pytest.raises(ConfigError, match=r"got 'stack-unet' \(its name is 'unet25d' now\)"):
        configuration(file, "--system", "stack-unet")


def test_all_wrong_values_are_told_at_once(file):
    with pytest.raises(ConfigError) as refusal:
        configuration(file, "--training.epochs", "0", "--data.flip", "perhaps", "--seed", "x")
    assert str(refusal.value).startswith("command line: ")
    for option in ("--training.epochs", "--data.flip", "--seed"):
        assert f"{option}: input should be" in str(refusal.value)


def test_a_mistake_of_the_file_is_not_the_command_lines(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[training]\nepochs = 0\n")
    with pytest.raises(ConfigError, match=r"c\.toml: training\.epochs"):
        configuration(str(path), "--training.epochs", "3")


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (
            ["--trainin.epochs=3"],
            ConfigError,
            r"option --trainin\.epochs \(did you mean --training",
        ),
        (
            ["--training.batchsize", "3", "--los.l1", "-3"],
            ConfigError,
            r"options --training\.batchsize \(did you mean --training\.batch-size\?\); "
            r"--los\.l1 \(did you mean --loss\.l1\?\)$",
        ),
        (["--data.canvas", "3"], ConfigError, r"--data\.canvas \(its name is --data\.padded-size"),
        (["--sead", "3"], UsageError, r"--sead \(did you mean --seed\?\)"),
        (["--ovewrite"], UsageError, r"--ovewrite \(did you mean --overwrite\?\)"),
        (["--tracr", "x"], UsageError, r"--tracr \(did you mean --tracer\?\)"),
        (["--training", "3"], UsageError, r"--training \(did you mean --training\.epochs\?\)"),
        (["--zzz.zzz", "3"], ConfigError, r"--zzz\.zzz; petsynth train .*c\.toml --help shows"),
    ],
)
def test_unknown_options_are_answered_with_the_closest(file, words, error, message):
    with pytest.raises(error, match=message):
        configuration(file, *words)


@pytest.mark.parametrize("option", ["--tracer", "--tracer-label", "--tracer_label", "-t"])
def test_other_names_of_an_option_are_known(option):
    args = parse_options(Args, ["c", "--out=run", option, "FDG", "--no-overwrite"], OTHER)
    assert args == Args("c", "run", "FDG")


def test_an_unknown_option_is_told_before_one_that_is_missing():
    with pytest.raises(UsageError, match=r"^unknown option --oot \(did you mean --out\?\)$"):
        parse_options(Args, ["c", "--oot", "run"], OTHER)


def test_defaults_may_be_others_than_the_fields():
    default = Args(tyro.MISSING, tyro.MISSING, "AV45")
    words = ["c", "--out", "run"]
    args = parse_options(Args, words, OTHER, default=default)
    assert args.tracer_label == "AV45"


def test_a_renamed_option_of_a_command_is_answered_with_its_new_name(monkeypatch):
    monkeypatch.setitem(RENAMED, "dest", "out")
    with pytest.raises(UsageError, match=r"--dest \(its name is --out now\)"):
        parse_options(Args, ["c", "--dest", "run"], OTHER)


RENAMED_KEYS = [(old, new) for old, new in RENAMED.items() if "." in old]


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS)
def test_every_renamed_key_is_answered_in_a_file_and_on_the_command_line(old, new):
    name = next(each for each in shipped_configs() if new in known_keys(type(load_config(each))))
    was, now = (f"--{key.replace('_', '-')}" for key in (old, new))
    for typed in (was, f"--{old}"):
        with pytest.raises(ConfigError, match=rf"^unknown option {was} \(its name is {now} now\)$"):
            configuration(name, typed, "1")
    content = dataclasses.asdict(load_config(name))
    table, _, key = old.partition(".")
    content[table][key] = 1
    with pytest.raises(ConfigError, match=rf"'{old}' \(its name is '{new}' now\)"):
        parse_config(content)


def test_the_changelog_tells_every_renamed_key():
    told = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    pairs = re.findall(r"`([a-z]+\.[a-z_]+)`\s+is\s+`([a-z]+\.[a-z_]+)`", told)
    assert dict(pairs) == dict(RENAMED_KEYS)


def test_the_configuration_must_be_named():
    with pytest.raises(UsageError, match=r"missing: CONFIG, --out TEXT; name a .*small/ganbert"):
        read("--training.epochs", "3")
    with pytest.raises(InputError, match=r"nowhere\.toml: no such configuration file"):
        read("nowhere.toml")
    with pytest.raises(UsageError, match=r"ganbert\.toml is not where CONFIG is expected"):
        read("--out", "ganbert.toml", "pix2pix-axial.toml", "--bert.layers", "2")


def help_of(capsys, *words):
    with pytest.raises(SystemExit, match=r"^0$"):
        read(*words)
    return capsys.readouterr().out


def test_help_without_a_configuration_is_short(capsys):
    text = help_of(capsys, "--help")
    assert "petsynth train CONFIG --help shows that configuration's options." in text
    assert "--out TEXT" in text
    assert "--training.epochs" not in text


@pytest.mark.parametrize("name", ["small/ganbert.toml", "petsynth-fdg.toml"])
def test_help_with_a_configuration_shows_that_configuration_only(capsys, name):
    text = " ".join(help_of(capsys, name, "-h").split())
    config = load_config(name)
    keys = set(known_keys(type(config)))
    for key in keys - {key.rpartition(".")[0] for key in keys}:
        assert f"--{key.replace('_', '-')} " in text
    assert f"[{config.training.epochs}]" in text
    assert "--overwrite" not in text
    assert ("--bert.layers" in text) == (config.system == "ganbert")
