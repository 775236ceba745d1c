"""A subject's pictures: which there are, where they stand, and what is written on them."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from petsynth.errors import OutputError
from petsynth.figures.panels import SIMULATED_LABEL
from petsynth.io.bids.index import Scan
from petsynth.io.nifti import read_volume
from petsynth.prepare import derivatives
from petsynth.prepare import derivatives as derivatives_module
from petsynth.prepare.derivatives import write_pictures, write_subject
from petsynth.prepare.records import read_record
from petsynth.preprocessing.pet.registration import static
from petsynth.preprocessing.pet.suvr import RegionMean, Uptake
from petsynth.preprocessing.quality import Quality
from petsynth.preprocessing.subject import PreprocessingSettings
from petsynth.volume import Volume

SIDE = 12
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
SCAN = Scan("sub-1", Path("t1.nii.gz"), Path("pet.nii.gz"), "FDG")
VISIT = Scan("sub-1", Path("t1.nii.gz"), Path("pet.nii.gz"), "FDG", session="m12")
QUALITY = Quality(1400, 0.9, 0.5, 0.4, 0.1, 12.34, 3.21, 1.0)


def box(low: int, high: int) -> np.ndarray:
    inside = np.zeros((SIDE, SIDE, SIDE), bool)
    inside[low:high, low:high, low:high] = True
    return inside


def pictured_subject(*, frames=1, level=1.2, uptake=None) -> SimpleNamespace:
    """Return what pictures are drawn of; the PET is brightest in the middle of the brain."""
    mask = box(2, 10)
    random = np.random.default_rng(0)
    pet = (level * mask + 0.1 * random.random(mask.shape)).astype(np.float32)
    dynamic = np.stack([pet] * frames, axis=-1) if frames > 1 else pet
    image = Volume(dynamic, AFFINE, "SUVR")
    return SimpleNamespace(
        mri=np.where(mask, 0.4, -1.0).astype(np.float32) + 0.05 * pet,
        pet=image,
        static_pet=lambda: static(image),
        covered=np.ones_like(mask),
        aligned=True,
        time_window=None,
        unaligned_pet=Volume(np.roll(pet, 2, axis=0), AFFINE, "SUVR"),
        mask=mask,
        quality=QUALITY,
        uptake=uptake,
    )


def region(name: str, inside: np.ndarray) -> RegionMean:
    """Return a region on its own grid, which is twice as fine as the PET's."""
    fine = inside.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -1
    return RegionMean(name, 1.0, 10.0, Volume(fine, affine))


@pytest.fixture
def figures(monkeypatch):
    """Return the figures by path, which are kept instead of written."""
    kept = {}
    monkeypatch.setattr(
        derivatives_module, "save_png", lambda figure, path, **_: kept.update({path: figure})
    )
    return kept


def text_of(figure) -> str:
    """Return all that stands above and below a figure."""
    return f"{figure.get_suptitle()} | {figure.get_supxlabel()}"


@pytest.mark.parametrize(
    ("scan", "stem"),
    [(SCAN, "sub-1/figures/sub-1"), (VISIT, "sub-1/ses-m12/figures/sub-1_ses-m12")],
)
def test_pictures_stand_among_the_subjects_derivatives(tmp_path, figures, scan, stem):
    paths = write_pictures(tmp_path, scan, pictured_subject(), simulated=False)
    assert paths == [
        tmp_path / f"{stem}_desc-{name}_pet.png" for name in ("alignment", "histograms")
    ]


def test_what_is_returned_is_what_is_written(tmp_path):
    paths = write_pictures(tmp_path, SCAN, pictured_subject(), simulated=False)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(paths)
    for path in paths:
        with Image.open(path) as image:
            assert (image.format, image.width) == ("PNG", 900)


@pytest.mark.parametrize(
    ("uptake", "titles"),
    [
        (None, None),
        (Uptake(None, None, 0.9), None),
        (Uptake(region("pons", box(3, 6)), None, 0.9), ["pons"]),
        (Uptake(None, region("target", box(4, 7)), 0.9), ["target"]),
        (
            Uptake(region("pons", box(3, 6)), region("target", box(4, 7)), 0.9),
            ["pons", "target"],
        ),
    ],
)
def test_regions_are_drawn_where_there_are_any(tmp_path, figures, uptake, titles):
    paths = write_pictures(tmp_path, SCAN, pictured_subject(uptake=uptake), simulated=False)
    drawn = [path for path in paths if "desc-regions" in path.name]
    assert paths == list(figures)
    assert len(drawn) == (titles is not None)
    for path in drawn:
        rows = [ax.get_title() for ax in figures[path].axes]
        assert rows == [f"{name}, {plane}" for name in titles for plane in planes()]


def planes() -> tuple[str, ...]:
    return ("sagittal", "coronal", "axial")


def test_a_region_is_drawn_on_the_pets_grid(tmp_path, figures):
    uptake = Uptake(region("pons", box(3, 6)), None, 0.9)
    one = pictured_subject(uptake=uptake)
    *_, path = write_pictures(tmp_path, SCAN, one, simulated=False)
    axial = figures[path].axes[2]
    np.testing.assert_array_equal(axial.images[0].get_array(), one.pet.data[:, :, 4].T[::-1])


def test_the_title_tells_the_tracer_and_what_registration_did(tmp_path, figures):
    alignment, _ = write_pictures(tmp_path, VISIT, pictured_subject(), simulated=False)
    assert figures[alignment].get_suptitle() == (
        "sub-1_ses-m12, FDG: moved 12.3 mm and 3.2°, local correlation ratio 0.40 (flipped 0.10)"
    )


def test_before_and_after_registration_stand_one_above_the_other(tmp_path, figures):
    one = pictured_subject()
    alignment, _ = write_pictures(tmp_path, SCAN, one, simulated=False)
    rows = {ax.get_title().rpartition(", ")[0] for ax in figures[alignment].axes}
    assert rows == {"as the file headers say", "registered"}


@pytest.mark.parametrize("frames", [1, 2])
def test_frames_are_averaged_but_in_the_histogram(tmp_path, figures, frames):
    uptake = Uptake(region("pons", box(3, 6)), None, 0.9)
    one = pictured_subject(frames=frames, uptake=uptake)
    write_pictures(tmp_path, SCAN, one, simulated=False)
    alignment, histograms, regions = figures.values()
    assert len(alignment.axes) == 6
    assert len(regions.axes) == 3
    labels = [text.get_text() for text in histograms.axes[1].get_legend().get_texts()]
    assert len(labels) == frames + 1


def test_flags_are_written_on_the_picture_and_nothing_if_there_are_none(tmp_path, figures):
    write_pictures(tmp_path, SCAN, pictured_subject(), simulated=False)
    (fine, *_) = list(figures.values())
    assert "CHECK" not in text_of(fine)
    figures.clear()
    poor = Uptake(region("pons", box(3, 6)), None, 0.0)
    write_pictures(tmp_path, SCAN, pictured_subject(level=9.0, uptake=poor), simulated=False)
    flagged = text_of(next(iter(figures.values())))
    assert "CHECK: deformation to MNI space is poor" in flagged
    assert "; mean of the brain is 9" in flagged


@pytest.mark.parametrize("simulated", [True, False])
def test_every_picture_of_simulated_scans_says_so(tmp_path, figures, simulated):
    uptake = Uptake(region("pons", box(3, 6)), None, 0.9)
    write_pictures(tmp_path, SCAN, pictured_subject(uptake=uptake), simulated=simulated)
    assert len(figures) == 3
    for figure in figures.values():
        assert (SIMULATED_LABEL in text_of(figure)) == simulated


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "sub-1").write_text("a file")
    with pytest.raises(OutputError, match="sub-1"):
        write_pictures(tmp_path, SCAN, pictured_subject(), simulated=False)


def test_scans_that_were_only_centred_say_so(tmp_path, figures):
    one = pictured_subject()
    one.aligned = False
    one.quality = Quality(1400, *[None] * 7, t1_reproducible=None, pet_reproducible=None)
    path = write_pictures(tmp_path, SCAN, one, simulated=False)[0]
    assert "T1 and PET are centred, not aligned" in text_of(figures[path])


SHAPE = (3, 4, 5)


def volume(value: float, unit: str = "arbitrary") -> Volume:
    data = np.full(SHAPE, value, np.float32)
    return Volume(data, np.diag([2.0, 2.0, 2.0, 1.0]), unit)


@pytest.fixture
def scan(tmp_path) -> Scan:
    folder = tmp_path / "bids" / "sub-1" / "ses-a"
    (folder / "pet").mkdir(parents=True)
    pet = folder / "pet" / "sub-1_ses-a_trc-18FFDG_pet.nii.gz"
    pet.with_name("sub-1_ses-a_trc-18FFDG_pet.json").write_text(
        json.dumps({"Manufacturer": "A", "Units": "Bq/mL"})
    )
    return Scan("sub-1", folder / "anat" / "sub-1_ses-a_T1w.nii.gz", pet, "FDG", session="a")


@pytest.fixture
def subject() -> SimpleNamespace:
    reference = RegionMean("pons", 1234.5, 15.0, volume(1))
    return SimpleNamespace(
        mri=np.zeros(SHAPE, np.float32),
        t1=volume(100),
        pet=volume(1.2, "SUVR"),
        noise_free=volume(1.1, "SUVR"),
        mask=np.ones(SHAPE, bool),
        unaligned_pet=volume(1.2),
        grid_to_t1=np.eye(4),
        t1_to_pet=np.diag([1.0, -1.0, -1.0, 1.0]),
        mask_source="given",
        quality=Quality(1400, 0.4, 0.5, 0.3, 0.1, 3.0, 2.0, 1.0),
        frame_times=([0.0], [600.0]),
        uptake=Uptake(reference, None, 0.9),
        conformed=None,
        static_noise_free=lambda: volume(1.1, "SUVR"),
        static_pet=lambda: volume(1.2, "SUVR"),
        covered=np.ones(SHAPE, bool),
        aligned=True,
        time_window=None,
        lesion=None,
    )


@pytest.fixture
def record(tmp_path, scan, subject, monkeypatch):
    monkeypatch.setattr(derivatives, "write_pictures", lambda *_, **__: [])
    settings = PreprocessingSettings()
    return write_subject(
        tmp_path / "out", scan, subject, settings, {"key": 1}, notes=["assumed"], simulated=True
    )


def sidecar(out: Path, name: str) -> dict:
    return json.loads((out / "sub-1" / "ses-a" / name).read_text())


def test_the_record_names_all_files_and_comes_back(tmp_path, record):
    out = tmp_path / "out"
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {*record.files, "arrays/sub-1.json"}
    assert {"arrays/sub-1_noisefree.npy", "arrays/sub-1_mri.npy"} <= written
    assert "arrays/sub-1_t1.npy" not in written
    assert read_record(out, "sub-1") == record
    assert (record.session, record.unit, record.frames) == ("a", "SUVR", 1)
    assert (record.key, record.notes) == ({"key": 1}, ["assumed"])


def test_images_stand_among_the_subjects_derivatives_with_their_values(tmp_path, record):
    folder = tmp_path / "out" / "sub-1" / "ses-a"
    start = "sub-1_ses-a"
    t1 = read_volume(folder / "anat" / f"{start}_space-aligned_desc-preproc_T1w.nii.gz")
    mask = read_volume(folder / "anat" / f"{start}_space-aligned_desc-brain_mask.nii.gz")
    pet = read_volume(folder / "pet" / f"{start}_trc-18FFDG_space-aligned_desc-preproc_pet.nii.gz")
    assert (t1.data.max(), mask.data.max(), pet.data.max()) == (100, 1, np.float32(1.2))


def test_sidecars_tell_what_was_done_and_that_it_is_simulated(tmp_path, record):
    out, start = tmp_path / "out", "pet/sub-1_ses-a_trc-18FFDG"
    pet = sidecar(out, f"{start}_space-aligned_desc-preproc_pet.json")
    assert (pet["Manufacturer"], pet["Units"]) == ("A", "SUVR")
    assert (pet["ReferenceRegion"], pet["ReferenceValue"]) == ("pons", 1234.5)
    assert (pet["FrameTimesStart"], pet["FrameDuration"]) == ([0.0], [600.0])
    assert pet["Description"].endswith("resampled once, mean over frames")
    assert pet["Sources"][0] == "bids:raw:sub-1/ses-a/pet/sub-1_ses-a_trc-18FFDG_pet.nii.gz"
    t1 = sidecar(out, "anat/sub-1_ses-a_space-aligned_desc-preproc_T1w.json")
    assert (t1["SkullStripped"], t1["BiasFieldCorrected"]) == (False, False)
    assert pet["Simulated"] is t1["Simulated"] is True
    transform = sidecar(out, f"{start}_from-T1w_to-pet_mode-image_xfm.json")
    assert np.diag(transform["matrix"]).tolist() == [1, -1, -1, 1]
