"""Make a simulated second site of prepared simulated data: another scanner, pattern and T1.

    python benchmarks/second_site.py PREPARED SITE --test sub-IXI132HH1415 ... \\
        --pattern ../shared/data/fdg-healthy-template/tpl-Chinese116_trc-FDG_pet.nii.gz \\
                  ../shared/data/fdg-template/tpl-DellaRosa_trc-FDG_pet.nii.gz

What differs from the first site (all simulated):

- pattern: multiplied by the second real group map over the first one, both registered to the
  subjects' mean by an affine transform and smoothed to `PATTERN_MM`, so by what two groups and two
  scanners differ in;
- point spread: blurred further by `FURTHER_BLUR_MM` (full width at half maximum);
- level: multiplied by `LEVEL`, as another delineation of the reference region would;
- T1: thicker slices along z (`T1_BLUR_MM`) and another contrast (`T1_GAMMA`).

There is no noise-free PET at the second site, as at a real one. Which subjects it has, such as
their ages, is decided by what was prepared. The test subjects must be none of the pretrained
model's training subjects; all others become training subjects.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from group_maps import MNI, registered
from petsynth.data.prepared import DESCRIPTION, PreparedData, array_path
from petsynth.io.bids.metadata import write_table
from petsynth.io.text import read_table
from petsynth.preprocessing.resampling import resample
from petsynth.systems.unet25d.location import place_in_mni, population_pet
from petsynth.systems.unet25d.unet import POPULATION_GRID
from petsynth.volume import FWHM_PER_SIGMA, Volume

PATTERN_MM = 16.0
FURTHER_BLUR_MM = 5.0
LEVEL = 1.15
T1_BLUR_MM = 3.0
T1_GAMMA = 0.75


def pattern(
    data: PreparedData, places: dict[str, NDArray[np.float64]], maps: list[Path]
) -> NDArray[np.float64]:
    """Return the second map over the first, smooth, on `MNI`."""
    mean = population_pet(data, places).T + 1  # in the network's units, air at 0
    reference = resample(Volume(mean, POPULATION_GRID.affine), MNI).data
    inside = reference > 0.3 * np.percentile(reference, 99)
    images = [registered(path, reference) for path in maps]
    inside &= (images[0] > 0) & (images[1] > 0)
    blur = (PATTERN_MM / MNI.voxel_mm[0],) * 3
    smooth = [_blur(np.where(inside, each / each[inside].mean(), 0), blur) for each in images]
    near = _blur(inside.astype(np.float32), blur) > 0.05
    ratio = np.where(near, smooth[1] / np.maximum(smooth[0], 1e-6), 1.0)
    print(f"pattern: factors from {ratio[inside].min():.2f} to {ratio[inside].max():.2f}")
    return np.clip(ratio, 0.6, 1.6)


def _blur(image: NDArray, fwhm_voxels: tuple[float, float, float]) -> NDArray[np.float32]:
    sigma = [each / FWHM_PER_SIGMA for each in fwhm_voxels]
    return ndimage.gaussian_filter(np.asarray(image, np.float32), sigma)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("site", type=Path)
    parser.add_argument("--pattern", type=Path, nargs=2, required=True, metavar="MAP")
    parser.add_argument("--test", nargs="+", required=True, metavar="NAME")
    options = parser.parse_args()
    data = PreparedData(options.prepared)
    names = data.participants()
    if missing := set(options.test) - set(names):
        parser.error(f"{options.prepared} has no {', '.join(sorted(missing))}")
    places = {name: place_in_mni(data.mri(name), data.mask(name), data.grid) for name in names}
    ratio = pattern(data, places, options.pattern)
    shutil.copytree(data.folder, options.site, ignore=shutil.ignore_patterns("*noisefree.npy"))
    to_index = np.linalg.inv(np.asarray(MNI.affine))
    edge = data.grid.voxel_mm
    for name in names:
        index = to_index @ places[name]
        factor = ndimage.affine_transform(
            ratio, index[:3, :3], index[:3, 3], data.grid.shape, order=1, mode="nearest"
        )
        blurred = _blur(data.static_pet(name), tuple(FURTHER_BLUR_MM / each for each in edge))
        np.save(array_path(options.site, name, "pet"), (LEVEL * factor * blurred).astype("f4"))
        mri = _blur((data.mri(name) + 1) / 2, (0.0, 0.0, T1_BLUR_MM / edge[2]))
        other = 2 * np.clip(mri, 0, 1) ** T1_GAMMA - 1
        np.save(array_path(options.site, name, "mri"), other.astype("f4"))
    table = read_table(options.site / "split.tsv")
    is_test = table["participant_id"].isin(options.test)
    table["split"] = is_test.map({True: "test", False: "train"})
    write_table(options.site / "split.tsv", table)
    description = json.loads((options.site / DESCRIPTION).read_text())
    inside = [
        PreparedData(options.site).static_pet(name)[data.mask(name)]
        for name in table["participant_id"][table["split"] == "train"]
    ]
    description["pet_scale"] = float(np.percentile(np.concatenate(inside), 99.9))
    (options.site / DESCRIPTION).write_text(json.dumps(description, indent=2))


if __name__ == "__main__":
    main()
