"""What do regions and metrics cost in evaluate: 300 subjects, 5 methods, 75 regions, 1.5 mm?

Measures a few subjects (the ICBM152 T1, stretched a little otherwise in each, with a PET of its
intensities and noise) and counts up; the table of agreement is made for all subjects at once, from
simulated values. With two threads the next subjects' T1s are deformed side by side. CPU seconds are
used, which other processes on the machine change less than the clock's. Not counted: the first
deformation, which reads the template, and predicting. The metrics of images are given by
themselves, and of a method after the first, since what belongs to the subject is computed once. So
is the error map in MNI space, which models have and other methods have not.

    python benchmarks/regions.py --measured 3

Prints one JSON object as its last line.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from petsynth.data.prepared import PreparedData
from petsynth.evaluation.agreement import agreement_table, summarise_regions
from petsynth.evaluation.domains import MetricSettings, compute_metrics
from petsynth.evaluation.mni_space import ErrorMaps, SubjectWarps
from petsynth.evaluation.regional import RegionMeasurement, tabulate
from petsynth.io.bids.metadata import write_table
from petsynth.io.nifti import read_volume
from petsynth.prepare.output_folder import write_description
from petsynth.prepare.records import write_array
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.resampling import resample
from petsynth.regional.atlas import bundled_atlas
from petsynth.volume import Grid

VOXEL_MM = 1.5


def write_data(folder: Path, subjects: int, random: np.random.Generator) -> PreparedData:
    """Write prepared data of subjects whose brains differ by a few percent in size."""
    file = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    with resources.as_file(resources.files("nilearn") / "datasets" / "data" / file) as path:
        head = read_volume(path)
    grid = model_grid(VOXEL_MM)
    names = [f"sub-{number:03}" for number in range(1, subjects + 1)]
    for name in names:
        stretch = np.diag([*random.uniform(0.93, 1.07, 3), 1.0])
        t1 = resample(head, Grid(grid.shape, grid.affine), stretch).data
        mri = (2 * t1 / t1.max() - 1).astype(np.float32)
        pet = (t1 / t1.max() + 0.05 * random.normal(size=t1.shape)).astype(np.float32)
        for kind, array in (("mri", mri), ("pet", pet), ("mask", t1 > 0)):
            write_array(folder, name, kind, array)
    table = pd.DataFrame({"participant_id": names, "split": "test", "diagnosis": "n/a"})
    write_table(folder / "split.tsv", table)
    write_description(
        folder, grid, tracer="FDG", unit="SUVR", frames=1, pet_scale=2.0, simulated=True
    )
    return PreparedData(folder)


def simulated_table(rows: pd.DataFrame, subjects: int, methods: int) -> pd.DataFrame:
    """Return a table of all subjects and methods with random values, from one subject's rows."""
    random = np.random.default_rng(1)
    parts = []
    for subject in range(subjects):
        level = 1 + 0.1 * random.normal()
        for method in range(methods):
            noise = 0.05 * random.normal(size=len(rows))
            part = rows.assign(participant_id=f"sub-{subject:03}", method=f"method-{method}")
            parts.append(
                part.assign(
                    reference=rows["reference"] * level, synthetic=rows["reference"] * level + noise
                )
            )
    return pd.concat(parts, ignore_index=True)


def main(measured: int, subjects: int, methods: int) -> dict[str, float]:
    """Return seconds by part, measured and counted up."""
    with tempfile.TemporaryDirectory() as folder:
        data = write_data(Path(folder), measured + 1, np.random.default_rng(0))
        measurement = RegionMeasurement(data, bundled_atlas(), warps := SubjectWarps(data))
        settings = MetricSettings(data.pet_scale, 2.0, data.unit, data.tracer)
        maps = ErrorMaps(data, warps)
        parts = ("deform", "locate", "method", "metrics", "error_map")
        seconds: dict[str, list[float]] = {part: [] for part in parts}
        rows = []
        warps.find(data.participants("test")[0])
        for name in data.participants("test")[1:]:
            start = time.process_time()
            warps.find(name)
            deformed = time.process_time()
            where = measurement.locate(name)
            located = time.process_time()
            rows = measurement.rows(name, "method", where, np.array(data.pet(name)))
            regional = time.process_time()
            pet, mask = np.array(data.pet(name)), np.array(data.mask(name))
            for factor in (1.02, 1.05):
                begin = time.process_time()
                compute_metrics(pet, factor * pet, mask, settings, data.grid.voxel_mm)
            end = time.process_time()
            maps.add(name, "method", pet)
            mapped = time.process_time() - end
            spent = (deformed - start, located - deformed, regional - located, end - begin, mapped)
            for part, value in zip(seconds, spent, strict=True):
                seconds[part].append(value)
    mean = {part: float(np.mean(values)) for part, values in seconds.items()}
    table = simulated_table(tabulate(rows), subjects, methods)
    start = time.process_time()
    summarise_regions(table, agreement_table(table))
    agreement = time.process_time() - start
    ahead = subjects * (mean["deform"] + mean["locate"])
    alongside = subjects * methods * mean["method"]
    metrics = subjects * methods * mean["metrics"]
    return {
        "measured_subjects": measured,
        "deform_s": round(mean["deform"], 3),
        "locate_s": round(mean["locate"], 3),
        "method_s": round(mean["method"], 3),
        "agreement_s": round(agreement, 1),
        "subjects": subjects,
        "methods": methods,
        "regions": int((table["kind"] == "region").sum() / subjects / methods),
        "one_core_min": round((ahead + alongside + agreement) / 60, 1),
        "two_cores_min": round(((ahead + alongside) / 2 + agreement) / 60, 1),
        "metrics_s": round(mean["metrics"], 3),
        "metrics_two_cores_min": round(metrics / 2 / 60, 1),
        "all_two_cores_min": round(((ahead + alongside + metrics) / 2 + agreement) / 60, 1),
        "error_map_s": round(mean["error_map"], 3),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measured", type=int, default=2)
    parser.add_argument("--subjects", type=int, default=300)
    parser.add_argument("--methods", type=int, default=5)
    options = parser.parse_args()
    print(json.dumps(main(options.measured, options.subjects, options.methods)))
