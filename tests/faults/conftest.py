"""The commands that meet faults, on data so small that each takes about a second."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from matplotlib.figure import Figure

from petsynth.figures.save import save_png
from petsynth.inference import outputs
from petsynth.inference import scan as scan_module
from petsynth.inference.scan import InputCheck
from petsynth.prepare import derivatives, participant_level
from petsynth.preprocessing.quality import Quality
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.subject import PreparedSubject
from petsynth.preprocessing.t1.alignment import PreparedT1
from petsynth.volume import Volume

from .harness import Command, Tally, as_json

CONFIG = """
system = "pix2pix-axial"
[data]
padded_size = 32
[generator]
filters = 4
max_filters = 8
levels = 2
dropout_levels = 1
[discriminator]
filters = 4
layers = 1
[training]
epochs = 2
batch_size = 12
log_every = 2
checkpoint_minutes = 1e-9
samples_every = 2
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="session")
def commands(folder, tiny_prepared, tiny_run) -> dict[str, Command]:
    (folder / "config.toml").write_text(CONFIG)
    t1s = [_save_t1(folder / "in" / f"sub-{number:02}_T1w.nii.gz", number) for number in (1, 2, 3)]
    bids = _write_bids(folder / "bids")
    prepared = ["--data", str(tiny_prepared)]
    one_thread = ["--threads", "1", "--device", "cpu"]
    train = ["train", str(folder / "config.toml"), *prepared, *one_thread, "--out"]
    predict = ["predict", *t1s, "--model", str(tiny_run), *one_thread, "--out"]
    evaluate = ["evaluate", str(tiny_run), *prepared, *one_thread, "--out"]
    people = ["--subjects", "2", "--voxel-mm", "8", "--pet-voxel-mm", "8"]
    options = ["--voxel-mm", "18", "--skip-bids-validation", "--test", "2"]
    return {
        "train": Command("train", lambda out: [*train, str(out)], ("--resume",)),
        "predict": Command("predict", lambda out: [*predict, str(out)]),
        "prepare": Command("prepare", lambda out: ["prepare", bids, str(out), *options]),
        "simulate": Command(
            "simulate", lambda out: ["simulate", str(out), *people], ("--overwrite",)
        ),
        "evaluate": Command("evaluate", lambda out: [*evaluate, str(out)], ("--overwrite",)),
    }


@pytest.fixture
def tally(record_property):
    """Return counts of what goes wrong in a test; all of them together end a run of pytest."""
    counts = Tally()
    yield counts
    record_property("faults", as_json(counts))


def pytest_terminal_summary(terminalreporter):
    """Say how many faults there were, and what they led to."""
    reports = [each for kind in terminalreporter.stats.values() for each in kind]
    found = [
        json.loads(value)
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == "faults" and report.when == "teardown"
    ]
    if found:
        counts = {name: sum(each[name] for each in found) for name in found[0]}
        terminalreporter.write_line(", ".join(f"{name} {n}" for name, n in counts.items()))


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Spare registration and pictures in these modules: their results are files as any others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan_module, "prepare_t1", _prepare_t1)
        patch.setattr(scan_module, "check_input", lambda *_: InputCheck(0.7))
        patch.setattr(participant_level, "prepare_subject", _prepare_subject)
        patch.setattr(derivatives, "write_pictures", _write_pictures)
        patch.setattr(outputs, "draw_prediction", lambda _: Figure(figsize=(1, 1)))
        yield


def _save_t1(path: Path, seed: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(seed).random((12, 13, 11), dtype=np.float32)
    nib.save(nib.Nifti1Image(data, np.diag([16.0, 16, 16, 1])), path)
    return str(path)


def _write_bids(bids: Path) -> str:
    bids.mkdir()
    description = {"Name": "tiny", "BIDSVersion": "1.10.0"}
    (bids / "dataset_description.json").write_text(json.dumps(description))
    for number in range(1, 6):
        subject = f"sub-{number:02}"
        _save_t1(bids / subject / "anat" / f"{subject}_T1w.nii.gz", number)
        pet = bids / subject / "pet" / f"{subject}_trc-18FFDG_pet.nii.gz"
        _save_t1(pet, 10 + number)
        sidecar = {"TracerName": "FDG", "Units": "SUVR"}
        pet.with_name(pet.name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return str(bids)


def _prepare_t1(t1, grid, mask=None, **steps):
    mri = np.clip(resample(t1, grid, fill=-1.0).data, -1, 1)
    return PreparedT1(mri, mri > 0, np.eye(4), "given", 1.0)


def _prepare_subject(files, settings, device):
    grid = settings.pet_grid()
    number = int(files.t1.name[4:6])
    values = np.random.default_rng(number).random(grid.shape, dtype=np.float32)
    pet = Volume(values, grid.affine, "SUVR")
    return PreparedSubject(
        mri=2 * values - 1,
        t1=pet,
        pet=pet,
        noise_free=None,
        mask=np.ones(grid.shape, bool),
        unaligned_pet=pet,
        grid_to_t1=np.eye(4),
        t1_to_pet=np.eye(4),
        mask_source="given",
        quality=Quality(1400, 0.4, 0.5, 0.3, 0.1, 3.0, 2.0, 1.0),
        frame_times=([], []),
        uptake=None,
        covered=np.ones(grid.shape, bool),
    )


def _write_pictures(root, scan, subject, *, simulated=False, replaced=None):
    path = root / scan.folder / "figures" / f"{scan.stem}_desc-alignment_pet.png"
    save_png(Figure(figsize=(1, 1)), path)
    return [path]
