"""Known answers: a label phantom whose PET has a known value in each region."""

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.regional.atlas import bundled_atlas
from petsynth.regional.scan import ScanFiles, ScanSettings, measure_scan

ALIGNED = ScanSettings(aligned=True, reference="cerebellum")


def measured(phantom, settings=ALIGNED, **written):
    pet, labels = phantom.write(**written)
    return measure_scan(ScanFiles(pet, labels=labels), settings, None)


def rows(scan):
    return scan.table[scan.table["kind"] == "region"].set_index("region")


def test_known_suvr_volume_and_asymmetry(phantom):
    scan = measured(phantom)
    found = rows(scan)
    assert found.loc["superiorfrontal_left", "suvr"] == pytest.approx(1.5, abs=1e-6)
    assert found.loc["superiorfrontal_right", "suvr"] == pytest.approx(1.0, abs=1e-6)
    assert found.loc["precuneus_left", "suvr"] == pytest.approx(2.0, abs=1e-6)
    assert found.loc["precuneus_left", "volume_ml"] == pytest.approx(8.0)
    assert found.loc["precuneus_left", "covered_fraction"] == 1
    assert found.loc["precuneus_left", "label"] == 1025
    asymmetry = 200 * (1.5 - 1.0) / (1.5 + 1.0)
    for side in ("left", "right"):
        row = found.loc[f"superiorfrontal_{side}"]
        assert row["asymmetry_percent"] == pytest.approx(asymmetry, abs=1e-4)
    assert scan.description["DividedBy"] == pytest.approx(2.0)
    assert scan.description["ReferenceRegion"] == "whole-cerebellum"


@pytest.mark.parametrize(("units", "factor"), [("kBq/mL", 7.0), ("SUV", 1.0), ("arbitrary", 300.0)])
def test_another_unit_gives_the_same_suvr(phantom, units, factor):
    found = rows(measured(phantom, units=units, pet=phantom.pet * factor))
    assert found.loc["precuneus_left", "suvr"] == pytest.approx(2.0, rel=1e-5)


def test_a_pet_in_suvr_stays_as_it_is_unless_a_reference_is_named(phantom):
    kept = measured(phantom, ScanSettings(aligned=True), units="SUVR")
    assert rows(kept).loc["precuneus_left", "suvr"] == pytest.approx(4.0)
    assert rows(measured(phantom, units="SUVR")).loc["precuneus_left", "suvr"] == pytest.approx(2)


def test_another_grid_gives_the_same_suvr(phantom):
    """PET of twice as many, flipped voxels."""
    fine = np.repeat(np.repeat(np.repeat(phantom.pet, 2, 0), 2, 1), 2, 2)[::-1]
    affine = phantom.affine @ np.diag([-0.5, 0.5, 0.5, 1.0])
    affine[:3, 3] = phantom.affine[:3, 3] - 1
    affine[0, 3] += 2 * (fine.shape[0] - 1)
    found = rows(measured(phantom, pet=fine, affine=affine))
    assert found.loc["superiorfrontal_left", "suvr"] == pytest.approx(1.5, rel=1e-4)
    assert found.loc["hippocampus_right", "suvr"] == pytest.approx(0.5, rel=1e-4)


def test_a_missing_region_is_none_and_says_so(phantom):
    phantom.labels[phantom.labels == 2025] = 0
    row = rows(measured(phantom)).loc["precuneus_right"]
    assert np.isnan(row["suvr"])
    assert row["note"] == "not in the labels"
    assert np.isnan(row["volume_ml"])
    assert np.isnan(rows(measured(phantom)).loc["precuneus_left", "asymmetry_percent"])


def test_a_region_outside_the_field_of_view_is_none_and_says_so(phantom):
    x = phantom.place(53)[0]
    pet = phantom.pet.copy()
    pet[x.start - 2 :] = np.nan
    row = rows(measured(phantom, pet=pet)).loc["hippocampus_right"]
    assert np.isnan(row["suvr"])
    assert row["note"] == "outside the PET's field of view"
    assert row["covered_fraction"] == 0
    assert row["volume_ml"] == pytest.approx(8)


def test_planes_of_zeros_at_the_edge_are_outside_the_field_of_view(phantom):
    x = phantom.place(53)[0]
    pet = phantom.pet.copy()
    pet[x.start + 1 :] = 0
    row = rows(measured(phantom, pet=pet)).loc["hippocampus_right"]
    assert np.isnan(row["suvr"])
    assert row["note"] == "the PET covers 20% of it, needed are 50%"


def test_a_region_covered_in_part_counts_what_is_covered(phantom):
    x = phantom.place(53)[0]
    pet = phantom.pet.copy()
    pet[x.start + 4 :] = np.nan
    row = rows(measured(phantom, pet=pet)).loc["hippocampus_right"]
    assert row["suvr"] == pytest.approx(0.5)
    assert row["covered_fraction"] == pytest.approx(0.8)


def test_a_region_too_small_is_none_and_says_so(phantom):
    box = phantom.place(2025)
    phantom.labels[box] = 0
    phantom.labels[tuple(each.start for each in box)] = 2025
    row = rows(measured(phantom)).loc["precuneus_right"]
    assert np.isnan(row["suvr"])
    assert row["note"] == "too small: 0.06 mL, needed are 0.2 mL"


def test_no_value_is_ever_zero(phantom):
    phantom.labels[phantom.labels == 2025] = 0
    table = measured(phantom).table
    assert not (table["suvr"] == 0).any()
    assert table.loc[table["suvr"].isna(), "note"].ne("").all()


def test_mistakes_are_told_in_one_line(phantom):
    pet, labels = phantom.write()
    with pytest.raises(InputError, match="an atlas is brought to the subject through the T1"):
        measure_scan(ScanFiles(pet), ALIGNED, bundled_atlas())
    with pytest.raises(InputError, match="to align the PET to the labels the T1 is needed"):
        measure_scan(ScanFiles(pet, labels=labels), ScanSettings(), None)
    with pytest.raises(InputError, match="--reference liver: no such reference region; there are"):
        measured(phantom, ScanSettings(aligned=True, reference="liver"))
    with pytest.raises(InputError, match="the labels do not define the reference region pons-ver"):
        measured(phantom, ScanSettings(aligned=True, reference="pons-vermis"))
    with pytest.raises(InputError, match=r"18FXYZ_pet\.nii\.gz: no reference region is known"):
        measured(phantom, ScanSettings(aligned=True), name="sub-01_trc-18FXYZ_pet")


def test_a_reference_outside_the_field_of_view_is_told(phantom):
    pet = phantom.pet.copy()
    pet[: phantom.place(7)[0].stop] = np.nan
    with pytest.raises(InputError, match="whole-cerebellum: outside the PET's field of view; ch"):
        measured(phantom, pet=pet)


def test_labels_elsewhere_are_told(phantom):
    affine = phantom.affine.copy()
    affine[0, 3] += 1000
    with pytest.raises(InputError, match="no region can be measured: do PET and labels lie in one"):
        measured(phantom, affine=affine)


def test_a_prediction_on_its_t1_needs_no_registration(phantom):
    name = "sub-01_trc-18FFDG_space-T1w_desc-synth_pet"
    pet, labels = phantom.write(name=name, units="SUVR")
    pet.with_name(f"{name}.json").write_text(
        '{"Units": "SUVR", "Synthetic": true, "SyntheticTracer": "AV45"}'
    )
    scan = measure_scan(ScanFiles(pet, labels=labels), ScanSettings(), None)
    assert scan.tracer == "AV45"
    assert scan.description["Synthetic"] is True
    assert scan.description["Alignment"] == "none: the PET's sidecar says that it lies on the T1"
    assert rows(scan).loc["precuneus_left", "suvr"] == pytest.approx(4.0)
