"""Metrics of a pair of anyone's images: known answers, scikit-image, grids, gaps, units."""

import json

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import petsynth
from petsynth.errors import ArgumentError, InputError
from petsynth.evaluation.measure import measure
from petsynth.evaluation.pair_files import PairFiles, find_companion, pair_folders, read_pairs

SHAPE = (24, 26, 28)
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])


def brain_mask():
    axes = np.meshgrid(*(np.linspace(-1.3, 1.3, n) for n in SHAPE), indexing="ij")
    return sum(axis**2 for axis in axes) < 1


def pet(seed=0):
    texture = gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 1)
    return np.where(brain_mask(), 1 + texture, 0).astype(np.float32)


def image(data, affine=AFFINE):
    return nib.Nifti1Image(np.asarray(data, np.float32), affine)


def write(folder, name, data, affine=AFFINE, **sidecar):
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(image(data, affine), folder / f"{name}.nii.gz")
    if sidecar:
        (folder / f"{name}.json").write_text(json.dumps(sidecar))
    return folder / f"{name}.nii.gz"


def test_parity_with_scikit_image():
    first, second = pet(), pet(1)
    found = petsynth.measure(image(first), image(second), tracer="FDG", unit="SUVR")
    assert found.data_range == 2.5
    whole = found.values["volume"]
    assert whole["psnr"] == pytest.approx(peak_signal_noise_ratio(first, second, data_range=2.5))
    expected = structural_similarity(
        first.astype(float), second.astype(float), data_range=2.5, gaussian_weights=True,
        use_sample_covariance=False,
    )  # fmt: skip
    assert whole["ssim"] == pytest.approx(expected, abs=1e-5)
    inside = first != 0
    error = (first - second)[inside].astype(float)
    brain = found.values["brain"]
    assert brain["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert brain["mae"] == pytest.approx(np.abs(error).mean())
    assert brain["nrmse"] == pytest.approx(brain["rmse"] / 2.5)
    assert brain["pearson_r"] == pytest.approx(np.corrcoef(first[inside], second[inside])[0, 1])
    assert found.voxels["brain"] == inside.sum()
    assert found.voxels["middle_slice"] == SHAPE[0] * SHAPE[1]


def test_identical_images_are_remarked():
    found = petsynth.measure(image(pet()), image(pet()), unit="SUVR", tracer="FDG")
    for values in found.values.values():
        assert values["psnr"] == np.inf
        assert values["mae"] == 0
        assert (values["ssim"], values["ms_ssim"]) == pytest.approx((1, 1))
        assert values["concordance"] == pytest.approx(1)
    assert found.remarks == ("the images are identical, voxel by voxel",)
    assert found.to_dict()["values"]["volume"]["psnr"] is None


def test_a_constant_offset():
    found = petsynth.measure(image(pet()), image(pet() + 0.25), data_range=2.5)
    values = found.values["volume"]
    assert values["mae"] == pytest.approx(0.25, abs=1e-6)
    assert values["psnr"] == pytest.approx(20)
    assert values["pearson_r"] == pytest.approx(1)
    variance = pet().astype(float).var()
    assert values["concordance"] == pytest.approx(2 * variance / (2 * variance + 0.0625), abs=1e-5)


def test_another_grid_is_resampled_once_and_said():
    # Every plane of x but the first four, flipped: another grid, the same voxels in the world.
    affine = AFFINE.copy()
    affine[0, 3] = 4 * 4.0
    found = petsynth.measure(image(pet()), image(pet()[4:], affine), data_range=2.5)
    assert found.uncovered["volume"] == 4 * SHAPE[1] * SHAPE[2]
    assert found.values["volume"]["mae"] == pytest.approx(0, abs=1e-6)
    assert found.values["volume"]["ssim"] == pytest.approx(1)
    (note,) = found.notes
    assert "resampled once, linearly, from 20 x 26 x 28 voxels" in note
    assert "left out: 2912 in volume" in found.remarks[-1]


def test_axes_in_another_order_are_no_resampling():
    affine = np.diag([-4.0, 4.0, 4.0, 1.0])
    affine[0, 3] = 4.0 * (SHAPE[0] - 1)
    flipped = image(pet()[::-1], affine)
    found = petsynth.measure(image(pet()), flipped, data_range=2.5)
    assert found.notes == ()
    assert found.values["brain"]["rmse"] == 0


def test_nan_is_left_out_and_counted():
    first, second = pet(), pet(1)
    hole = second.copy()
    hole[:, :, :3] = np.nan
    found = petsynth.measure(image(first), image(hole), data_range=2.5)
    assert found.uncovered["volume"] == 3 * SHAPE[0] * SHAPE[1]
    expected = np.abs(first - second)[:, :, 3:].mean()
    assert found.values["volume"]["mae"] == pytest.approx(expected, rel=1e-5)
    # Windows that reach into the hole count nothing: the rest is as if there were none.
    map_ = structural_similarity(
        first.astype(float), second.astype(float), data_range=2.5, gaussian_weights=True,
        use_sample_covariance=False, full=True,
    )[1]  # fmt: skip
    expected = map_[5:-5, 5:-5, 8:-5].mean()
    assert found.values["volume"]["ssim"] == pytest.approx(expected, abs=1e-5)


def test_images_that_lie_elsewhere_are_refused():
    affine = AFFINE.copy()
    affine[:3, 3] = 1000
    with pytest.raises(InputError, match="lies elsewhere than the reference"):
        petsynth.measure(image(pet()), image(pet(), affine))


def test_dynamic_pet_is_averaged_by_duration(tmp_path):
    frames = np.stack([pet() + 1, pet() + 3], axis=3)
    reference = write(
        tmp_path, "sub-1_pet", frames, Units="kBq/mL", FrameDuration=[60, 540],
        FrameTimesStart=[0, 60],
    )  # fmt: skip
    synthetic = write(tmp_path, "synthetic", (pet() + 2.8) * 1000, Units="Bq/mL")
    found = petsynth.measure(reference, synthetic)
    assert found.unit == "Bq/mL"
    assert found.values["volume"]["mae"] == pytest.approx(0, abs=1e-2)
    assert "mean of 2 frames, weighted by FrameDuration" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"Units": "SUVR"}, {"Units": "Bq/mL"}, "its unit is Bq/mL, that of .* is SUVR"),
        ({"TracerName": "FDG"}, {"TracerName": "florbetapir"}, "its tracer is AV45, .* is FDG"),
    ],
)
def test_other_units_and_tracers_are_refused(tmp_path, first, second, message):
    reference = write(tmp_path, "a", pet(), **first)
    synthetic = write(tmp_path, "b", pet(1), **second)
    with pytest.raises(InputError, match=message):
        petsynth.measure(reference, synthetic)


def test_what_was_given_may_not_contradict_the_sidecar(tmp_path):
    reference = write(tmp_path, "a", pet(), Units="SUVR")
    with pytest.raises(InputError, match="--unit Bq/mL, but the sidecar or name says SUVR"):
        petsynth.measure(reference, image(pet()), unit="Bq/mL")


def test_an_undeclared_range_is_that_of_the_reference_and_said():
    found = petsynth.measure(image(pet()), image(pet(1)))
    assert found.data_range == pytest.approx(float(pet().max() - pet().min()))
    assert "highest minus lowest value of 1 reference image" in found.data_range_source
    with pytest.raises(ArgumentError, match="must be positive"):
        petsynth.measure(image(pet()), image(pet(1)), data_range=-1)


def test_another_scale_is_remarked():
    found = petsynth.measure(image(pet()), image(pet(1) * 1000), data_range=2.5)
    assert "is the unit the same?" in found.remarks[0]


def test_the_given_mask_is_the_brain_on_any_grid():
    small = brain_mask() & (np.arange(SHAPE[0]) < 12)[:, None, None]
    found = petsynth.measure(image(pet()), image(pet(1)), mask=image(small), data_range=2.5)
    assert found.voxels["brain"] == small.sum()
    assert found.brain == "the given mask"
    far = AFFINE.copy()
    far[:3, 3] = 1000
    with pytest.raises(InputError, match="no voxel of it lies in the brain"):
        measure(image(pet()), image(pet(1)), mask=image(small, far))


def test_without_a_mask_a_noisy_background_is_cut_by_otsu():
    noise = np.abs(np.random.default_rng(0).normal(0, 0.02, SHAPE)) + 1e-3
    found = petsynth.measure(image(pet() + 0.5 * brain_mask() + noise), image(pet(1)))
    assert "Otsu" in found.brain
    assert found.voxels["brain"] == pytest.approx(brain_mask().sum(), rel=0.05)


def test_images_smaller_than_the_window_have_no_ssim():
    found = petsynth.measure(image(pet()[:9]), image(pet(1)[:9]), data_range=2.5)
    assert np.isnan(found.values["volume"]["ssim"])
    assert np.isfinite(found.values["volume"]["psnr"])


def test_folders_are_paired_by_entities(tmp_path):
    for name in ("sub-1_trc-18FFDG_pet", "sub-2_ses-a_pet", "sub-3_pet"):
        write(tmp_path / "ref", name, pet())
    for name in (
        "sub-01_trc-18FFDG_space-T1w_desc-synth_pet",
        "sub-01_trc-18FFDG_space-T1w_desc-synthstd_pet",
        "sub-1_trc-18FAV45_desc-synth_pet",
        "sub-2_ses-a_desc-synth_pet",
        "sub-2_ses-b_desc-synth_pet",
    ):
        write(tmp_path / "syn", name, pet(1))
    found = pair_folders(tmp_path / "ref", tmp_path / "syn")
    assert [(pair.reference.name, pair.synthetic.name) for pair in found.pairs] == [
        ("sub-1_trc-18FFDG_pet.nii.gz", "sub-01_trc-18FFDG_space-T1w_desc-synth_pet.nii.gz"),
        ("sub-2_ses-a_pet.nii.gz", "sub-2_ses-a_desc-synth_pet.nii.gz"),
    ]
    assert len(found.unpaired) == 1
    assert "sub-3_pet" in found.unpaired[0]


def test_folders_are_paired_by_name_where_names_are_no_bids(tmp_path):
    write(tmp_path / "ref", "case1", pet())
    write(tmp_path / "syn" / "deeper", "case1", pet(1))
    (pair,) = pair_folders(tmp_path / "ref", tmp_path / "syn").pairs
    assert pair.synthetic == tmp_path / "syn" / "deeper" / "case1.nii.gz"
    write(tmp_path / "other", "x", pet(1))
    with pytest.raises(InputError, match="no image of it has a partner"):
        pair_folders(tmp_path / "ref", tmp_path / "other")


def test_two_that_fit_are_told(tmp_path):
    write(tmp_path / "ref", "sub-1_pet", pet())
    for run in (1, 2):
        write(tmp_path / "syn", f"sub-1_run-{run}_pet", pet(1))
    found = pair_folders(tmp_path / "ref", tmp_path / "syn")
    assert found.pairs == []
    assert "2 synthetic images fit it" in found.ambiguous[0]


def test_a_table_of_pairs(tmp_path):
    table = tmp_path / "pairs.tsv"
    table.write_text("reference\tsynthetic\tname\tmask\nr.nii\t/s.nii\tfirst\tn/a\nr.nii\tx.nii\n")
    assert read_pairs(table) == [
        PairFiles("first", tmp_path / "r.nii", tmp_path.__class__("/s.nii")),
        PairFiles("r.nii", tmp_path / "r.nii", tmp_path / "x.nii"),
    ]
    table.write_text("reference\tother\nr.nii\ts.nii\n")
    with pytest.raises(InputError, match="has no column synthetic"):
        read_pairs(table)


def test_masks_are_found_in_the_references_space(tmp_path):
    reference = write(tmp_path / "ref", "sub-1_space-aligned_pet", pet())
    for name in ("sub-1_desc-brain_mask", "sub-1_space-aligned_desc-brain_mask", "sub-2_mask"):
        write(tmp_path / "masks", name, brain_mask())
    found = find_companion(tmp_path / "masks", reference, ("mask",))
    assert found.name == "sub-1_space-aligned_desc-brain_mask.nii.gz"
    with pytest.raises(InputError, match="no mask of it in"):
        find_companion(tmp_path / "masks", tmp_path / "sub-9_pet.nii.gz", ("mask",))
