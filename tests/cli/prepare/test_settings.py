"""What binds all subjects of a folder of prepared data."""

import dataclasses
from pathlib import Path

import pytest

from petsynth.cli.prepare.options import Args
from petsynth.cli.prepare.settings import preprocessing_of, settings_in, settings_of
from petsynth.errors import InputError
from petsynth.prepare.output_folder import write_settings
from petsynth.preprocessing.subject import PreprocessingSettings


@pytest.fixture
def args(tmp_path):
    return Args(tmp_path / "bids", tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "voxel_mm"),
    [({}, 1.5), ({"grid": "paper-b"}, 2.0), ({"grid": "paper-b", "voxel_mm": 1.5}, 1.5)],
)
def test_voxels_are_the_papers_unless_they_are_given(args, options, voxel_mm):
    assert preprocessing_of(dataclasses.replace(args, **options)).voxel_mm == voxel_mm


def test_options_that_are_left_out_are_the_settings_defaults(args):
    assert preprocessing_of(args) == PreprocessingSettings()


def test_every_setting_comes_from_the_option_of_its_name(args):
    options = {
        "voxel_mm": 3.0, "frames": 4, "brain_mask": "deepbet", "bias_field": True,
        "units": "suvr", "reference_region": "pons", "motion": False, "psf_mm": 8.0,
        "scanner_psf_mm": 5.0, "grid": "paper-b", "registration": "none",
    }  # fmt: skip
    window = {"window_start_min": 30.0, "window_end_min": 60.0}  # of --time-window 30 60
    expected = options | window
    assert {field.name for field in dataclasses.fields(PreprocessingSettings)} == set(expected)
    changed = dataclasses.replace(args, **options, time_window=(30.0, 60.0))
    assert dataclasses.asdict(preprocessing_of(changed)) == expected


def test_settings_do_not_depend_on_where_anything_is(args, tmp_path, monkeypatch):
    (tmp_path / "filter.json").write_text('{"t1w": {"run": 1}}')
    relative = Args(Path("bids"), Path("out"), bids_filter_file=Path("filter.json"))
    monkeypatch.chdir(tmp_path)
    settings = settings_of(relative)

    assert settings.bids_filter_file == {"t1w": {"run": 1}}
    assert settings == settings_of(
        dataclasses.replace(args, bids_filter_file=tmp_path / "filter.json")
    )
    assert str(tmp_path) not in str(settings)


def test_settings_come_back_from_their_folder(args):
    settings = settings_of(dataclasses.replace(args, frames=2, max_interval=None))
    write_settings(args.out_dir, settings)
    assert settings_in(args.out_dir) == settings


@pytest.mark.parametrize(
    "options",
    [
        {"tracer_label": "FDG"},
        {"session_label": "m12"},
        {"pairs": "all"},
        {"max_interval": None},
        {"motion": False},
    ],
)
def test_what_changes_the_result_changes_the_settings(args, options):
    assert settings_of(dataclasses.replace(args, **options)) != settings_of(args)


@pytest.mark.parametrize("options", [{"seed": 3}, {"nprocs": 2}, {"test": 0.5}, {"jpeg": True}])
def test_what_changes_nothing_of_a_subject_is_no_setting(args, options):
    assert settings_of(dataclasses.replace(args, **options)) == settings_of(args)


def test_a_folder_without_settings_is_not_prepared(tmp_path):
    with pytest.raises(InputError, match="holds no prepared subjects; run the participant level"):
        settings_in(tmp_path)
