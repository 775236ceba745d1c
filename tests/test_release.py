"""A release: what it must hold and say, and that it works where it is installed."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

import petsynth

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_licences_of_code_weights_and_regions_are_said(release):
    assert (
        release.own_licence() == "MIT AND CC-BY-SA-3.0 AND Apache-2.0 AND MPL-2.0 AND BSD-2-Clause"
    )
    citation = (ROOT / "CITATION.cff").read_text()
    assert all(f"  - {each}" in citation for each in release.own_licence().split(" AND "))
    assert "CC BY-SA 3.0" in (ROOT / "src/petsynth/pretrained/LICENSE").read_text()


def test_both_papers_are_cited(release):
    citation = (ROOT / "CITATION.cff").read_text()
    assert "title: Inferring PET from MRI with pix2pix" in citation
    assert 'title: "GANBERT: Generative Adversarial Networks with' in citation
    assert release.check_citation(release.project()["version"]) == []
    assert release.check_citation("9.9") == ["CITATION.cff does not name version 9.9"]


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("## [1.0.0] - 2027-01-01\n\n### Added\n\n- A.\n", 0),
        ("## [1.0.0] - 2027-01-01\n\n## [0.9.0] - 2026-01-01\n\n- B.\n", 1),
        ("## [1.0.0]\n\n- A.\n", 1),
        ("## [Unreleased]\n", 1),
    ],
)
def test_the_changelog_must_tell_of_the_version(release, text, mistakes):
    assert len(release.check_changelog("1.0.0", text)) == mistakes


def test_every_package_that_runs_has_a_licence(release):
    rows = [line.split("\t") for line in release.licence_table().splitlines()]
    licences = {name: licence for name, _, licence in rows[1:]}
    assert {"torch", "nibabel", "deepbet", "numpy", "pandas"} <= licences.keys()
    assert not {"pytest", "ruff", "mypy"} & licences.keys()
    assert [name for name, licence in licences.items() if licence == "not stated"] == []


def test_the_bill_of_materials_names_every_package_once(release):
    bill = release.bill_of_materials()
    assert bill["metadata"]["component"]["purl"] == f"pkg:pypi/petsynth@{petsynth.__version__}"
    named = [each["purl"] for each in bill["components"]]
    assert len(named) == len(set(named)) == len(release.licence_table().splitlines()) - 2
    assert all(re.fullmatch(r"pkg:pypi/[\w.-]+@[\w.%!-]+", each) for each in named)
    assert all(each["licenses"] for each in bill["components"])


@pytest.mark.slow
def test_the_wheel_works_where_only_it_is_installed(release, tmp_path):
    """Weights and configurations are inside; the packages it needs are taken from here."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "-w", tmp_path, ROOT], capture_output=True, text=True, check=False
    )
    if "hatchling" in done.stderr + done.stdout and done.returncode:
        pytest.skip("hatchling is not installed")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert release.missing_in_wheel(wheel) == []
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", site, wheel]
    subprocess.run(install, check=True, capture_output=True)
    python = tmp_path / "env" / "bin" / "python"
    packages = Path(pytest.__file__).parents[1]
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": f"{site}:{packages}", "OMP_NUM_THREADS": "1",
    }  # fmt: skip

    def petsynth(*words):
        return subprocess.run(
            [python, "-m", "petsynth", *words],
            capture_output=True, text=True, check=True, env=environment, cwd=tmp_path,
        ).stdout  # fmt: skip

    told = petsynth("models")
    assert "petsynth-fdg" in told
    assert str(site) in told
    assert "pix2pix-axial" in petsynth("describe", "small/pix2pix-axial.toml")


def test_the_metadata_name_the_licence_files():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert all((ROOT / name).is_file() for name in project["license-files"])
