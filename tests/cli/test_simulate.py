import pytest

from petsynth.cli.main import run
from petsynth.cli.simulate import parse


def test_defaults():
    args = parse(["out"])

    assert (args.subjects, args.tracer, args.units, args.frames) == (None, "FDG", "suvr", 1)
    assert (args.seed, args.nprocs, args.overwrite, args.labels_from) == (0, 1, False, None)


def test_every_option_reaches_its_field():
    typed = """out --subjects 3 --tracer AV45 --labels-from ixi --label-scheme muse --seed 7
        --frames 2 --units original --voxel-mm 3 --pet-voxel-mm 4 --nprocs 2
        --participants 001 002 --overwrite"""
    args = parse(typed.split())

    assert args.tracer == "AV45"
    assert str(args.labels_from) == "ixi"
    assert args.participants == ("001", "002")
    assert (args.frames, args.units, args.voxel_mm, args.pet_voxel_mm) == (2, "original", 3, 4)
    assert args.overwrite


def test_command_writes_a_cohort_and_then_refuses_to_overwrite_it(tmp_path, capsys):
    command = ["simulate", str(tmp_path / "raw"), "--subjects", "2"]
    command += ["--voxel-mm", "8", "--pet-voxel-mm", "8"]

    assert run(command) == 0
    assert (tmp_path / "raw" / "participants.tsv").exists()
    assert run(command) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert run([*command, "--overwrite"]) == 0


def test_missing_labels_are_one_line_and_status_1(tmp_path, capsys):
    assert run(["simulate", str(tmp_path / "raw"), "--labels-from", str(tmp_path / "no")]) == 1

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no such folder of labelled T1s" in error


@pytest.mark.parametrize("wrong", [["--tracer", "PIB"], ["--frames", "3"], ["--no-such-option"]])
def test_wrong_arguments_are_status_2(tmp_path, wrong, capsys):
    assert run(["simulate", str(tmp_path / "raw"), *wrong]) == 2


def test_a_cohort_without_end_is_refused(tmp_path, capsys):
    assert run(["simulate", str(tmp_path / "raw"), "--subjects", str(10**23)]) == 2
    assert "between 1 and 100000 can be simulated" in capsys.readouterr().err
