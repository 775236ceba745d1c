"""An attacker with everything that a reader's browser gets tells real from synthetic as by coin.

Both come from the same simulation, so that the picture itself tells nothing; they are stored as
differently as scanners and networks store them.
"""

import hashlib
import time
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict
from starlette.testclient import TestClient
from tests.reader_study.conftest import HERE, head

from petsynth.reader_study.access import give_tokens
from petsynth.reader_study.database import open_database, sqlite_url
from petsynth.reader_study.images import blind_images
from petsynth.reader_study.order import presentations
from petsynth.reader_study.server import RateServer
from petsynth.reader_study.study import Case, Study
from petsynth.viewer.encoding import OFFSET

PAIRS = 30
CHANCE_AT_MOST = 0.5 + 3.3 * (0.25 / (2 * PAIRS)) ** 0.5
"""Of coin tosses: exceeded once in two thousand tries."""


def store_as_scanner(path: Path, values: np.ndarray, random) -> None:
    """Write 16-bit values with noise in the air, first axis to the left, shifted."""
    affine = np.diag([-4.0, 4, 4, 1])
    affine[:3, 3] = random.uniform(-120, 120, 3)
    air = (values == 0) * 0.03 * random.random(values.shape)
    image = nib.Nifti1Image((values + air)[::-1].astype(np.float32), affine)
    image.set_data_dtype(np.int16)
    image.header["descrip"] = b"PET scanner 7"
    nib.save(image, path)


def store_as_network(path: Path, values: np.ndarray, random) -> None:
    """Write float32 values with exact zeros around, on axes like MNI's."""
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -90
    image = nib.Nifti1Image(np.pad(values, 3).astype(np.float32), affine)
    image.header["descrip"] = b"SYNTHETIC PET"
    nib.save(image, path)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    folder = tmp_path_factory.mktemp("attack")
    random = np.random.default_rng(0)
    cases = []
    for number in range(2 * PAIRS):
        is_real = number % 2 == 0
        path = folder / (f"scan_{number}_pet.nii.gz" if is_real else f"sub-{number}_synth.nii")
        values = head(number)
        values = values * (1 + 0.05 * random.standard_normal(values.shape))
        (store_as_scanner if is_real else store_as_network)(path, values, random)
        truth = "real" if is_real else "synthetic"
        name = f"c{number}"
        cases.append(Case(name=name, subject=name, truth=truth, pet=path))
    return Study(title="t", readers=["eve"], voxel_mm=4, cases=cases, seed=5)


@pytest.fixture(scope="module")
def browser_got(study, tmp_path_factory):
    """Return, per case in the order of the study's reader, what came, and the truth."""
    folder = tmp_path_factory.mktemp("served")
    engine = open_database(sqlite_url(folder / "answers.sqlite"), study.fingerprint)
    token = give_tokens(engine, study.readers)["eve"]
    server = RateServer(study, engine, blind_images(study, folder / "images"))
    client = TestClient(server.app, base_url=HERE)
    client.post("/api/login", json={"token": token})
    got = []
    for position in range(1, 2 * PAIRS + 1):
        about = client.get(f"/api/cases/{position}")
        begin = time.perf_counter()
        image = client.get(f"/api/cases/{position}/pet")
        seconds = time.perf_counter() - begin
        part = client.get(f"/api/cases/{position}/pet", headers={"range": "bytes=0-99"})
        known = client.get(f"/api/cases/{position}/pet", headers={"if-none-match": "*"})
        got.append((position, about, image, seconds, part, known))
    engine.dispose()
    return got


@pytest.fixture(scope="module")
def truth(study) -> np.ndarray:
    return np.array([each.case.truth == "synthetic" for each in presentations(study, "eve")])


def number_of(text: object) -> int:
    """Return a number that differs where a text does."""
    return int(hashlib.sha256(repr(text).encode()).hexdigest()[:6], 16)


def features_of_bytes(content: bytes) -> list[float]:
    """Return what a file gives away without looking at the picture."""
    voxels = np.frombuffer(content[OFFSET:], "<i2").astype(float)
    values, counts = np.unique(voxels, return_counts=True)
    fractions = counts / counts.sum()
    return [
        len(content),
        number_of(content[:OFFSET]),
        len(zlib.compress(content, 1)),
        len(values),
        values.min(),
        values.max(),
        values[values > 0].min(),
        np.mean(voxels == 0),
        np.mean(voxels % 2),
        np.diff(values).max(initial=0),
        -(fractions * np.log(fractions)).sum(),
    ]


def features(got) -> np.ndarray:
    rows = []
    for position, about, image, seconds, part, known in got:
        headers = {name: value for name, value in image.headers.items() if name != "date"}
        said = {key: value for key, value in about.json().items() if key != "position"}
        rows.append(
            [
                position,
                seconds,
                len(about.content) - len(str(position)),
                number_of(said),
                number_of(headers),
                part.status_code,
                len(part.content),
                known.status_code,
                *features_of_bytes(image.content),
            ]
        )
    return np.array(rows, dtype=float)


def accuracy(rows: np.ndarray, truth: np.ndarray) -> float:
    forest = RandomForestClassifier(60, random_state=0)
    return float(np.mean(cross_val_predict(forest, rows, truth, cv=5) == truth))


def test_the_attacker_stays_at_chance(browser_got, truth):
    assert accuracy(features(browser_got), truth) < CHANCE_AT_MOST


def test_the_attacker_is_able(study, truth):
    """On the files themselves the same attack succeeds."""
    rows = []
    for each in presentations(study, "eve"):
        image = nib.load(each.case.pet)
        content = bytes(OFFSET) + np.asarray(image.dataobj.get_unscaled()).astype("<i2").tobytes()
        rows.append([each.case.pet.stat().st_size, *features_of_bytes(content)])
    assert accuracy(np.array(rows, dtype=float), truth) > 0.95


def test_what_needs_no_attacker_is_equal(browser_got, study):
    """Sizes, headers, statuses, ranges and what the page is told are the same for all."""
    for part in (1, 2, 4, 5):
        answers = [each[part] for each in browser_got]
        assert len({answer.status_code for answer in answers}) == 1
        assert len({tuple(sorted({**a.headers, "date": ""}.items())) for a in answers}) <= 2
    assert len({each[2].content[:OFFSET] for each in browser_got}) == 1
    told = [{**each[1].json(), "position": 0} for each in browser_got]
    assert all(each == told[0] for each in told)
    names = [case.name for case in study.cases] + ["synth", "scan_", "truth", "kind", "subject"]
    text = "".join(each[1].text + str(each[2].headers) for each in browser_got)
    assert not [name for name in names if f'"{name}"' in text or f"{name}_" in text]


def test_the_order_tells_nothing(study):
    """Over many readers, synthetic cases come neither earlier nor later."""
    many = study.model_copy(update={"readers": tuple(f"r{n}" for n in range(200))})
    places = [
        each.position
        for reader in many.readers
        for each in presentations(many, reader)
        if each.case.truth == "synthetic"
    ]
    middle, spread = PAIRS + 0.5, 2 * PAIRS / np.sqrt(12 * len(places))
    assert abs(np.mean(places) - middle) < 4 * spread
