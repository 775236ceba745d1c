"""How long it takes to find the pairs of a large dataset, beside libraries that index BIDS.

Generates 5,000 subjects with two sessions each (a T1w, a PET and their sidecars per session, a
``scans.tsv`` per session; images are empty files) and pairs them. Only ours reads tables and
sidecars and pairs; the libraries list files with their entities.

    python benchmarks/indexing.py [--subjects N] [--libraries]

With ``--libraries``, pybids, bids2table and ancpbids are timed too, each in an environment of its
own that this script makes. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from petsynth.io.bids.index import index_dataset

SUBJECTS = 5000
SIDECAR = json.dumps({"Units": "SUVR", "TracerName": "fluorodeoxyglucose"})

LIBRARIES = {
    "pybids": "from bids import BIDSLayout\n"
    "n = len(BIDSLayout(sys.argv[1], validate=False).get(suffix='pet', extension='nii.gz'))",
    "bids2table": "import bids2table\n"
    "t = bids2table.index_dataset(sys.argv[1])\n"
    "n = sum(s == 'pet' for s in t.column('suffix').to_pylist())",
    "ancpbids": "import ancpbids\n"
    "n = len(ancpbids.BIDSLayout(sys.argv[1]).get(suffix='pet', extension='.nii.gz'))",
}

DEFINITIONS = {
    "seconds": "wall time of index_dataset: listing, tables, sidecars, pairing",
    "cpu_seconds": "processor time of the same",
    "files": "files in the dataset",
}


def generate(root: Path, subjects: int) -> int:
    """Write the dataset; return the number of files."""
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    files = 1
    for number in range(1, subjects + 1):
        for session, year in (("m00", 2010), ("m12", 2011)):
            stem = f"sub-{number:05}_ses-{session}"
            folder = root / f"sub-{number:05}" / f"ses-{session}"
            images = [f"anat/{stem}_T1w", f"pet/{stem}_trc-18FFDG_pet"]
            for kind in ("anat", "pet"):
                (folder / kind).mkdir(parents=True)
            for image in images:
                (folder / f"{image}.nii.gz").touch()
                (folder / f"{image}.json").write_text(SIDECAR)
            rows = "".join(f"{image}.nii.gz\t{year}-06-15\n" for image in images)
            (folder / f"{stem}_scans.tsv").write_text(f"filename\tacq_time\n{rows}")
            files += 5
    return files


def time_library(name: str, code: str, folder: Path, root: Path) -> float:
    """Return the seconds that a library takes, in an environment of its own."""
    python = folder / name / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", name], check=True)
    timed = f"import sys, time\nt = time.perf_counter()\n{code}\nprint(time.perf_counter() - t)"
    done = subprocess.run(
        [python, "-c", timed, str(root)], check=True, capture_output=True, text=True
    )
    return round(float(done.stdout.split()[-1]), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--libraries", action="store_true", help="time the libraries as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "bids"
        root.mkdir()
        files = generate(root, options.subjects)
        start, cpu = time.perf_counter(), time.process_time()
        index = index_dataset(root)
        seconds = {
            "seconds": round(time.perf_counter() - start, 2),
            "cpu_seconds": round(time.process_time() - cpu, 2),
        }
        assert len(index.scans) == options.subjects
        assert len(index.unused) == 2 * options.subjects
        if options.libraries:
            for name, code in LIBRARIES.items():
                seconds[f"{name}_seconds"] = time_library(name, code, Path(temporary), root)
    print(json.dumps({**seconds, "files": files, "definitions": DEFINITIONS}))


if __name__ == "__main__":
    main()
