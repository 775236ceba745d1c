"""Configuration keys between a verb's own options, and over a file's values."""

import pytest

from petsynth.cli.overrides import load_with_overrides, split_overrides
from petsynth.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("seed = 3\n[training]\nepochs = 7\nbatch_size = 2\n")
    return str(path)


@pytest.mark.parametrize(
    ("argv", "rest", "overrides"),
    [
        (["--data.padded-size=32", "c.toml"], ["c.toml"], ["--data.padded-size=32"]),
        (["--data.padded-size", "32", "c.toml"], ["c.toml"], ["--data.padded-size", "32"]),
        (
            ["--data.planes", "axial", "coronal", "--out", "run"],
            ["--out", "run"],
            ["--data.planes", "axial", "coronal"],
        ),
        (["--training.epochs", "--out", "run"], ["--out", "run"], ["--training.epochs"]),
        (["--system", "ganbert", "c.toml"], ["c.toml"], ["--system", "ganbert"]),
        (["--loss.l1", "-3"], [], ["--loss.l1", "-3"]),
        (["--trainin.epochs", "3"], [], ["--trainin.epochs", "3"]),  # mistakes are told later
        (["seed", "--overwrite"], ["seed", "--overwrite"], []),
        ([], [], []),
    ],
)
def test_keys_and_their_values_are_taken_out(argv, rest, overrides):
    assert split_overrides(argv, {"out", "overwrite"}) == (rest, overrides)


def test_an_option_of_the_verb_wins_over_a_key_of_its_name():
    words = ["--seed", "5"]
    assert split_overrides(words, {"seed"}) == (words, [])
    assert split_overrides(words, {"out"}) == ([], words)


def test_values_stand_over_the_files_and_the_last_one_counts(file):
    words = ["--training.epochs", "9", "--training.batch-size=4", "--training.batch_size", "5"]
    config = load_with_overrides(file, words)

    assert (config.seed, config.training.epochs, config.training.batch_size) == (3, 9, 5)


def test_a_seed_that_is_given_wins_and_zero_is_one(file):
    assert load_with_overrides(file, ["--seed", "5"]).seed == 5
    assert load_with_overrides(file, ["--seed", "5"], seed=0).seed == 0


@pytest.mark.parametrize(
    ("words", "planes"),
    [
        (["--data.planes", "axial", "coronal"], ("axial", "coronal")),
        (["--data.planes", "coronal"], ("coronal",)),
        (["--data.planes=sagittal"], ("sagittal",)),
    ],
)
def test_planes_are_a_list_even_of_one(file, words, planes):
    assert load_with_overrides(file, words).data.planes == planes


def test_another_system_brings_its_own_keys(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("seed = 3\n")
    words = ["--bert.hidden", "24", "--system", "ganbert"]
    config = load_with_overrides(str(path), words)

    assert (config.system, config.seed, config.bert.hidden) == ("ganbert", 3, 24)
    with pytest.raises(ConfigError, match=r"command line: unknown key 'data\.padded_size'"):
        load_with_overrides(str(path), ["--system", "ganbert", "--data.padded-size", "64"])


def test_all_unknown_keys_are_told_at_once(file):
    with pytest.raises(ConfigError, match=r"training\.epoch'.*; unknown key 'los\.l1'"):
        load_with_overrides(file, ["--training.epoch", "3", "--los.l1", "3"])


def test_a_mistake_of_the_file_is_not_the_command_lines(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[training]\nepochs = 0\n")
    with pytest.raises(ConfigError, match=r"c\.toml: training\.epochs"):
        load_with_overrides(str(path), ["--training.epochs", "3"])


def test_a_table_is_no_value(file):
    with pytest.raises(ConfigError, match="--training is a table"):
        load_with_overrides(file, ["--training", "3", "--training.epochs", "4"])
