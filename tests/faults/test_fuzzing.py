"""Whatever the bytes of a file, its reader gives a value or one of petsynth's own errors.

The seeds in ``corpus/`` are small valid files; weights, checkpoints and prepared data are written
anew. Each is changed in a few places, by bytes, numbers and characters that readers trip over.
"""

import contextlib
import gzip
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from petsynth.config import load_config
from petsynth.data.prepared import PreparedData
from petsynth.data.split import read_split
from petsynth.errors import PetsynthError, PetsynthWarning
from petsynth.inference.run import load_run
from petsynth.io.bids.filters import filter_of
from petsynth.io.bids.participants import read_participants
from petsynth.io.formats import as_nifti
from petsynth.io.nifti import read_volume
from petsynth.io.text import read_json, read_rows
from petsynth.preprocessing.pet.acquisition import read_acquisition
from petsynth.systems.optimisation import Networks
from petsynth.training.logs import CsvLog
from petsynth.training.state import TrainingState, load_checkpoint, save_checkpoint

from .harness import FAULTS

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = max(10, FAULTS // 2)
"""Changed files per reader."""
LONGEST_S = 5.0
"""Processor time that a small file may take."""
TOKENS = (
    b"1e999", b"-1", b"nan", b"Infinity", b"1" * 400, b"[" * 2000, b"{" * 2000, b'"', b"'", b"\\u",
    b"\0", b"\t", b"\n", b"\r", b"null", b"true", b"[]", b"{}", b"../../x", b"/etc/passwd", b"\xff",
    b"\xef\xbb\xbf", b"#", b"=", b"a.b", b"sub-01", b"0", b"", b",", b":", b"9" * 19,
)  # fmt: skip


@st.composite
def changed(draw, seed: bytes) -> bytes:
    """Return a file with a few pieces overwritten, put in, doubled or cut off."""
    content = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        # Headers come first, and there is more to break in them.
        start = min(start, draw(st.sampled_from([len(content), 400, 64])))
        end = min(len(content), start + draw(st.integers(0, 12)))
        kind = draw(st.sampled_from(["bytes", "token", "double", "cut", "bit"]))
        if kind == "bytes":
            content[start:end] = draw(st.binary(max_size=12))
        elif kind == "token":
            content[start:end] = draw(st.sampled_from(TOKENS))
        elif kind == "double":
            content[start:start] = content[start:] if len(content) < 10_000 else b""
        elif kind == "cut":
            del content[start:]
        elif start < len(content):
            content[start] ^= 1 << draw(st.integers(0, 7))
    return bytes(content)


def make_state() -> TrainingState:
    network = torch.nn.Linear(2, 1)
    return TrainingState(Networks(network, torch.optim.Adam(network.parameters(), lr=0.1)))


def seed_of(name: str, tmp_path: Path, run: Path, prepared: Path) -> tuple[Path, bytes]:
    """Return where a reader's file stands, and its valid content."""
    if name.startswith("nifti"):
        path = tmp_path / f"x{name.removeprefix('nifti')}"
        data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
        nib.save(nib.Nifti1Image(data, np.diag([2.0, 2, 2, 1])), path)
    elif name in OTHER_FORMATS:
        path = tmp_path / name
        (tmp_path / "written").mkdir()
        save_as(path)
    elif name == "checkpoint":
        path = tmp_path / "last.pt"
        save_checkpoint(path, make_state())
    elif name in ("weights", "run configuration"):
        path = tmp_path / "run" / ("model.safetensors" if name == "weights" else "config.toml")
        shutil.copytree(run, path.parent)
    elif name in ("prepared.json", "split.tsv", "array"):
        root = tmp_path / "prepared"
        shutil.copytree(prepared, root)
        path = root / ("arrays/sub-001_pet.npy" if name == "array" else name)
    else:
        path = tmp_path / name
        shutil.copy(CORPUS / name, path)
    return path, path.read_bytes()


def save_as(path: Path) -> None:
    data, affine = np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([2.0, 2, 2, 1])
    if path.suffix == ".mgz":
        nib.save(nib.MGHImage(data, affine), path)
    elif path.suffix == ".hdr":
        nib.save(nib.Nifti1Pair(data, affine), path)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(data), str(path))


def read_prepared(path: Path) -> None:
    root = path.parent if path.suffix in (".json", ".tsv") else path.parent.parent
    data = PreparedData(root)
    for name in data.participants()[:2]:
        data.pet(name), data.mask(name), data.diagnosis(name)


OTHER_FORMATS = ("t1.mgz", "t1.hdr", "t1.nrrd", "t1.mha")
READERS: dict[str, Callable[[Path], object]] = {
    "nifti.nii": lambda path: read_volume(path, frames=True),
    "nifti.nii.gz": lambda path: read_volume(path, frames=True),
    "sidecar.json": lambda path: read_acquisition(read_json(path), 2, name=path.name),
    "participants.tsv": lambda path: read_participants(path.parent),
    "table.tsv": read_rows,
    **dict.fromkeys(OTHER_FORMATS, lambda path: as_nifti(path, path.parent / "written")),
    "division.tsv": lambda path: read_split(path, {f"sub-0{n}": [str(n)] for n in range(1, 5)}),
    "config.toml": load_config,
    "filter.json": lambda path: filter_of(read_json(path), str(path)),
    "train_log.csv": lambda path: CsvLog(path, ("step", "l1", "seconds"), step=3),
    "weights": lambda path: load_run(path.parent),
    "run configuration": lambda path: load_run(path.parent),
    "prepared.json": read_prepared,
    "split.tsv": read_prepared,
    "array": read_prepared,
    "checkpoint": lambda path: load_checkpoint(path, make_state()),
}


# nibabel leaves a file open whose header it refuses.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("name", READERS)
def test_any_bytes_give_a_value_or_one_line(name, tmp_path, tiny_run, tiny_prepared):
    path, seed = seed_of(name, tmp_path, tiny_run, tiny_prepared)
    READERS[name](path)  # the seed itself is valid

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(content=changed(seed if not name.endswith(".gz") else gzip.decompress(seed)))
    def check(content: bytes) -> None:
        path.write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PetsynthWarning)
            with contextlib.suppress(PetsynthError):
                READERS[name](path)
        assert time.process_time() - start < LONGEST_S

    check()
