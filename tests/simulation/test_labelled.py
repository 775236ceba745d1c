import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.io.nifti import read_volume, write_volume
from petsynth.simulation.labelled import find_labelled_scans, make_labelled_anatomy
from petsynth.simulation.regions import CODES, codes_of
from petsynth.simulation.soft_tissue import DEEP_UPTAKE
from petsynth.volume import Volume


def volume_ml(anatomy, *kinds):
    fraction = anatomy.own[np.isin(anatomy.regions, codes_of(*kinds))].sum()
    return fraction * np.prod(anatomy.grid.voxel_mm) / 1000


def fluid_ml(anatomy):
    tissue = anatomy.grey + anatomy.white
    return (1 - tissue[anatomy.mask]).sum() * np.prod(anatomy.grid.voxel_mm) / 1000


@pytest.mark.parametrize("split", [True, False])
def test_both_layouts_are_found(labelled_folder, split):
    scans = find_labelled_scans(labelled_folder(names=("B", "A"), split=split))

    assert [scan.name for scan in scans] == ["A", "B"]


def test_missing_folder_t1_and_labels_are_named(tmp_path, labelled_folder):
    with pytest.raises(InputError, match="no such folder of labelled T1s"):
        find_labelled_scans(tmp_path / "none")
    with pytest.raises(InputError, match="no T1 found; expected t1/NAME_T1w"):
        find_labelled_scans(tmp_path)
    folder = labelled_folder()
    (folder / "labels" / "A02-X-2_dseg.nii.gz").unlink()
    with pytest.raises(InputError, match=r"A02-X-2_T1w.nii.gz: no segmentation"):
        find_labelled_scans(folder)


def test_labels_on_another_grid_are_refused(labelled_folder):
    folder = labelled_folder(names=("A",))
    path = folder / "labels" / "A_dseg.nii.gz"
    labels = read_volume(path)
    write_volume(path, Volume(labels.data[:-1], labels.affine), dtype=np.int16)

    with pytest.raises(InputError, match=r"A_dseg.nii.gz: grid .* does not match"):
        find_labelled_scans(folder)


def test_labels_that_are_no_whole_numbers_are_refused(labelled_folder):
    folder = labelled_folder(names=("A",))
    path = folder / "labels" / "A_dseg.nii.gz"
    labels = read_volume(path)
    write_volume(path, labels.with_data(labels.data + 0.5))

    with pytest.raises(InputError, match="labels must be whole numbers"):
        make_labelled_anatomy(find_labelled_scans(folder)[0], 0.0)


def test_without_atrophy_the_t1_stays_as_it_is(labelled_folder):
    scan = find_labelled_scans(labelled_folder())[0]

    anatomy = make_labelled_anatomy(scan, 0.0)

    np.testing.assert_array_equal(anatomy.mri.data, read_volume(scan.t1).data)


@pytest.mark.parametrize("scheme", ["muse", "freesurfer"])
def test_atrophy_is_put_into_t1_and_labels_alike(labelled_folder, scheme):
    scan = find_labelled_scans(labelled_folder(scheme))[0]
    healthy, ill = (make_labelled_anatomy(scan, atrophy) for atrophy in (0.0, 1.0))

    assert fluid_ml(ill) > 1.15 * fluid_ml(healthy)
    assert volume_ml(ill, "hippocampus") < 0.92 * volume_ml(healthy, "hippocampus")
    assert ill.grey.sum() < 0.97 * healthy.grey.sum()
    assert ill.mask.sum() == pytest.approx(healthy.mask.sum(), rel=0.05)
    # the T1 becomes darker where the labels turn from tissue to fluid
    tissue = [anatomy.grey + anatomy.white for anatomy in (healthy, ill)]
    lost = (tissue[0] - tissue[1] > 0.3) & healthy.mask & ill.mask
    assert lost.sum() > 100
    assert ill.mri.data[lost].mean() < 0.93 * healthy.mri.data[lost].mean()


def test_fractions_stay_between_0_and_1_and_fill_the_brain(labelled_folder):
    anatomy = make_labelled_anatomy(find_labelled_scans(labelled_folder())[0], 0.7)

    for fraction in (anatomy.own, anatomy.white):
        assert fraction.min() >= 0
        assert fraction.max() <= 1 + 1e-5
    assert anatomy.scalp.min() >= 0
    assert anatomy.scalp.max() <= DEEP_UPTAKE  # relative to muscle
    assert (anatomy.own + anatomy.white).max() < 1 + 1e-4


@pytest.mark.shared
def test_real_t1s_get_plausible_atrophy(ixi):
    scan = find_labelled_scans(ixi)[3]
    healthy, ill = (make_labelled_anatomy(scan, atrophy) for atrophy in (0.0, 0.8))

    assert 1000 < healthy.mask.sum() * 0.008 < 2000
    assert 6 < volume_ml(healthy, "pons") < 20
    assert fluid_ml(ill) > 1.1 * fluid_ml(healthy)
    tissue = [(anatomy.grey + anatomy.white).sum() for anatomy in (healthy, ill)]
    assert 0.92 < tissue[1] / tissue[0] < 0.97
    assert 1.2 < healthy.grey.sum() / healthy.white.sum() < 1.7
    hippocampus = volume_ml(ill, "hippocampus") / volume_ml(healthy, "hippocampus")
    assert 0.6 < hippocampus < 0.92


def test_asymmetric_atrophy_shrinks_the_left_more(labelled_folder):
    scan = find_labelled_scans(labelled_folder(names=("A",)))[0]
    even = make_labelled_anatomy(scan, 1.0)
    left = make_labelled_anatomy(scan, 1.0, asymmetry=0.5)

    def side_ml(anatomy, side):
        code = CODES[f"hippocampus_{side}"]
        return anatomy.own[anatomy.regions == code].sum()

    assert side_ml(left, "left") < side_ml(even, "left")
    assert side_ml(left, "right") > side_ml(even, "right")
