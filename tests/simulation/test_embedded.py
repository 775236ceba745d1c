import numpy as np

from petsynth.simulation import embedded
from petsynth.simulation.regions import codes_of


def make(seed, atrophy=0.0, voxel=3.0):
    return embedded.make_embedded_anatomy(np.random.default_rng(seed), voxel, atrophy)


def volume_ml(anatomy, *kinds):
    voxels = anatomy.own[np.isin(anatomy.regions, codes_of(*kinds))]
    return voxels.sum() * np.prod(anatomy.grid.voxel_mm) / 1000


def test_fractions_add_up_and_fill_the_mask():
    anatomy = make(0)

    total = anatomy.own + anatomy.white + anatomy.fluid
    np.testing.assert_allclose(total[anatomy.mask], 1, atol=1e-4)
    assert not total[~anatomy.mask].any()
    assert not anatomy.scalp[anatomy.mask].any()


def test_brain_has_a_human_size_and_contrast():
    anatomy = make(0)
    mri = anatomy.mri.data

    assert 1200 < anatomy.mask.sum() * 0.027 < 2300
    white, grey = mri[anatomy.white > 0.9].mean(), mri[anatomy.grey > 0.9].mean()
    fluid = mri[anatomy.fluid > 0.8].mean()
    assert white > 1.2 * grey > 1.2 * 1.3 * fluid
    outside = mri[(~anatomy.mask) & (anatomy.scalp > 0.9)].mean()
    assert outside > grey


def test_subjects_differ_more_than_a_shift():
    one, other = make(1), make(2)

    grey = [anatomy.grey[anatomy.mask & (one.mask & other.mask)] for anatomy in (one, other)]
    assert np.corrcoef(*grey)[0, 1] < 0.6


def test_atrophy_widens_ventricles_and_shrinks_the_hippocampus_in_the_t1():
    healthy, ill = make(4, atrophy=0.0), make(4, atrophy=1.0)

    assert volume_ml(ill, "ventricle") > 1.3 * volume_ml(healthy, "ventricle")
    assert volume_ml(ill, "hippocampus") < 0.9 * volume_ml(healthy, "hippocampus")
    assert ill.grey.sum() < 0.97 * healthy.grey.sum()
    assert ill.mask.sum() > 0.95 * healthy.mask.sum()
    assert np.abs(ill.mri.data - healthy.mri.data)[healthy.mask].mean() > 20
