"""Is the known order recovered when MRI and PET of simulated people are classified?

People are those of `petsynth.simulation.participants`: severity, atrophy and uptake pattern are
known. Their regional tables are made directly, without images: grey matter falls with the atrophy,
uptake with the disease's burden, and both have noise of their own (that of the MRI is larger, as
is known of AD against CN). The synthetic PET is a linear regression from grey matter to PET, fitted
on other simulated people: drawn from the T1 alone. So the reference PET has to be best and to add
to the MRI, and the synthetic PET can add nothing.

Writes the tables as ``petsynth evaluate`` leaves them, runs ``petsynth classify`` and prints its
findings and, as the last line, one JSON object. ``--out`` keeps the tables.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from petsynth.cli.main import run
from petsynth.io.bids.metadata import write_table
from petsynth.simulation.participants import sample_participant

REGIONS = 12
NOISE = {"grey": 1.3, "pet": 0.5}
"""Standard deviation within a region, in units of the strongest effect of a severity of 1."""
LEARNT_FROM = 400
"""Other people that the synthetic PET is learnt from."""


def cohort(seed: int, subjects: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return diagnoses and regional values of both images, (subjects, regions)."""
    random = np.random.default_rng(seed)
    people = [sample_participant(seed, n, "FDG", f"sub-{n:03}") for n in range(subjects)]
    effect = np.linspace(0.1, 1, REGIONS)
    atrophy = np.array([each.atrophy for each in people])
    burden = np.array([each.burden for each in people])
    size = (subjects, REGIONS)
    grey = 0.6 - 0.3 * (np.outer(atrophy, effect) + random.normal(0, NOISE["grey"], size))
    pet = 1.3 - 0.4 * (np.outer(burden, effect[::-1]) + random.normal(0, NOISE["pet"], size))
    return [each.diagnosis for each in people], grey, pet


def draw_from_t1(grey: np.ndarray) -> np.ndarray:
    """Return the synthetic PET: a regression that other people's MRI and PET taught."""
    _, others_grey, others_pet = cohort(1, LEARNT_FROM)

    def with_constant(values: np.ndarray) -> np.ndarray:
        return np.hstack([values, np.ones((len(values), 1))])

    weights = np.linalg.lstsq(with_constant(others_grey), others_pet)[0]
    return np.asarray(with_constant(grey) @ weights)


def write_evaluation(folder: Path, subjects: int) -> None:
    """Write the tables that ``petsynth classify`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    diagnoses, grey, pet = cohort(0, subjects)
    synthetic = draw_from_t1(grey)
    names = [f"sub-{number:03}" for number in range(subjects)]
    rows = [
        {
            "participant_id": name,
            "method": "regression",
            "kind": "region",
            "region": f"region{place}",
            "reference": pet[number, place],
            "synthetic": synthetic[number, place],
            "volume_ml": 10.0,
            "grey_fraction": grey[number, place],
        }
        for number, name in enumerate(names)
        for place in range(REGIONS)
    ]
    write_table(folder / "regions.tsv", pd.DataFrame(rows))
    metrics = {"participant_id": names, "diagnosis": diagnoses}
    table = pd.DataFrame(metrics | {"method": "regression", "kind": "model"})
    write_table(folder / "metrics.tsv", table)
    summary = {"simulated": True, "external": [], "covariates": {}}
    (folder / "summary.json").write_text(json.dumps(summary))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=120)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) if args.out is None else args.out
        write_evaluation(out / "evaluation", args.subjects)
        words = ["classify", str(out / "evaluation"), "--out", str(out / "classes")]
        start = time.process_time()
        status = run([*words, "--permutations", str(args.permutations), "--overwrite"])
        seconds = time.process_time() - start
        if status:
            raise SystemExit(status)
        content = json.loads((out / "classes" / "classification.json").read_text())
    areas = {each["features"]: round(each["auc"], 3) for each in content["auc"]}
    print(json.dumps({"auc": areas, "cpu_seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
