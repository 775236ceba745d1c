"""A little reader study, its database and its application."""

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.viewer.conftest import write_scan

from petsynth.reader_study.access import give_tokens
from petsynth.reader_study.answers import save_answer, submit
from petsynth.reader_study.database import open_database, sqlite_url
from petsynth.reader_study.images import blind_images
from petsynth.reader_study.order import presentations
from petsynth.reader_study.ratings import read_ratings
from petsynth.reader_study.server import RateServer
from petsynth.reader_study.study import ORGANISER, Study, read_study

HERE = "http://127.0.0.1:8000"
SUBJECTS = ("sub-01", "sub-02", "sub-03", "sub-04")
DIAGNOSES = ("AD", "normal", "AD", "FTD")
TOML = """
title = "Can experts tell?"
readers = ["ana", "ben"]
repeats = 2
seed = 3
voxel_mm = 4
cases = "cases.tsv"
"""


def head(seed: int) -> np.ndarray:
    """Return a head-like ellipsoid of 4 mm voxels with its own pattern."""
    x, y, z = (np.indices((44, 54, 44)).T - (21.5, 26.5, 21.5)).T
    inside = (x / 17) ** 2 + (y / 21) ** 2 + (z / 17) ** 2 < 1
    waves = np.random.default_rng(seed).uniform(0.1, 0.3, 3)
    return inside * (1.2 + 0.4 * np.cos(waves[0] * x + waves[1] * y + waves[2] * z))


def write_study(folder: Path) -> Path:
    """Write a study of four subjects in three kinds of images."""
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = (-86, -106, -86)
    rows = ["name\tsubject\tkind\ttruth\tdiagnosis\tmri\tpet"]
    for number, (subject, diagnosis) in enumerate(zip(SUBJECTS, DIAGNOSES, strict=True)):
        values = head(number)
        write_scan(folder / f"{subject}_T1w.nii.gz", values * 500, affine=affine)
        write_scan(folder / f"{subject}_pet.nii.gz", values, affine=affine)
        write_scan(folder / f"{subject}_synth.nii.gz", values * 1.02, affine=affine)
        start = f"{subject}\t{{}}\t{{}}\t{diagnosis}\t{subject}_T1w.nii.gz\t{{}}"
        for name, kind, truth, pet in (
            ("mri", "MRI", "n/a", "n/a"),
            ("syn", "MRI + synthetic PET", "synthetic", f"{subject}_synth.nii.gz"),
            ("real", "MRI + real PET", "real", f"{subject}_pet.nii.gz"),
        ):
            rows.append(f"{subject}-{name}\t" + start.format(kind, truth, pet))
    (folder / "cases.tsv").write_text("\n".join(rows) + "\n")
    (folder / "study.toml").write_text(TOML)
    return folder / "study.toml"


@pytest.fixture(scope="session")
def study_file(tmp_path_factory) -> Path:
    return write_study(tmp_path_factory.mktemp("reader-study"))


@pytest.fixture(scope="session")
def study(study_file) -> Study:
    return read_study(study_file)


@pytest.fixture(scope="session")
def images(study, tmp_path_factory):
    return blind_images(study, tmp_path_factory.mktemp("blinded"))


@pytest.fixture
def engine(study, tmp_path):
    engine = open_database(sqlite_url(tmp_path / "answers.sqlite"), study.fingerprint)
    yield engine
    engine.dispose()


@pytest.fixture
def tokens(engine, study):
    return give_tokens(engine, [*study.readers, ORGANISER])


@pytest.fixture
def client(study, engine, images, tokens):
    """Return a function that logs somebody in, from an application of its own."""

    def make(name: str | None = None, study: Study = study) -> TestClient:
        client = TestClient(RateServer(study, engine, images).app, base_url=HERE)
        if name is not None:
            assert client.post("/api/login", json={"token": tokens[name]}).status_code == 200
        return client

    return make


@pytest.fixture
def answers(engine, study, tokens):
    """Let ana know everything, and ben nothing: real, normal, three points, always."""
    for each in presentations(study, "ana"):
        case = each.case
        real = {"real": case.truth, "real_certainty": 5} if case.truth else {}
        points = 5 if case.truth == "real" else 3
        fields = {"quality": points, "diagnosis": case.diagnosis, "diagnosis_certainty": 4, **real}
        save_answer(engine, "ana", each, fields, 0)
    for each in presentations(study, "ben"):
        real = {"real": "real", "real_certainty": 1} if each.case.truth else {}
        fields = {"quality": 3, "diagnosis": "normal", "diagnosis_certainty": 1, **real}
        save_answer(engine, "ben", each, {**fields, "comment": "a, b\n=1+1"}, 0)
    submit(engine, "ana")
    return engine


@pytest.fixture
def ratings(answers, study):
    return read_ratings(study, answers)
