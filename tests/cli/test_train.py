import pytest

from petsynth.cli.main import run
from petsynth.config import kind_of, known_keys, load_config

SMALL = [
    "--generator.filters", "4", "--generator.max-filters", "8", "--generator.levels=2",
    "--discriminator.filters", "4", "--discriminator.layers", "1",
    "--data.padded-size", "32", "--training.max-steps", "3", "--training.batch-size", "8",
]  # fmt: skip


def command(tiny_prepared, run_folder, *more: str) -> list[str]:
    folders = ["--data", str(tiny_prepared), "--out", str(run_folder)]
    return ["train", "small/pix2pix-axial.toml", *folders, "--threads", "1", *SMALL, *more]


def test_a_run_from_the_command_line(tiny_prepared, tmp_path, capsys):
    arguments = command(tiny_prepared, tmp_path / "run", "--seed", "5")
    assert run([*arguments, "--data.planes", "coronal", "axial"]) == 0
    config = load_config(tmp_path / "run" / "config.toml")
    assert (config.seed, config.generator.max_filters) == (5, 8)
    assert config.data.planes == ("coronal", "axial")
    assert (tmp_path / "run" / "model.safetensors").exists()
    messages = capsys.readouterr().err
    assert "training: 3/3, 0:00:00 left" in messages
    assert "l1 0." in messages


def test_resuming_and_overwriting(tiny_prepared, tmp_path, capsys):
    arguments = command(tiny_prepared, tmp_path / "run")
    assert run(arguments) == 0
    assert run(arguments) == 1
    assert "--resume" in capsys.readouterr().err
    assert run([*arguments, "--resume"]) == 0
    assert run([*arguments, "--resume", "--loss.l1", "50"]) == 1
    assert "loss.l1 (100.0 there, 50.0 now)" in capsys.readouterr().err
    assert run([*arguments, "--overwrite", "--loss.l1", "50"]) == 0


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        (["--training.epoch", "3"], 2, "option --training.epoch (did you mean --training.epochs?)"),
        (["--trainin.epochs=3"], 2, "did you mean --training.epochs?"),
        (["--training.epochs", "many"], 2, "training.epochs: input should be a valid integer"),
        (["--data.flip", "perhaps"], 2, "data.flip: input should be a valid boolean"),
        (
            ["--data.planes", "axial", "oblique"],
            2,
            "--data.planes oblique: must be one of sagittal, coronal, axial",
        ),
    ],
)
def test_mistyped_overrides_are_one_line_and_nothing_is_written(
    tiny_prepared, tmp_path, capsys, more, status, message
):
    assert run(command(tiny_prepared, tmp_path / "run", *more)) == status
    messages = capsys.readouterr().err
    assert message in messages
    assert messages.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_an_unknown_option_is_a_wrong_argument(tiny_prepared, tmp_path, capsys):
    assert run(command(tiny_prepared, tmp_path / "run", "--sead", "3")) == 2
    assert "unknown option --sead (did you mean --seed?)" in capsys.readouterr().err


def test_an_option_without_its_value_is_a_wrong_argument(tiny_prepared, tmp_path, capsys):
    assert run(command(tiny_prepared, tmp_path / "run", "--training.epochs")) == 2
    assert "--training.epochs" in capsys.readouterr().err


def test_help_lists_every_configuration_key(capsys):
    assert run(["train", "small/pix2pix-axial.toml", "--help"]) == 0
    text = capsys.readouterr().out
    for key in known_keys(kind_of({})):
        if "." in key:
            assert f"--{key.replace('_', '-')}" in text
    assert "--seed" in text
    assert run(["train", "--help"]) == 0
    text = capsys.readouterr().out
    for option in ("--data", "--out", "--resume", "--overwrite", "--threads", "--device"):
        assert option in text


def test_missing_prepared_data(tmp_path, capsys):
    assert run(command(tmp_path / "nowhere", tmp_path / "run")) == 1
    assert "nowhere: no such folder of prepared data" in capsys.readouterr().err
