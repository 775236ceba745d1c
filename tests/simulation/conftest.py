"""Labelled T1s made from the template, so that tests need no real data."""

from pathlib import Path

import numpy as np
import pytest

from petsynth.io.nifti import write_volume
from petsynth.simulation.embedded import make_embedded_anatomy
from petsynth.simulation.regions import CODES, REGIONS, codes_of
from petsynth.volume import Volume

VOXEL_MM = 4.0


@pytest.fixture(scope="session")
def region_image():
    """An anatomy and one region code per voxel, as a segmentation would give it."""
    anatomy = make_embedded_anatomy(np.random.default_rng(11), VOXEL_MM, 0.0)
    codes = np.where(anatomy.white > 0.5, CODES["white_matter"], anatomy.regions)
    cerebellum = (anatomy.white > 0.5) & (anatomy.regions == CODES["cerebellar_cortex"])
    codes[cerebellum] = CODES["cerebellar_white_matter"]
    fluid = (anatomy.fluid > 0.5) & ~np.isin(anatomy.regions, codes_of("ventricle"))
    codes[fluid] = CODES["fluid"]
    return anatomy, codes.astype(np.uint8)


def to_labels(codes, scheme, parcellated=True):
    """Translate region codes into the labels of a scheme that has no pons and no plexus."""
    table = np.zeros(len(REGIONS), np.int16)
    for code, region in enumerate(REGIONS[1:], start=1):
        labels = getattr(region, scheme)
        table[code] = labels[0] if labels else 0
    brain_stem = CODES["brain_stem"]
    table[CODES["pons"]] = table[brain_stem]
    table[CODES["choroid_plexus"]] = table[CODES["ventricle"]]
    if not parcellated:
        for code, region in enumerate(REGIONS):
            if region.tissue == "cortex":
                table[code] = 3 if region.name.endswith("_left") else 42
    return table[codes]


@pytest.fixture(scope="session")
def labelled_folder(region_image, tmp_path_factory):
    """Return a maker of folders of labelled T1s."""

    def make(scheme="muse", names=("A01-X-1", "A02-X-2"), parcellated=True, split=True) -> Path:
        folder = tmp_path_factory.mktemp("labelled")
        anatomy, codes = region_image
        labels = to_labels(codes, scheme, parcellated)
        for name in names:
            t1 = folder / "t1" / f"{name}_T1w.nii.gz" if split else folder / f"{name}_T1w.nii.gz"
            seg = folder / "labels" / f"{name}_dseg.nii.gz" if split else folder / f"{name}_seg.nii"
            write_volume(t1, anatomy.mri)
            write_volume(seg, Volume(labels, anatomy.grid.affine), dtype=np.int16)
        return folder

    return make
