"""Atlases: the bundled one, and files."""

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from petsynth.errors import InputError
from petsynth.regional.atlas import bundled_atlas, read_atlas, read_segmentation
from petsynth.regional.labels import split_side


def test_the_bundled_atlas_has_31_cortical_regions_a_side_each_on_its_own():
    atlas = bundled_atlas()
    cortical = [number for number in atlas.names if number >= 1000]
    assert len(cortical) == 62
    assert len(atlas.names) == 75
    for number, name in atlas.names.items():
        x = apply_affine(atlas.labels.affine, np.argwhere(atlas.labels.data == number))[:, 0]
        side = split_side(name)[1]
        if side is not None:
            assert (np.sign(x.mean()) < 0) == (side == "left"), name
            assert np.mean(np.sign(x) == np.sign(x.mean())) > 0.9, name
        assert len(x) * 8 / 1000 > 1.0, name


@pytest.mark.parametrize(
    ("name", "centre_mm"),
    [  # centres by AAL (Tzourio-Mazoyer 2002), which divides the cortex a little otherwise
        ("precuneus_left", (-7, -56, 48)),
        ("hippocampus_right", (29, -20, -10)),
        ("amygdala_left", (-23, -1, -17)),
        ("putamen_right", (28, 5, 2)),
        ("fusiform_left", (-31, -40, -20)),
        ("lateraloccipital_right", (37, -80, 1)),
        ("precentral_left", (-39, -6, 51)),
    ],
)
def test_regions_lie_where_they_belong(name, centre_mm):
    atlas = bundled_atlas()
    number = next(number for number, each in atlas.names.items() if each == name)
    centre = apply_affine(atlas.labels.affine, np.argwhere(atlas.labels.data == number)).mean(0)
    assert np.linalg.norm(centre - centre_mm) < 12


def write(path, labels, affine=None):
    place = np.diag([4.0, 4, 4, 1]) if affine is None else affine
    if affine is None:
        place[:3, 3] = -20
    nib.save(nib.Nifti1Image(labels.astype(np.float32), place), path)
    return path


@pytest.fixture
def labels():
    data = np.zeros((11, 11, 11))
    data[:, :5], data[:, 6:] = 1, 2
    return data


def test_names_stand_beside_a_file(tmp_path, labels):
    path = write(tmp_path / "tpl-X_atlas-mine_dseg.nii.gz", labels)
    assert dict(read_atlas(path).names) == {1: "label-1", 2: "label-2"}
    path.with_name("tpl-X_atlas-mine_dseg.tsv").write_text("index\tname\n1\tfront\n3\tback\n")
    assert dict(read_atlas(path).names) == {1: "front", 2: "label-2", 3: "back"}
    path.with_name("tpl-X_atlas-mine_dseg.tsv").unlink()
    path.with_name("tpl-X_atlas-mine_dseg.txt").write_text(
        "#No Name\n0 Unknown 0 0 0\n1  A_L  9 9\n"
    )
    assert dict(read_atlas(path).names) == {1: "A_L", 2: "label-2"}


def test_freesurfers_numbers_are_known_in_an_atlas_without_names(tmp_path, labels):
    path = write(tmp_path / "dkt.nii.gz", np.where(labels == 1, 1028, np.where(labels == 2, 17, 0)))
    atlas = read_atlas(path)
    assert atlas.scheme == "freesurfer"
    assert dict(atlas.names) == {17: "hippocampus_left", 1028: "superiorfrontal_left"}


def test_what_is_no_atlas_is_told(tmp_path, labels):
    with pytest.raises(InputError, match="aal: no such atlas; bundled is dkt, any other is named"):
        read_atlas("aal")
    with pytest.raises(InputError, match="labels must be whole numbers from 0 on"):
        read_atlas(write(tmp_path / "t1.nii.gz", labels + 0.4))
    elsewhere = np.diag([4.0, 4, 4, 1])
    with pytest.raises(InputError, match="does not lie around the origin of MNI space; is it in a"):
        read_atlas(write(tmp_path / "own.nii.gz", labels, elsewhere))
    with pytest.raises(InputError, match="no such file"):
        read_atlas(tmp_path / "nothing.nii.gz")


def test_a_segmentation_of_freesurfers_own_format_is_read(tmp_path):
    data = np.zeros((8, 8, 8), np.int32)
    data[:4], data[4:] = 17, 53
    nib.save(nib.MGHImage(data, np.diag([-1.0, 1, 1, 1])), tmp_path / "aseg.mgz")
    atlas = read_segmentation(tmp_path / "aseg.mgz")
    assert atlas.scheme == "freesurfer"
    assert atlas.names[17] == "hippocampus_left"
    assert atlas.labels.data[0, 0, 0] == 53  # RAS+
    assert atlas.names[12] == "putamen_left"  # expected, and not there
    assert not any(number >= 1000 for number in atlas.names)  # no parcellation


def test_unknown_labels_are_told(tmp_path, labels):
    path = write(tmp_path / "x.nii.gz", labels * 500)
    with pytest.raises(InputError, match="labels are neither MUSE nor FreeSurfer/SynthSeg"):
        read_segmentation(path)


def test_any_segmentation_is_read_with_a_table_of_names_beside_it(tmp_path, labels):
    path = write(tmp_path / "sub-01_dseg.nii.gz", labels * 500)
    with pytest.raises(InputError, match=r"name the regions in sub-01_dseg.tsv beside it"):
        read_segmentation(path)
    present = sorted({int(each) for each in np.unique(labels)} - {0})
    lines = [f"{500 * number}\tplace_{number}" for number in present[1:]]
    (tmp_path / "sub-01_dseg.tsv").write_text("\n".join(["index\tname", *lines, "7\tnowhere"]))
    atlas = read_segmentation(path)
    assert atlas.scheme is None
    assert atlas.names[500 * present[0]] == f"label-{500 * present[0]}"
    assert atlas.names[500 * present[1]] == f"place_{present[1]}"
    assert atlas.names[7] == "nowhere"  # wanted, and not there


@pytest.mark.shared
def test_muse_labels_of_real_t1s_have_names(ixi):
    path = sorted((ixi / "labels").glob("*.nii.gz"))[0]
    atlas = read_segmentation(path)
    assert atlas.scheme == "muse"
    assert atlas.names[169] == "precuneus_left"
    assert len(atlas.names) > 100
