import numpy as np
import pytest

from petsynth.simulation.embedded import make_embedded_anatomy
from petsynth.simulation.labelled import find_labelled_scans, make_labelled_anatomy
from petsynth.simulation.participants import sample_participant
from petsynth.simulation.pattern import pattern_of, read_pattern
from petsynth.simulation.regions import CODES, REGIONS, codes_of, read_packaged_table
from petsynth.simulation.scanner import blur
from petsynth.simulation.soft_tissue import meninges
from petsynth.simulation.transfer import transfer_matrix
from petsynth.simulation.uptake import (
    GREY_TO_WHITE,
    focal_changes,
    make_uptake,
    rim_variation,
    scan_variation,
    time_course,
    tracer_model,
    uptake_image,
)

TRACERS = ("FDG", "AV45", "AV1451")


@pytest.fixture(scope="module")
def anatomy():
    return make_embedded_anatomy(np.random.default_rng(5), 3.0, 0.0)


def regional(anatomy, image, *kinds):
    voxels = np.isin(anatomy.regions, codes_of(*kinds)) & (anatomy.own > 0.6)
    return image[voxels].mean()


def seen(anatomy, tracer, burden):
    model = tracer_model(tracer)
    return blur(uptake_image(anatomy, model.expected(burden), model.scalp), anatomy.grid, 6.5)


@pytest.mark.parametrize("tracer", TRACERS)
def test_every_region_has_a_finite_uptake(tracer):
    model = tracer_model(tracer)

    assert np.isfinite(model.expected(0.5)).all()
    assert np.isfinite(model.sample(np.random.default_rng(0), 0.5)).all()
    assert (model.expected(1.0)[1:] > 0).all()


def test_fdg_grey_to_white_is_about_3_before_blur_and_plausible_after(anatomy):
    model = tracer_model("FDG")
    cortex = [code for code, region in enumerate(REGIONS) if region.tissue == "cortex"]
    before = model.mean[cortex].mean() / model.mean[CODES["white_matter"]]
    image = seen(anatomy, "FDG", 0.0)
    after = image[anatomy.grey > 0.8].mean() / image[anatomy.white > 0.9].mean()

    assert 2.8 < before < 3.6
    assert 1.4 < after < 2.3


def test_alzheimers_fdg_falls_in_temporoparietal_cortex_and_spares_the_rest(anatomy):
    healthy, ill = seen(anatomy, "FDG", 0.0), seen(anatomy, "FDG", 0.8)

    def change(*kinds):
        return regional(anatomy, ill, *kinds) / regional(anatomy, healthy, *kinds) - 1

    assert change("precuneus") < -0.12
    assert change("dorsolateral_parietal") < -0.12
    assert change("isthmus_cingulate", "posterior_cingulate") < -0.08
    assert change("hippocampus") < -0.06
    assert change("cerebellar_cortex") > -0.03
    assert change("pericalcarine", "putamen") > -0.05


def test_florbetapir_is_high_in_white_matter_and_rises_in_cortex(anatomy):
    negative, positive = seen(anatomy, "AV45", 0.0), seen(anatomy, "AV45", 0.8)
    cortex = ("precuneus", "superior_frontal", "dorsolateral_parietal")

    white = negative[anatomy.white > 0.9].mean()
    assert white > 1.4 * regional(anatomy, negative, *cortex)
    assert regional(anatomy, positive, *cortex) > 1.3 * regional(anatomy, negative, *cortex)
    assert positive[anatomy.white > 0.95].mean() == pytest.approx(white, rel=0.1)


def test_flortaucipir_is_high_off_target_and_rises_in_the_temporal_lobe_first(anatomy):
    none, early, late = (seen(anatomy, "AV1451", burden) for burden in (0.0, 0.3, 0.9))

    assert regional(anatomy, none, "putamen", "pallidum") > 1.3 * regional(
        anatomy, none, "dorsolateral_frontal"
    )
    assert tracer_model("AV1451").mean[CODES["choroid_plexus"]] > 2.5
    parietal, temporal = ("dorsolateral_parietal", "precuneus"), ("mesial_temporal",)
    assert regional(anatomy, early, *temporal) > 1.1 * regional(anatomy, none, *temporal)
    assert regional(anatomy, early, *parietal) < 1.05 * regional(anatomy, none, *parietal)
    assert regional(anatomy, late, *parietal) > 1.2 * regional(anatomy, none, *parietal)


def test_fdg_varies_between_subjects_as_was_measured():
    model = tracer_model("FDG")
    generator = np.random.default_rng(0)
    samples = np.array([model.sample(generator, 0.0) for _ in range(800)]) / model.mean.clip(1e-9)
    measured = read_packaged_table("fdg_normative.csv")
    row = measured[measured["region"] == "precuneus_left"].iloc[0]
    loadings = row.filter(like="factor").to_numpy(float)
    expected = np.sqrt((loadings**2).sum() + float(row["residual"]) ** 2)

    assert samples[:, CODES["precuneus_left"]].std() == pytest.approx(expected, rel=0.1)
    assert expected == pytest.approx(0.098, abs=0.01)  # as in the 537 subjects
    both = samples[:, [CODES["precuneus_left"], CODES["precuneus_right"]]]
    assert np.corrcoef(both.T)[0, 1] > 0.7


def simulated_and_measured(anatomies):
    """Return FDG's regional means over subjects after 6.5 mm, and those of 537 adults."""
    table = read_packaged_table("fdg_normative.csv")
    table = table[table["measured"] != ""]
    codes = [CODES[name] for name in table["region"]]
    model, means = tracer_model("FDG"), []
    for anatomy in anatomies:
        pattern = pattern_of(anatomy, read_pattern("FDG"))
        image = blur(uptake_image(anatomy, model.mean, model.scalp, pattern), anatomy.grid, 6.5)
        inside = anatomy.own > 0.5
        means.append([image[inside & (anatomy.regions == code)].mean() for code in codes])
    return np.mean(means, axis=0), table["measured"].astype(float).to_numpy()


@pytest.mark.shared
def test_uptake_on_real_anatomy_agrees_with_537_adults_as_documented(ixi):
    """The pattern follows voxel maps, which disagree with these means; see the results page.

    Measured on these three T1s of the test split, which no fit has seen: r 0.957, root mean square
    5.8 %, isthmus of the cingulate and pallidum +13 %, pons -14 %.
    """
    scans = find_labelled_scans(ixi)[7:60:20]
    simulated, measured = simulated_and_measured(
        make_labelled_anatomy(scan, 0.06) for scan in scans
    )
    ratio = simulated / measured

    assert np.corrcoef(simulated, measured)[0, 1] > 0.94
    assert np.sqrt(((ratio - 1) ** 2).mean()) < 0.065
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)
    assert np.abs(ratio - 1).max() < 0.17


def test_uptake_on_the_embedded_anatomy_keeps_the_order_of_regions(anatomy):
    """Pons and brain stem of this coarse template (3 mm) are 27 and 21 % too low."""
    simulated, measured = simulated_and_measured([anatomy])
    ratio = simulated / measured

    off = np.sort(np.abs(ratio / np.median(ratio) - 1))
    assert np.corrcoef(simulated, measured)[0, 1] > 0.9
    assert 0.95 < np.median(ratio) < 1.2
    assert off[-1] < 0.28
    assert off[-3] < 0.18


def test_transfer_matrix_is_simulating_and_measuring(anatomy):
    values = np.random.default_rng(0).uniform(0.5, 2, len(REGIONS))
    image = blur(uptake_image(anatomy, values, 0.0), anatomy.grid, 6.5)
    code = CODES["precuneus_left"]

    measured = image[(anatomy.regions == code) & (anatomy.own > 0.5)].mean()

    assert (transfer_matrix(anatomy, 6.5) @ values)[code] == pytest.approx(measured, rel=1e-3)


def test_focal_changes_are_local_and_differ(anatomy):
    factors = [focal_changes(np.random.default_rng(seed), anatomy) for seed in range(6)]

    assert any(np.abs(factor - 1).max() > 0.05 for factor in factors)
    assert max(np.mean(np.abs(factor - 1) > 0.02) for factor in factors) < 0.1


def test_expected_uptake_knows_neither_the_subjects_own_uptake_nor_focal_changes(anatomy):
    participant = sample_participant(0, 1, "FDG", "sub-002")

    one, other = (
        make_uptake(np.random.default_rng(seed), anatomy, participant, "FDG", 1) for seed in (1, 2)
    )

    np.testing.assert_array_equal(one.expected, other.expected)
    assert np.abs(one.frames[0] - other.frames[0]).max() > 0.1


def test_two_frames_average_to_the_static_image_and_grey_matter_rises(anatomy):
    participant = sample_participant(0, 0, "FDG", "sub-001")
    static, dynamic = (
        make_uptake(np.random.default_rng(1), anatomy, participant, "FDG", frames)
        for frames in (1, 2)
    )

    first, second = dynamic.frames
    np.testing.assert_allclose((first + second) / 2, static.frames[0], rtol=1e-4, atol=1e-5)
    assert regional(anatomy, second, "precuneus") > 1.05 * regional(anatomy, first, "precuneus")
    assert second[anatomy.white > 0.95].mean() < 1.01 * first[anatomy.white > 0.95].mean()


@pytest.mark.parametrize("frames", [2, 4, 6])
def test_time_course_rises_ever_slower_between_halves_that_differ_by_one_drift(frames):
    course = np.array(time_course(frames))
    assert course.mean() == pytest.approx(0)
    halves = course[: frames // 2].mean(), course[frames // 2 :].mean()
    assert halves == pytest.approx((-0.5, 0.5))
    rises = np.diff(course)
    assert (rises > 0).all()
    assert (np.diff(rises) < 0).all()


def test_six_frames_average_to_the_static_image(anatomy):
    participant = sample_participant(0, 0, "AV1451", "sub-001")
    static, two, six = (
        make_uptake(np.random.default_rng(1), anatomy, participant, "AV1451", frames)
        for frames in (1, 2, 6)
    )
    np.testing.assert_allclose(np.mean(six.frames, axis=0), static.frames[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.mean(six.frames[3:], axis=0), two.frames[1], rtol=1e-4, atol=1e-5)


def test_fdg_falls_with_age_in_the_cingulate_and_not_in_the_cerebellum():
    model = tracer_model("FDG")
    young, old = model.expected(0.0, age=30.0), model.expected(0.0, age=80.0)
    front, cerebellum = CODES["anterior_cingulate_left"], CODES["cerebellar_cortex"]

    assert old[front] / model.mean[front] == pytest.approx(1 - 0.045)  # one decade above 70
    assert young[front] / model.mean[front] == pytest.approx(1 + 4 * 0.045)
    assert old[cerebellum] == young[cerebellum]
    assert np.array_equal(model.expected(0.0, age=float("nan")), model.mean)
    assert np.array_equal(
        tracer_model("AV45").expected(0.3, age=20.0), tracer_model("AV45").expected(0.3)
    )


def test_asymmetric_disease_strikes_the_left_more():
    model = tracer_model("FDG")
    even, left = model.expected(0.5), model.expected(0.5, asymmetry=0.4)

    def change(name):
        return (left / even.clip(1e-9))[CODES[name]]

    assert change("precuneus_left") < 1 < change("precuneus_right")
    assert change("cerebellar_cortex") == 1


def scans_of_one_subject(tracer, count=400):
    generator = np.random.default_rng(0)
    return np.array([scan_variation(generator, tracer_model(tracer).mean, tracer)
                     for _ in range(count)])  # fmt: skip


def test_scans_differ_in_level_contrast_and_side_about_a_mean_of_none():
    factors = scans_of_one_subject("FDG")
    precuneus = [factors[:, CODES[f"precuneus_{side}"]] for side in ("left", "right")]

    assert np.log(factors[:, CODES["pons"]]).std() == pytest.approx(0.08, rel=0.1)
    assert np.std(precuneus[0] / precuneus[1] - 1) == pytest.approx(0.03, rel=0.15)
    assert factors.mean(axis=0) == pytest.approx(1, abs=0.05)


def test_fdg_grey_to_white_stays_between_its_limits_and_nearly_fills_them():
    mean, factors = tracer_model("FDG").mean, scans_of_one_subject("FDG")
    cortex = [code for code, region in enumerate(REGIONS) if region.tissue == "cortex"]
    grey = mean[cortex].mean() * factors[:, CODES["pons"]]
    ratio = grey / (mean[CODES["white_matter"]] * factors[:, CODES["white_matter"]])

    low, high = GREY_TO_WHITE
    assert low <= ratio.min() < low + 0.8
    assert ratio.max() == pytest.approx(high)
    assert np.median(ratio) == pytest.approx(
        mean[cortex].mean() / mean[CODES["white_matter"]], rel=0.05
    )


def test_flortaucipir_has_an_off_target_rim_around_the_brain_and_fdg_none(anatomy):
    participant = sample_participant(0, 0, "AV1451", "sub-001")
    shell = (meninges(anatomy.mask, anatomy.grid) > 0) & (anatomy.scalp == 0)
    tau = make_uptake(np.random.default_rng(1), anatomy, participant, "AV1451", 1)
    fdg = make_uptake(np.random.default_rng(1), anatomy, participant, "FDG", 1)

    assert tau.expected[shell].mean() > 0.5
    assert tau.frames[0][shell].mean() > 0.2
    assert fdg.expected[shell].max() < 0.2


def test_the_rim_differs_between_subjects_and_places(anatomy):
    rims = [rim_variation(np.random.default_rng(seed), anatomy.grid) for seed in range(12)]

    assert min(rim.min() for rim in rims) >= 0
    assert np.std(np.log([rim.mean() for rim in rims])) > 0.2
    assert rims[0].std() / rims[0].mean() > 0.2


def test_mean_of_simulated_subjects_is_the_expected_uptake(anatomy):
    participant = sample_participant(0, 0, "FDG", "sub-001")
    images = [
        make_uptake(np.random.default_rng(seed), anatomy, participant, "FDG", 1).frames[0]
        for seed in range(30)
    ]
    model = tracer_model("FDG")
    pattern = pattern_of(anatomy, read_pattern("FDG"))
    wanted = uptake_image(
        anatomy, model.expected(participant.burden, participant.age), model.scalp, pattern
    )
    tissue = anatomy.grey + anatomy.white > 0.5

    ratio = np.mean(images, axis=0)[tissue] / wanted[tissue]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    assert (np.abs(ratio - 1) < 0.1).mean() > 0.9
