"""``petsynth predict`` as a user meets it."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from petsynth.cli.main import run as petsynth
from petsynth.inference import scan as scan_module
from petsynth.inference.scan import InputCheck
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import PreparedT1

AFFINE = np.array([[0, 0, -8.0, 90], [-9.0, 0, 0, 80], [0, 7.0, 0, -60], [0, 0, 0, 1]])


@pytest.fixture(autouse=True)
def known_alignment(monkeypatch):
    """Take the T1 as aligned already, which spares the registration."""

    def prepare(t1, grid, mask=None, **steps):
        mri = np.clip(resample(t1, grid, fill=-1.0).data, -1, 1)
        source = "deepbet" if mask is None else "given"
        return PreparedT1(mri, mri > 0, np.eye(4), source, 1.0)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare)
    monkeypatch.setattr(scan_module, "check_input", lambda *_: InputCheck(0.7))


def save_t1(path, seed=0, finer=1):
    """Save noise on 24 x 26 x 22 voxels of 8 mm, or on ``finer`` times as many along each axis."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (24 * finer, 26 * finer, 22 * finer)
    data = np.random.default_rng(seed).random(shape, dtype=np.float32)
    nib.save(nib.Nifti1Image(data, AFFINE @ np.diag([1 / finer] * 3 + [1])), path)
    return str(path)


@pytest.fixture
def t1(tmp_path):
    return save_t1(tmp_path / "in" / "sub-01_T1w.nii.gz")


@pytest.fixture
def command(tiny_run, tmp_path):
    """Return a function that predicts T1s into ``out`` and returns the exit status."""

    def predict(*arguments, model=tiny_run):
        words = [*arguments, "--out", tmp_path / "out", "--model", model, "--threads", "1"]
        return petsynth(["predict", *map(str, words)])

    return predict


MAIN = "sub-01/pet/sub-01_trc-18FFDG_space-T1w_desc-synth_pet"


def test_one_t1(command, t1, tmp_path, capsys):
    assert command(t1) == 0
    image = nib.load(tmp_path / "out" / f"{MAIN}.nii.gz")
    assert image.shape == nib.load(t1).shape
    np.testing.assert_array_equal(image.affine, AFFINE)
    assert json.loads((tmp_path / "out" / f"{MAIN}.json").read_text())["Synthetic"] is True
    assert f"{MAIN}.nii.gz" in capsys.readouterr().err


def image_of(folder, kind="synth"):
    path = folder / f"sub-01/pet/sub-01_trc-18FFDG_space-aligned_desc-{kind}_pet.nii.gz"
    return nib.load(path).get_fdata()


def test_seed_repeats_and_samples_spread(command, t1, tmp_path):
    images = []
    for seed in (1, 1, 2):
        assert command(t1, "--seed", seed, "--samples", 2, "--overwrite") == 0
        images.append((image_of(tmp_path / "out"), image_of(tmp_path / "out", "synthstd")))
    for kind in (0, 1):
        np.testing.assert_array_equal(images[0][kind], images[1][kind])
        assert not np.allclose(images[0][kind], images[2][kind])
    assert images[0][1].max() > 0


def test_batches_agree_with_one_by_one(command, t1, tmp_path):
    command(t1, "--batch-size", 1)
    one_by_one = image_of(tmp_path / "out")
    command(t1, "--batch-size", 16, "--overwrite")
    np.testing.assert_allclose(image_of(tmp_path / "out"), one_by_one, atol=1e-5)


def test_all_planes_of_an_axial_model_warn(command, t1, tmp_path, capsys):
    assert command(t1, "--planes", "all") == 0
    warning = capsys.readouterr().err
    assert "petsynth: warning:" in warning
    assert "not trained on coronal and sagittal slices" in warning
    sidecar = json.loads((tmp_path / "out" / f"{MAIN}.json").read_text())
    assert sidecar["Planes"] == ["axial", "coronal", "sagittal"]


def test_one_bad_t1_does_not_stop_the_others(command, t1, tmp_path, capsys):
    bad = tmp_path / "in" / "sub-02_T1w.nii.gz"
    bad.write_bytes(b"no image")
    last = save_t1(tmp_path / "in" / "sub-03_T1w.nii.gz")
    assert command(t1, bad, last) == 1
    for subject in ("sub-01", "sub-03"):
        assert (tmp_path / "out" / f"{MAIN.replace('sub-01', subject)}.nii.gz").exists()
    assert not list((tmp_path / "out").glob("sub-02*"))
    *_, closing = capsys.readouterr().err.strip().splitlines()
    assert closing.startswith("petsynth predict: error: 1 of 3 T1s could not be used")
    assert str(bad) in closing


BAD = {
    "missing": (lambda path: None, "no such file"),
    "2D": (lambda path: save(np.ones((9, 9))), "2 axes"),
    "NaN": (lambda path: save(np.full((9, 9, 9), np.nan)), "NaN or infinite"),
    "zero": (lambda path: save(np.zeros((9, 9, 9))), "zero everywhere"),
}


def save(data):
    return nib.Nifti1Image(data.astype(np.float32), AFFINE)


@pytest.mark.parametrize("case", BAD)
def test_bad_t1_is_one_line_and_status_1(command, tmp_path, capsys, case):
    make, message = BAD[case]
    path = tmp_path / "sub-09_T1w.nii.gz"
    image = make(path)
    if image is not None:
        nib.save(image, path)
    assert command(path) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"petsynth predict: error: {path}: ")
    assert message in line
    written = {path.parent.name for path in tmp_path.rglob("out/**/*") if path.is_file()}
    assert written <= {"logs"}  # a log of the run at most


def test_t1_without_place_in_space_warns_once(command, tmp_path, capsys):
    path = tmp_path / "sub-01_T1w.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((9, 9, 9), np.float32), None), path)
    assert command(path) == 0
    lines = capsys.readouterr().err.splitlines()
    assert sum("neither sform nor qform is set; assumed" in line for line in lines) == 1
    header = nib.load(tmp_path / "out" / f"{MAIN}.nii.gz").header
    assert int(header["sform_code"]) == int(header["qform_code"]) == 0


def test_without_model_the_pretrained_one_is_used_and_named(t1, tmp_path, capsys):
    assert petsynth(["predict", t1, "--out", str(tmp_path / "out"), "--threads", "1"]) == 0
    said = capsys.readouterr().err
    assert "model: petsynth-fdg, which comes with petsynth" in said
    assert "--model names one" in said
    sidecar = json.loads((tmp_path / "out" / f"{MAIN}.json").read_text())
    assert sidecar["Model"] == "petsynth-fdg"
    assert sidecar["SimulatedTraining"] is True
    assert (tmp_path / "out" / f"{MAIN.replace('desc-synth', 'desc-synthstd')}.nii.gz").exists()


def test_an_unknown_model_is_answered_with_what_there_is(
    t1, tiny_run, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tiny_run.parent)
    words = ["predict", t1, "--out", str(tmp_path / "out"), "--model"]
    assert petsynth([*words, "petsynt-fgd"]) == 1
    said = capsys.readouterr().err
    assert "pretrained model (did you mean petsynth-fdg?); trained runs nearby: axial" in said
    assert petsynth([*words, "my-own"]) == 1
    assert "; pretrained: petsynth-fdg, petsynth-av45, petsynth-av1451" in capsys.readouterr().err


def test_a_t1_unlike_the_training_data_is_warned_of(command, t1, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(scan_module, "check_input", lambda *_: InputCheck(0.1))
    assert command(t1) == 0
    assert "is unlike the T1s" in capsys.readouterr().err
    sidecar = json.loads((tmp_path / "out" / f"{MAIN}.json").read_text())
    assert (sidecar["InputCheckSimilarity"], sidecar["OutOfDistribution"]) == (0.1, True)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--samples", 0), 2),
        (("--samples", 10**23), 2),
        (("--batch-size", 0), 2),
        (("--seed", -1), 2),
        (("--device", "abacus"), 2),
        (("--masks", "a.nii", "b.nii"), 2),
        (("--planes", "diagonal"), 2),
        (("--colour", "red"), 2),
    ],
)
def test_impossible_values_and_unknown_words_are_status_2(command, t1, tmp_path, arguments, status):
    assert command(t1, *arguments) == status
    assert not (tmp_path / "out").exists()


def test_no_t1_is_status_2(command):
    assert command() == 2


def test_same_name_twice_is_refused_before_anything_is_written(command, t1, tmp_path, capsys):
    other = save_t1(tmp_path / "elsewhere" / "sub-01_T1w.nii.gz", seed=1)
    assert command(t1, other) == 1
    assert "would both be written to" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_same_name_in_other_formats_is_named_as_it_was_typed(command, t1, tmp_path, capsys):
    image = nib.load(t1)
    t1 = Path(t1)
    other = tmp_path / "elsewhere" / "sub-01_T1w.mgz"
    other.parent.mkdir()
    nib.save(nib.MGHImage(np.asarray(image.dataobj, dtype=np.float32), image.affine), other)
    assert command(t1, other) == 1
    assert f"{t1} and {other} would both be written to" in capsys.readouterr().err


def test_earlier_results_are_kept_without_overwrite(command, t1, tmp_path, capsys):
    assert command(t1) == 0
    before = (tmp_path / "out" / f"{MAIN}.nii.gz").read_bytes()
    assert command(t1, "--seed", 1) == 1
    assert "exists already and has another Seed; give --overwrite" in capsys.readouterr().err
    assert (tmp_path / "out" / f"{MAIN}.nii.gz").read_bytes() == before
    another = save_t1(tmp_path / "in" / "sub-02_T1w.nii.gz")
    assert command(another) == 0  # beside the earlier ones


def contents(folder):
    """Return all files but the logs."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log")
    return {path: path.read_bytes() for path in files}


def test_a_killed_command_goes_on(command, t1, tmp_path, capsys, monkeypatch):
    other = save_t1(tmp_path / "in" / "sub-02_T1w.nii.gz", seed=1)
    assert command(t1, other) == 0
    out = tmp_path / "out"
    before = contents(out)
    (out / f"{MAIN}.nii.gz").unlink()  # the first was killed before its main image
    half = out / "sub-01" / "pet" / ".tmp-nowhere.1-x.nii.gz"
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    (out / "index.html").unlink()
    capsys.readouterr()
    assert command(t1, other) == 0
    messages = capsys.readouterr().err
    assert messages.count("(kept: the same model, inputs and options)") == 1
    assert contents(out) == before


def test_another_t1_of_the_same_name_is_not_kept(command, t1, tmp_path, capsys):
    assert command(t1) == 0
    save_t1(tmp_path / "in" / "sub-01_T1w.nii.gz", seed=5)
    assert command(t1) == 1
    assert "has another InputsSHA256; give --overwrite" in capsys.readouterr().err
    assert command(t1, "--overwrite") == 0
    (tmp_path / "out" / f"{MAIN}.json").write_text("[" * 100_000)
    assert command(t1) == 1
    assert "has another sidecar; give --overwrite" in capsys.readouterr().err


def test_names_that_become_too_long_are_refused_before_the_computation(
    command, t1, tmp_path, capsys, monkeypatch
):
    long = save_t1(tmp_path / "in" / f"{'x' * 240}.nii.gz")
    assert command(long, t1) == 1
    messages = capsys.readouterr().err
    assert "its name is too long" in messages
    assert "1 of 2 T1s could not be used" in messages
    monkeypatch.setattr(scan_module, "prepare_t1", None)
    assert command(long) == 1
    assert "rename the T1" in capsys.readouterr().err


def test_two_at_once_into_one_folder(command, t1, tmp_path, capsys, monkeypatch):
    other = save_t1(tmp_path / "in" / "sub-02_T1w.nii.gz", seed=1)
    prepare, statuses = scan_module.prepare_t1, []

    def prepare_while_another_runs(*arguments, **steps):
        monkeypatch.setattr(scan_module, "prepare_t1", prepare)
        statuses.extend([command(t1), command(other)])
        return prepare(*arguments, **steps)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare_while_another_runs)
    assert command(t1) == 0
    assert statuses == [1, 0]  # the same T1 is refused, another is not
    assert "is writing there; wait" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").glob(".*")] == [".bidsignore"]


def test_a_folder_that_is_removed_midway_is_status_1(command, t1, tmp_path, capsys, monkeypatch):
    other = save_t1(tmp_path / "in" / "sub-02_T1w.nii.gz", seed=1)
    prepare = scan_module.prepare_t1

    def prepare_and_remove(*arguments, **steps):
        shutil.rmtree(tmp_path / "out")
        return prepare(*arguments, **steps)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare_and_remove)
    assert command(t1, other) == 1
    assert "was removed or replaced while petsynth wrote into it" in capsys.readouterr().err


def test_a_model_that_gives_nan_writes_nothing(command, t1, tmp_path, capsys, monkeypatch):
    other = save_t1(tmp_path / "in" / "sub-02_T1w.nii.gz", seed=1)
    prepare = scan_module.prepare_t1

    def prepare_extreme(*arguments, **steps):
        monkeypatch.setattr(scan_module, "prepare_t1", prepare)
        prepared = prepare(*arguments, **steps)
        return dataclasses.replace(prepared, mri=np.full_like(prepared.mri, np.nan))

    monkeypatch.setattr(scan_module, "prepare_t1", prepare_extreme)
    assert command(t1, other) == 1
    assert f"{t1}: " in (messages := capsys.readouterr().err)
    assert "voxels that are NaN or infinite" in messages
    assert [path.name for path in (tmp_path / "out").glob("sub-*")] == ["sub-02"]


def test_folder_that_holds_something_else_is_refused(command, t1, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("dear")
    assert command(t1) == 1
    assert "holds thesis.tex, which is no prediction" in capsys.readouterr().err
    assert command(t1, "--overwrite") == 0
    assert (tmp_path / "out" / "thesis.tex").read_text() == "dear"


def test_out_is_a_file(command, t1, tmp_path, capsys):
    (tmp_path / "out").write_text("dear")
    assert command(t1) == 1
    assert "is a file; name a folder" in capsys.readouterr().err


def test_masks_from_files_and_from_a_folder(command, t1, tmp_path):
    mask = tmp_path / "masks" / "sub-01" / "anat" / "sub-01_desc-brain_mask.nii.gz"
    save_t1(mask)
    for masks in (mask, tmp_path / "masks"):
        assert command(t1, "--masks", masks, "--overwrite") == 0
        sidecar = json.loads((tmp_path / "out" / f"{MAIN}.json").read_text())
        assert sidecar["BrainMask"] == "given"
    mask.unlink()
    assert command(t1, "--masks", tmp_path / "masks", "--overwrite") == 1


def test_run_of_another_configuration_is_refused(command, t1, tiny_run, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.safetensors").write_bytes((tiny_run / "model.safetensors").read_bytes())
    config = (tiny_run / "config.toml").read_text().replace("filters = 4", "filters = 8")
    (run / "config.toml").write_text(config)
    assert command(t1, model=run) == 1
    assert "is not the configuration that" in capsys.readouterr().err


LIMITED = """
import resource, sys
import numpy as np
from petsynth.inference import scan
from petsynth.preprocessing.t1.alignment import PreparedT1
from petsynth.cli.main import run

def prepare(t1, grid, mask=None, **steps):
    mri = np.random.default_rng(0).random(grid.shape, dtype=np.float32)
    return PreparedT1(mri, mri > 0, np.eye(4), "given", 1.0)

scan.prepare_t1 = prepare
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(run(sys.argv[2:]))
"""


def test_full_disk_in_the_middle_of_a_write(command, tiny_run, tmp_path):
    """The system refuses to write on: one line, status 1, the old files stay, no litter."""
    t1 = save_t1(tmp_path / "in" / "sub-01_T1w.nii.gz", finer=4)
    assert command(t1) == 0
    out = tmp_path / "out"
    before = contents(out)
    main = out / f"{MAIN}.nii.gz"
    limit = len(before[main]) // 2
    words = ["predict", t1, "--out", out, "--model", tiny_run, "--seed", 9, "--overwrite"]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, [limit, *words])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    error = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(error) == 1, done.stderr
    assert error[0].startswith("petsynth predict: error: file size limit reached while writing")
    assert str(main) in error[0]
    assert "Traceback" not in done.stderr
    assert contents(out) == before


def test_full_disk_of_a_real_file_system(command, tiny_run, tmp_path):
    """The same on a file system of 1 MB, where one may be mounted."""
    t1 = save_t1(tmp_path / "in" / "sub-01_T1w.nii.gz", finer=4)
    small = tmp_path / "small"
    small.mkdir()
    mount = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    script = 'mount -t tmpfs -o size=1m none "$0" && "$@"; echo status $?; ls -A "$0"'
    words = ["predict", t1, "--out", small, "--model", tiny_run, "--overwrite"]
    python = [sys.executable, "-c", LIMITED, -1, *words]
    try:
        done = subprocess.run(
            [*mount, script, *map(str, [small, *python])],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("needs unshare, to mount a small file system")
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"may not mount a small file system here: {done.stderr.strip()}")
    assert "status 1" in done.stdout, done.stderr
    assert "petsynth predict: error: disk full while writing" in done.stderr
    assert not [line for line in done.stdout.splitlines() if line.startswith("sub-")]
    assert ".tmp-" not in done.stdout


def test_the_folder_is_a_dataset_with_a_page_of_all_panels(command, t1, tmp_path):
    other = save_t1(tmp_path / "in" / "scan 7.nii.gz", seed=1)
    assert command(t1) == 0
    assert command(other) == 0
    out = tmp_path / "out"
    description = json.loads((out / "dataset_description.json").read_text())
    assert (description["DatasetType"], description["SimulatedTraining"]) == ("derivative", True)
    page = (out / "index.html").read_text()
    assert "Synthetic PET: 2 images" in page
    assert "sub-01/figures/sub-01_trc-18FFDG_desc-synth_panel.png" in page
    assert str(tmp_path) not in page
