"""One subject's scans and truth, on a head that is a ball of precuneus."""

import dataclasses
import json

import nibabel as nib
import numpy as np
import pytest

from petsynth.errors import InputError, OutputError
from petsynth.io.nifti import read_grid
from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.imaging import (
    CohortPlan,
    make_anatomy,
    scan_participant,
    simulate_participant,
    write_anatomy,
    write_scan,
)
from petsynth.simulation.labelled import find_labelled_scans
from petsynth.simulation.participants import sample_participant
from petsynth.simulation.regions import CODES
from petsynth.simulation.scanner import FIELD_OF_VIEW_MM
from petsynth.simulation.sidecars import ORIGINAL_PER_SUVR
from petsynth.volume import Volume

VOXEL_MM = 8.0
RADIUS_MM = 60.0
CENTRE_MM = np.array([10.0, -20.0, 15.0])


@pytest.fixture(scope="module")
def ball() -> Anatomy:
    """Return a head of 26^3 voxels, white matter in its middle, whose T1 is of one brightness."""
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = CENTRE_MM - VOXEL_MM * 12.5
    voxels = np.indices((26, 26, 26))
    radius = VOXEL_MM * np.sqrt(((voxels - 12.5) ** 2).sum(axis=0))
    mask = radius < RADIUS_MM
    white = (radius < 25).astype(np.float32)
    side = np.where(voxels[0] < 13, CODES["precuneus_left"], CODES["precuneus_right"])
    return Anatomy(
        Volume(np.where(mask, 700.4, 0).astype(np.float32), affine),
        mask,
        (side * mask).astype(np.uint8),
        mask - white,
        white,
        np.zeros(mask.shape, np.float32),
    )


@pytest.fixture
def plan(tmp_path) -> CohortPlan:
    return CohortPlan(tmp_path / "raw", pet_voxel_mm=8.0)


@pytest.fixture(scope="module")
def participant():
    return sample_participant(0, 3, "FDG", "sub-004")


def test_the_pet_has_its_own_voxels_over_the_whole_field_of_view(plan, participant, ball):
    for edge in (8.0, 11.0):
        scan = scan_participant(dataclasses.replace(plan, pet_voxel_mm=edge), participant, ball)
        assert scan.pet.grid.voxel_mm == pytest.approx((edge, edge, edge))
        extent = np.array(scan.pet.data.shape) * edge
        assert (extent >= FIELD_OF_VIEW_MM).all()
        assert (extent < np.array(FIELD_OF_VIEW_MM) + edge).all()
        assert scan.noise_free.grid.matches(scan.pet.grid)


def test_frames_are_the_last_axis_and_the_expected_uptake_has_none(plan, participant, ball):
    static = scan_participant(plan, participant, ball)
    dynamic = scan_participant(dataclasses.replace(plan, frames=2), participant, ball)
    assert static.pet.data.ndim == 3
    assert dynamic.pet.data.shape == (*static.pet.data.shape, 2)
    np.testing.assert_array_equal(dynamic.noise_free.data, static.noise_free.data)
    np.testing.assert_array_equal(dynamic.pet_to_t1, static.pet_to_t1)
    assert len(dynamic.sidecar["FrameDuration"]) == 2


def test_the_head_moves_between_six_frames_about_where_it_lies_on_the_average(
    plan, participant, ball
):
    static = scan_participant(plan, participant, ball)
    scan = scan_participant(dataclasses.replace(plan, frames=6), participant, ball)
    assert static.frames_to_t1 == ()
    assert scan.pet.data.shape == (*static.pet.data.shape, 6)
    assert len(scan.frames_to_t1) == len(scan.sidecar["FrameDuration"]) == 6
    np.testing.assert_array_equal(scan.noise_free.data, static.noise_free.data)
    np.testing.assert_array_equal(scan.pet_to_t1, static.pet_to_t1)
    centres = []
    for number, matrix in enumerate(scan.frames_to_t1):
        bright = np.argwhere(scan.pet.data[..., number] > 0.6)
        centres.append((scan.pet.affine @ [*bright.mean(axis=0), 1])[:3])
        np.testing.assert_allclose((matrix @ [*centres[-1], 1])[:3], CENTRE_MM, atol=1.5)
    moved_mm = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    assert moved_mm.max() > 0.3


def test_a_short_frame_has_more_noise_and_their_mean_as_much_as_the_static_scan(
    plan, participant, ball
):
    plan = dataclasses.replace(plan, units="original")
    static = scan_participant(plan, participant, ball).pet.data
    frames = scan_participant(dataclasses.replace(plan, frames=6), participant, ball).pet.data
    air = (slice(0, 3), ...)  # nothing is there
    assert frames[air].std() == pytest.approx(6**0.5 * static[air].std(), rel=0.1)
    assert frames[air].mean(axis=-1).std() == pytest.approx(static[air].std(), rel=0.2)


def test_original_units_are_the_same_scan_with_its_negatives(plan, participant, ball):
    suvr = scan_participant(plan, participant, ball)
    original = scan_participant(dataclasses.replace(plan, units="original"), participant, ball)
    assert (suvr.pet.unit, original.pet.unit) == ("SUVR", "arbitrary")
    assert suvr.noise_free.unit == "SUVR"
    assert suvr.pet.data.min() == 0 > original.pet.data.min()
    for one, other in ((suvr.pet, original.pet), (suvr.noise_free, original.noise_free)):
        restored = np.maximum(other.data / ORIGINAL_PER_SUVR, 0)
        np.testing.assert_allclose(one.data, restored, rtol=1e-5)


def test_seed_and_place_in_the_cohort_decide_a_scan(plan, participant, ball):
    scan, again = (scan_participant(plan, participant, ball) for _ in range(2))
    np.testing.assert_array_equal(scan.pet.data, again.pet.data)
    assert scan.sidecar == again.sidecar
    later = scan_participant(plan, dataclasses.replace(participant, index=4), ball)
    reseeded = scan_participant(dataclasses.replace(plan, seed=1), participant, ball)
    for other in (later, reseeded):
        assert not np.array_equal(other.pet.data, scan.pet.data)
        assert not np.allclose(other.pet_to_t1, scan.pet_to_t1)


def test_another_tracer_is_scanned_in_the_same_pose(plan, participant, ball):
    one = scan_participant(plan, participant, ball)
    other = scan_participant(dataclasses.replace(plan, tracer="AV45"), participant, ball)
    np.testing.assert_array_equal(one.pet_to_t1, other.pet_to_t1)
    assert not np.allclose(one.noise_free.data, other.noise_free.data)


def test_the_expected_uptake_knows_what_the_t1_tells_and_no_more(plan, participant, ball):
    scan = scan_participant(plan, participant, ball)
    hidden = scan_participant(plan, dataclasses.replace(participant, burden=1.0), ball)
    visible = scan_participant(plan, dataclasses.replace(participant, expected_burden=1.0), ball)
    np.testing.assert_array_equal(hidden.noise_free.data, scan.noise_free.data)
    assert not np.allclose(hidden.pet.data, scan.pet.data)
    assert not np.allclose(visible.noise_free.data, scan.noise_free.data)
    np.testing.assert_array_equal(visible.pet.data, scan.pet.data)


def test_the_transform_is_rigid_and_small_about_the_middle_of_the_brain(plan, ball):
    for index in range(6):
        participant = sample_participant(0, index, "FDG", f"sub-{index}")
        matrix = scan_participant(plan, participant, ball).pet_to_t1
        np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)
        rotation = np.degrees(np.arccos((np.trace(matrix[:3, :3]) - 1) / 2))
        assert rotation < 8
        warped = (matrix @ [*CENTRE_MM, 1])[:3]
        assert np.linalg.norm(warped - CENTRE_MM) < 10


def test_the_transform_brings_the_pet_onto_the_t1(plan, participant, ball):
    scan = scan_participant(plan, participant, ball)
    bright = np.argwhere(scan.noise_free.data > 0.3)
    centre = scan.noise_free.affine @ [*bright.mean(axis=0), 1]
    np.testing.assert_allclose((scan.pet_to_t1 @ centre)[:3], CENTRE_MM, atol=1.5)


def test_written_files_hold_what_was_made(plan, participant, ball):
    scan = scan_participant(plan, participant, ball)
    write_anatomy(plan, participant, ball)
    write_scan(plan, participant, scan)
    names = {path.relative_to(plan.out).as_posix() for path in plan.out.rglob("*.*")}
    raw, derived = "sub-004", "derivatives/truth/sub-004"
    stems = [
        f"{raw}/anat/sub-004_T1w",
        f"{raw}/pet/sub-004_trc-18FFDG_pet",
        f"{derived}/anat/sub-004_desc-brain_mask",
        f"{derived}/pet/sub-004_trc-18FFDG_desc-noisefree_pet",
    ]
    transform = f"{derived}/pet/sub-004_trc-18FFDG_from-pet_to-T1w_xfm.json"
    images = {f"{stem}.nii.gz" for stem in stems}
    assert names == images | {f"{stem}.json" for stem in stems} | {transform}

    _, pet, mask, noise_free = (nib.load(plan.out / f"{stem}.nii.gz") for stem in stems)
    for image, made in ((pet, scan.pet), (noise_free, scan.noise_free)):
        np.testing.assert_array_equal(np.asarray(image.dataobj), made.data)
        np.testing.assert_allclose(image.affine, made.affine)
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(mask.dataobj), ball.mask)
    np.testing.assert_allclose(mask.affine, ball.grid.affine)
    matrix = json.loads((plan.out / transform).read_text())["matrix"]
    np.testing.assert_array_equal(matrix, scan.pet_to_t1)


@pytest.mark.parametrize(
    ("original_id", "dtype", "source", "value"),
    [
        ("n/a", np.int16, "ICBM152 2009a template", 700),
        ("IXI012-HH-1211", np.float32, "IXI012-HH-1211", 700.4),
    ],
)
def test_a_real_t1_keeps_its_values_and_its_name(
    plan, participant, ball, original_id, dtype, source, value
):
    write_anatomy(plan, dataclasses.replace(participant, original_id=original_id), ball)
    t1 = plan.out / "sub-004" / "anat" / "sub-004_T1w.nii.gz"
    image = nib.load(t1)
    assert image.get_data_dtype() == dtype
    assert image.get_fdata().max() == pytest.approx(value)
    sidecar = json.loads(t1.with_name("sub-004_T1w.json").read_text())
    assert (sidecar["Simulated"], sidecar["AnatomySource"]) == (True, source)


@pytest.mark.parametrize(
    ("tracer", "label"), [("FDG", "18FFDG"), ("AV45", "18FAV45"), ("AV1451", "18FAV1451")]
)
def test_files_are_named_by_the_tracer(plan, participant, ball, tracer, label):
    plan = dataclasses.replace(plan, tracer=tracer)
    write_scan(plan, participant, scan_participant(plan, participant, ball))
    pets = {path.name for path in (plan.out / "sub-004" / "pet").iterdir()}
    assert pets == {f"sub-004_trc-{label}_pet.nii.gz", f"sub-004_trc-{label}_pet.json"}


def test_a_labelled_subject_has_the_real_t1s_grid(plan, labelled_folder):
    (scan, _) = find_labelled_scans(labelled_folder())
    participant = sample_participant(
        0, 0, "FDG", "sub-A01", original_id="A01-X-1", age=40.0, sex="F"
    )
    assert simulate_participant(plan, participant, scan) == "sub-A01"
    t1 = plan.out / "sub-A01" / "anat" / "sub-A01_T1w.nii.gz"
    assert read_grid(t1).matches(read_grid(scan.t1))


def test_an_unreadable_real_t1_is_refused_before_anything_is_written(
    plan, participant, labelled_folder
):
    scan, _ = find_labelled_scans(labelled_folder(names=("B01-X-1", "B01-X-2")))
    scan.t1.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"B01-X-1_T1w.nii.gz"):
        make_anatomy(plan, participant, scan)
    with pytest.raises(InputError):
        simulate_participant(plan, participant, scan)
    assert not plan.out.exists()


def test_a_folder_that_cannot_be_written_is_said(plan, participant, ball):
    plan.out.write_text("a file")
    scan = scan_participant(plan, participant, ball)
    with pytest.raises(OutputError, match="raw"):
        write_anatomy(plan, participant, ball)
    with pytest.raises(OutputError, match="raw"):
        write_scan(plan, participant, scan)
