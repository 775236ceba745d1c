"""Finding T1 and PET in BIDS datasets of many shapes."""

import json

import nibabel as nib
import numpy as np
import pytest

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.bids.filters import filter_of
from petsynth.io.bids.index import (
    Choice,
    Scan,
    find_lesion_map,
    find_noise_free_pet,
    index_dataset,
    pet_tracer,
)


@pytest.fixture
def dataset(tmp_path):
    def make(*names: str):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def pairs(index):
    return [(scan.participant, scan.t1.name, scan.pet.name) for scan in index.scans]


def test_one_pair_per_participant(dataset):
    root = dataset(
        "sub-02/anat/sub-02_T1w.nii.gz",
        "sub-02/pet/sub-02_trc-18FFDG_pet.nii.gz",
        "sub-01/anat/sub-01_T1w.nii",
        "sub-01/pet/sub-01_trc-18FFDG_pet.nii",
        "derivatives/x/sub-01/pet/sub-01_trc-18FFDG_desc-noisefree_pet.nii.gz",
    )
    index = index_dataset(root)
    assert pairs(index) == [
        ("sub-01", "sub-01_T1w.nii", "sub-01_trc-18FFDG_pet.nii"),
        ("sub-02", "sub-02_T1w.nii.gz", "sub-02_trc-18FFDG_pet.nii.gz"),
    ]
    assert index.scans[0].tracer == "FDG"
    assert index.excluded == {}
    assert index.notes == {}


def test_a_pair_comes_from_one_session_if_possible(dataset):
    root = dataset(
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
        "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz",
        "sub-01/ses-b/pet/sub-01_ses-b_trc-18FAV45_pet.nii.gz",
    )
    index = index_dataset(root)
    assert index.scans[0].t1.name == "sub-01_ses-b_T1w.nii.gz"
    assert [*index.notes] == ["sub-01"]
    assert "2 T1w and 1 PET" in index.notes["sub-01"]


def test_across_sessions_only_where_the_interval_is_known_or_any_will_do(dataset):
    root = dataset(
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
        "sub-01/ses-b/pet/sub-01_ses-b_trc-18FAV45_pet.nii.gz",
    )
    with pytest.raises(InputError, match="days between them are unknown"):
        index_dataset(root)
    scan = index_dataset(root, Choice(max_interval=None)).scans[0]
    assert (scan.session, scan.interval_days) == ("b", None)
    (root / "sub-01/sub-01_sessions.tsv").write_text(
        "session_id\tacq_time\nses-a\t2010-01-01\nses-b\t2010-03-02T08:00:00\n"
    )
    assert index_dataset(root).scans[0].interval_days == 60
    with pytest.raises(InputError, match="the closest T1w is 60 days away"):
        index_dataset(root, Choice(max_interval=59))
    with pytest.raises(InputError, match="no PET image"):
        index_dataset(root, Choice(session="a"))


def test_a_session_can_be_chosen(dataset):
    names = [
        f"sub-01/ses-{s}/{kind}/sub-01_ses-{s}_{suffix}.nii.gz"
        for s in "ab"
        for kind, suffix in (("anat", "T1w"), ("pet", "trc-18FFDG_pet"))
    ]
    root = dataset(*names)
    assert index_dataset(root, Choice(session="ses-b")).scans[0].pet.name.startswith("sub-01_ses-b")
    assert index_dataset(root).scans[0].pet.name.startswith("sub-01_ses-a")


def test_labels_may_be_spelt_in_many_ways(dataset):
    root = dataset(
        *(f"sub-00{n}/anat/sub-00{n}_T1w.nii.gz" for n in (1, 2, 3)),
        *(f"sub-00{n}/pet/sub-00{n}_trc-18FFDG_pet.nii.gz" for n in (1, 2, 3)),
    )
    chosen = index_dataset(root, participants=["3", "sub-001"]).scans
    assert [scan.participant for scan in chosen] == ["sub-001", "sub-003"]
    with pytest.raises(InputError, match=r"no participant 9; there are sub-001, sub-002"):
        index_dataset(root, participants=["1", "9"])


def test_who_lacks_an_image_is_excluded_with_a_reason(dataset):
    root = dataset(
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz",
        "sub-02/anat/sub-02_T1w.nii.gz",
        "sub-03/pet/sub-03_trc-18FFDG_pet.nii.gz",
        "sub-04/func/sub-04_bold.nii.gz",
    )
    assert index_dataset(root).excluded == {
        "sub-02": "no FDG PET",
        "sub-03": "no T1w image",
        "sub-04": "no T1w image and no FDG PET",
    }


def test_a_damaged_sidecar_costs_its_participant_only(dataset):
    root = dataset(
        *(f"sub-0{n}/anat/sub-0{n}_T1w.nii.gz" for n in (1, 2)),
        *(f"sub-0{n}/pet/sub-0{n}_trc-18FFDG_pet.nii.gz" for n in (1, 2)),
    )
    (root / "sub-01/anat/sub-01_T1w.json").write_text("{")
    index = index_dataset(root)
    assert [scan.participant for scan in index.scans] == ["sub-02"]
    assert "not valid JSON" in index.excluded["sub-01"]


def test_every_visit_has_a_name_of_its_own(dataset):
    root = dataset(
        *(f"sub-01/ses-{s}/anat/sub-01_ses-{s}_T1w.nii.gz" for s in ("m12", "bl")),
        *(f"sub-01/ses-{s}/pet/sub-01_ses-{s}_trc-18FFDG_pet.nii.gz" for s in ("m12", "bl")),
        "sub-02/anat/sub-02_T1w.nii.gz",
        "sub-02/pet/sub-02_trc-18FFDG_pet.nii.gz",
    )
    scans = index_dataset(root, Choice(every_visit=True)).scans
    assert [scan.name for scan in scans] == ["sub-01_ses-bl", "sub-01_ses-m12", "sub-02"]
    assert [scan.participant for scan in scans] == ["sub-01", "sub-01", "sub-02"]
    assert [scan.name for scan in index_dataset(root).scans] == ["sub-01", "sub-02"]


def test_every_image_that_is_not_taken_has_a_reason(dataset):
    root = dataset(
        "sub-01/ses-m12/anat/sub-01_ses-m12_T1w.nii.gz",
        "sub-01/ses-m6/anat/sub-01_ses-m6_T1w.nii.gz",
        *(f"sub-01/ses-{s}/pet/sub-01_ses-{s}_trc-18FFDG_pet.nii.gz" for s in ("m12", "m6")),
    )
    index = index_dataset(root)
    assert pairs(index)[0][1:] == (
        "sub-01_ses-m6_T1w.nii.gz",
        "sub-01_ses-m6_trc-18FFDG_pet.nii.gz",
    )
    assert sorted(each.image for each in index.unused) == [
        "sub-01_ses-m12_T1w.nii.gz",
        "sub-01_ses-m12_trc-18FFDG_pet.nii.gz",
    ]
    assert all(each.reason and each.participant == "sub-01" for each in index.unused)


def test_two_folders_of_one_participant_are_refused(dataset):
    root = dataset("sub-0731/anat/sub-0731_T1w.nii", "sub-731/pet/sub-731_trc-18FFDG_pet.nii")
    with pytest.raises(InputError, match="sub-0731 and sub-731 may be the same subject"):
        index_dataset(root)


def test_a_symlinked_dataset_with_spaces_and_umlauts(dataset, tmp_path_factory):
    root = dataset("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz")
    link = tmp_path_factory.mktemp("links") / "Köpfe und mehr"
    link.symlink_to(root, target_is_directory=True)
    assert index_dataset(link).scans[0].t1 == link / "sub-01/anat/sub-01_T1w.nii.gz"


def test_several_tracers_need_a_choice(dataset):
    root = dataset(
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz",
        "sub-01/pet/sub-01_trc-18FAV45_pet.nii.gz",
    )
    with pytest.raises(InputError, match="PET of AV45, FDG; choose with --tracer-label"):
        index_dataset(root)
    assert (
        index_dataset(root, Choice(tracer="av45")).scans[0].pet.name
        == "sub-01_trc-18FAV45_pet.nii.gz"
    )
    assert index_dataset(root, Choice(tracer="18FFDG")).scans[0].tracer == "FDG"
    with pytest.raises(InputError, match="no PET of tracer AV1451; there is AV45, FDG"):
        index_dataset(root, Choice(tracer="AV1451"))


def test_spellings_of_a_tracer_are_one_and_any_may_be_asked_for(dataset):
    labels = {"01": "18FFDG", "02": "FDG", "03": "FDG18"}
    root = dataset(
        *(f"sub-0{n}/anat/sub-0{n}_T1w.nii.gz" for n in range(1, 6)),
        *(f"sub-{n}/pet/sub-{n}_trc-{label}_pet.nii.gz" for n, label in labels.items()),
        "sub-04/pet/sub-04_pet.nii.gz",
        "sub-05/pet/sub-05_acq-static_pet.nii.gz",
    )
    (root / "sub-04/pet/sub-04_pet.json").write_text('{"TracerName": "[18F]FDG"}')
    (root / "sub-05/sub-05_pet.json").write_text(
        '\ufeff{"TracerName": "Fluorodeoxyglucose (18F)"}', encoding="utf-8"
    )
    for wanted in (None, "fdg", "[18F]FDG", "2-deoxy-2-[18F]fluoro-D-glucose"):
        index = index_dataset(root, Choice(tracer=wanted))
        assert [scan.tracer for scan in index.scans] == ["FDG"] * 5


def test_an_unknown_tracer_is_one_in_all_its_spellings(dataset):
    root = dataset(
        *(f"sub-0{n}/anat/sub-0{n}_T1w.nii.gz" for n in (1, 2)),
        "sub-01/pet/sub-01_trc-18FXYZ_pet.nii.gz",
        "sub-02/pet/sub-02_trc-xyz_pet.nii.gz",
    )
    assert [scan.tracer for scan in index_dataset(root).scans] == ["18FXYZ"] * 2
    assert len(index_dataset(root, Choice(tracer="[18F]XYZ")).scans) == 2


def test_the_inherited_sidecar_says_the_tracer(dataset):
    """Of the root for all; closer ones win; ``acq-static`` names no tracer."""
    root = dataset(
        *(f"sub-0{n}/ses-a/anat/sub-0{n}_ses-a_T1w.nii.gz" for n in (1, 2)),
        *(f"sub-0{n}/ses-a/pet/sub-0{n}_ses-a_acq-static_pet.nii.gz" for n in (1, 2)),
    )
    (root / "pet.json").write_text('{"TracerName": "Florbetapir (18F)"}')
    assert {scan.tracer for scan in index_dataset(root).scans} == {"AV45"}
    (root / "acq-dynamic_pet.json").write_text('{"TracerName": "FDG"}')
    assert {scan.tracer for scan in index_dataset(root).scans} == {"AV45"}
    (root / "sub-02/ses-a/sub-02_ses-a_pet.json").write_text('{"TracerName": "FDG"}')
    with pytest.raises(InputError, match="PET of AV45, FDG; choose"):
        index_dataset(root)
    assert [scan.participant for scan in index_dataset(root, Choice("AV-45")).scans] == ["sub-01"]


def test_a_sidecar_that_contradicts_the_name_counts_and_is_told(dataset):
    root = dataset("sub-01/anat/sub-01_T1w.nii", "sub-01/pet/sub-01_trc-18FFDG_pet.nii")
    (root / "sub-01/pet/sub-01_trc-18FFDG_pet.json").write_text('{"TracerName": "AV-45"}')
    with pytest.warns(PetsynthWarning, match="AV45 by the sidecar and trc-18FFDG by the name"):
        assert index_dataset(root).scans[0].tracer == "AV45"


def uncorrected(dataset, name="rec-nacstat"):
    return dataset(
        *(f"sub-0{n}/anat/sub-0{n}_T1w.nii.gz" for n in (1, 2)),
        "sub-01/pet/sub-01_trc-FDG_rec-acdyn_pet.nii.gz",
        f"sub-01/pet/sub-01_trc-FDG_{name}_pet.nii.gz",
        f"sub-02/pet/sub-02_trc-FDG_{name}_pet.nii.gz",
    )


@pytest.mark.parametrize("name", ["rec-nacstat", "rec-nacdyn", "rec-NAC", "acq-nac"])
def test_a_pet_without_attenuation_correction_is_taken_by_request_only(dataset, name):
    root = uncorrected(dataset, name)
    index = index_dataset(root)
    assert [scan.pet.name for scan in index.scans] == ["sub-01_trc-FDG_rec-acdyn_pet.nii.gz"]
    assert "not corrected for attenuation; to take it" in index.excluded["sub-02"]
    assert len(index.unused) == 2
    entity, _, label = name.partition("-")
    keep = filter_of({"pet": {entity: label}}, "x")
    scans = index_dataset(root, keep=keep).scans
    assert [(scan.participant, scan.is_uncorrected) for scan in scans] == [
        ("sub-01", True),
        ("sub-02", True),
    ]


def test_a_sidecar_may_say_that_attenuation_is_not_corrected(dataset):
    """The other run is preferred; where there is none, it is taken and will be flagged."""
    root = dataset(
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/pet/sub-01_trc-FDG_run-1_pet.nii.gz",
        "sub-01/pet/sub-01_trc-FDG_run-2_pet.nii.gz",
    )
    sidecar = root / "sub-01/pet/sub-01_trc-FDG_run-1_pet.json"
    sidecar.write_text('{"AttenuationCorrection": "None"}')
    (scan,) = index_dataset(root).scans
    assert (scan.pet.name, scan.is_uncorrected) == ("sub-01_trc-FDG_run-2_pet.nii.gz", False)
    assert scan.others[0].is_uncorrected


def test_of_several_t1s_one_that_is_a_volume_is_taken(dataset):
    root = dataset(
        *(f"sub-01/anat/sub-01_run-{n}_T1w.nii.gz" for n in range(1, 6)),
        "sub-01/pet/sub-01_trc-FDG_pet.nii.gz",
    )
    anat = root / "sub-01" / "anat"
    shapes = {1: (8, 8), 2: (8, 8, 1), 3: (8, 8, 8), 4: (8, 8, 8), 5: (8, 8, 8)}
    for run, shape in shapes.items():
        affine = np.diag([1, 1, 5 if run == 3 else 1, 1])
        nib.save(
            nib.Nifti1Image(np.ones(shape, np.uint8), affine), anat / f"sub-01_run-{run}_T1w.nii.gz"
        )
    (anat / "sub-01_run-4_T1w.json").write_text('{"ContrastBolusIngredient": "GADOLINIUM"}')
    index = index_dataset(root)
    (scan,) = index.scans
    order = [scan.t1.name[7:12], *(each.t1.name[7:12] for each in scan.others)]
    assert order == ["run-5", "run-4", "run-3", "run-1", "run-2"]
    reasons = {each.image[7:12]: each.reason for each in index.unused}
    taken = "; sub-01_run-5_T1w.nii.gz is taken"
    assert reasons["run-1"] == f"image has 2 axes (8, 8), needed are 3{taken}"
    assert reasons["run-3"] == f"has voxels of 1 x 1 x 5 mm{taken}"
    assert reasons["run-4"] == f"was acquired with a contrast agent{taken}"


@pytest.mark.parametrize(
    ("with_agent", "sidecar"),
    [
        ("acq-postgad", {}),
        ("rec-gad", {}),
        ("acq-a", {"ContrastBolusIngredient": "GADOLINIUM"}),
        ("acq-a", {"ContrastBolusAgent": "GADAVIST"}),
    ],
)
@pytest.mark.parametrize("edge_mm", [1.0, 5.0])
def test_of_t1s_in_slices_too_one_without_contrast_agent_is_taken(
    dataset, with_agent, sidecar, edge_mm
):
    names = [f"sub-01/anat/sub-01_{each}_T1w" for each in (with_agent, "run-9")]
    root = dataset("sub-01/pet/sub-01_trc-FDG_pet.nii.gz", *(f"{name}.nii" for name in names))
    for name in names:
        image = nib.Nifti1Image(np.ones((8, 8, 8), np.uint8), np.diag([1, 1, edge_mm, 1]))
        nib.save(image, root / f"{name}.nii")
    (root / f"{names[0]}.json").write_text(json.dumps(sidecar))
    index = index_dataset(root)
    assert index.scans[0].t1.name == "sub-01_run-9_T1w.nii"
    assert index.unused[0].reason.startswith("was acquired with a contrast agent")


@pytest.mark.parametrize(
    ("one", "sidecar"),
    [
        ("rec-noAC", {}),
        ("rec-uncorrected", {}),
        ("acq-withoutAC", {}),
        ("desc-nac", {}),
        ("rec-a", {"AttenuationCorrection": "No attenuation correction applied"}),
        ("rec-a", {"AttenuationCorrection": "not corrected"}),
        ("rec-a", {"AttenuationCorrectionMethod": "NONE"}),
        ("rec-a", {"AttenuationCorrectionApplied": False}),
    ],
)
def test_a_pet_that_is_not_corrected_for_attenuation_is_never_preferred(dataset, one, sidecar):
    names = [f"sub-01/pet/sub-01_trc-FDG_{each}_pet" for each in (one, "rec-zAC")]
    root = dataset("sub-01/anat/sub-01_T1w.nii", *(f"{name}.nii" for name in names))
    (root / f"{names[0]}.json").write_text(json.dumps(sidecar))
    (root / f"{names[1]}.json").write_text('{"AttenuationCorrection": "none needed: simulated"}')
    (scan,) = index_dataset(root).scans
    assert (scan.pet.name, scan.is_uncorrected) == ("sub-01_trc-FDG_rec-zAC_pet.nii", False)
    (root / f"{names[1]}.nii").unlink()
    if not sidecar:
        with pytest.raises(InputError, match="--bids-filter-file") as refusal:
            index_dataset(root)
        told = "{" + str(refusal.value).rpartition(" with {")[2]
        (scan,) = index_dataset(root, keep=filter_of(json.loads(told), "told")).scans
        assert scan.is_uncorrected


@pytest.mark.parametrize("kind", ["anat", "pet", "ses-1"])
@pytest.mark.parametrize("target", ["itself", "nothing"])
def test_a_folder_that_cannot_be_read_leaves_its_participant_out(dataset, kind, target):
    names = [f"sub-0{n}/pet/sub-0{n}_trc-FDG_pet.nii" for n in (1, 2)]
    root = dataset(*names, "sub-01/anat/sub-01_T1w.nii")
    place = root / "sub-02" / kind
    if kind == "pet":
        (place / "sub-02_trc-FDG_pet.nii").unlink()
        place.rmdir()
    place.symlink_to(kind if target == "itself" else "nowhere")
    told = "leads back to itself" if target == "itself" else "does not exist"
    if kind == "ses-1":  # other sessions may be good
        with pytest.warns(PetsynthWarning, match=rf"{place}: is a link .* {told}.*; left out"):
            index = index_dataset(root)
    else:
        index = index_dataset(root)
        assert index.excluded["sub-02"].startswith(f"{place}: is a link")
        assert told in index.excluded["sub-02"]
    assert [scan.participant for scan in index.scans] == ["sub-01"]
    assert list(index.excluded) == ["sub-02"]


def test_tracer_from_legacy_name_or_sidecar(dataset):
    root = dataset("a/sub-1_acq-18FAV45_pet.nii.gz", "a/sub-1_pet.nii.gz", "a/sub-2_pet.nii.gz")
    assert pet_tracer(root / "a/sub-1_acq-18FAV45_pet.nii.gz") == "AV45"
    (root / "a/sub-1_pet.json").write_text(json.dumps({"TracerName": "Flortaucipir"}))
    assert pet_tracer(root / "a/sub-1_pet.nii.gz") == "AV1451"
    assert pet_tracer(root / "a/sub-2_pet.nii.gz") == "unknown"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no folder sub-"),
        (["sub-01/anat/sub-01_T1w.nii.gz"], "no PET image"),
    ],
)
def test_a_dataset_without_scans_is_refused(dataset, tmp_path, names, message):
    with pytest.raises(InputError, match=message):
        index_dataset(dataset(*names) if names else tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        index_dataset(tmp_path / "nowhere")


def test_the_noise_free_pet_is_found_in_the_truth(dataset):
    root = dataset("derivatives/truth/sub-01/pet/sub-01_trc-18FFDG_desc-noisefree_pet.nii.gz")
    scan = Scan("sub-01", root, root / "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz", "FDG")
    assert find_noise_free_pet(root, scan).name == "sub-01_trc-18FFDG_desc-noisefree_pet.nii.gz"
    other = Scan("sub-02", root, root / "sub-02/pet/sub-02_trc-18FFDG_pet.nii.gz", "FDG")
    assert find_noise_free_pet(root, other) is None


def test_the_lesion_map_of_a_t1_is_found_in_the_truth(dataset):
    root = dataset("derivatives/truth/sub-01/anat/sub-01_desc-lesion_dseg.nii.gz")
    one, other = (
        Scan(name, root / f"{name}/anat/{name}_T1w.nii.gz", root / f"{name}/pet/x_pet.nii", "FDG")
        for name in ("sub-01", "sub-02")
    )
    assert find_lesion_map(root, one).name == "sub-01_desc-lesion_dseg.nii.gz"
    assert find_lesion_map(root, other) is None
