"""Given masks, stripped images, and deepbet."""

import subprocess
import sys

import numpy as np
import pytest
from nibabel.spaces import vox2out_vox

from petsynth.errors import InputError
from petsynth.preprocessing.registration.inputs import otsu_threshold
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.brain_mask import find_brain, is_skull_stripped
from petsynth.volume import Grid, Volume


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_a_given_mask_is_taken_as_it_is(cohort):
    found = find_brain(cohort[0].t1, cohort[0].mask)
    assert found.source == "given"
    np.testing.assert_array_equal(found.mask.data, cohort[0].mask.data > 0)


def test_a_mask_on_another_grid_is_resampled(cohort):
    t1, mask = cohort[0].t1, cohort[0].mask
    other = resample(mask, Grid(*vox2out_vox(mask.grid, [2.0] * 3)))
    found = find_brain(t1, other.with_data(other.data > 0.5))
    assert found.mask.data.shape == t1.data.shape
    assert dice(found.mask.data, mask.data > 0) > 0.97


def test_a_skull_stripped_t1_is_its_own_mask(cohort):
    t1, mask = cohort[0].t1, cohort[0].mask
    stripped = t1.with_data(np.where(mask.data > 0, t1.data + 1, 0))
    assert is_skull_stripped(stripped)
    found = find_brain(stripped)
    assert found.source == "skull-stripped"
    assert dice(found.mask.data, mask.data > 0) > 0.97


def test_a_head_is_not_skull_stripped(cohort):
    assert not is_skull_stripped(cohort[0].t1)


def test_a_denoised_head_with_exact_zeros_around_is_not_skull_stripped(cohort):
    t1 = cohort[0].t1
    denoised = t1.with_data(np.where(t1.data > otsu_threshold(t1.data) / 2, t1.data, 0))
    assert (denoised.data == 0).mean() > 0.4
    assert not is_skull_stripped(denoised)


def test_an_implausible_mask_is_refused(cohort):
    t1 = cohort[0].t1
    speck = np.zeros(t1.data.shape, dtype=bool)
    speck[10:15, 10:15, 10:15] = True
    with pytest.raises(InputError, match=r"holds [0-9.]+ mL within.*400 to 2500"):
        find_brain(t1, t1.with_data(speck))


def test_without_deepbet_the_message_says_what_to_do(cohort, monkeypatch):
    monkeypatch.setitem(sys.modules, "deepbet.bet", None)
    with pytest.raises(InputError, match=r"pip install deepbet.*--masks DIR"):
        find_brain(cohort[0].t1)


def test_deepbet_opens_no_window():
    pytest.importorskip("deepbet")
    code = "import sys, deepbet.bet; print([name for name in sys.modules if 'tkinter' in name])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_deepbet_refuses_an_image_without_a_brain():
    pytest.importorskip("deepbet")
    noise = np.random.default_rng(0).normal(size=(40, 40, 40)).astype(np.float32)
    with pytest.raises(InputError, match="deepbet"):
        find_brain(Volume(noise, np.diag([5.0, 5.0, 5.0, 1.0])))


@pytest.mark.parametrize(("device", "no_gpu"), [("cpu", True), ("auto", False), ("cuda", False)])
def test_deepbet_computes_where_it_is_told(cohort, monkeypatch, device, no_gpu):
    bet = pytest.importorskip("deepbet.bet")
    asked = []

    class Extraction:
        def __init__(self, no_gpu):
            asked.append(no_gpu)

        def run_model(self, data):
            return cohort[0].mask.data.astype(float)

        def postprocess(self, mask):
            return mask

    monkeypatch.setattr(bet, "BrainExtraction", Extraction)
    assert find_brain(cohort[0].t1, device=device).source == "deepbet"
    assert asked == [no_gpu]


@pytest.mark.slow
@pytest.mark.shared
def test_deepbet_finds_the_brain_of_a_real_head(ixi):
    from petsynth.io.nifti import read_volume

    name = "IXI012-HH-1211"
    t1 = read_volume(ixi / "t1" / f"{name}_T1w.nii.gz")
    labels = read_volume(ixi / "labels" / f"{name}_dseg.nii.gz")
    found = find_brain(t1)
    assert found.source == "deepbet"
    assert dice(found.mask.data, labels.data > 0) > 0.95
