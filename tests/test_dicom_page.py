"""The commands of docs/dicom.md, carried out on a synthetic export."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.cli.test_predict import known_alignment  # noqa: F401
from tests.cli.test_predict_dicom import T1, coarse  # noqa: F401
from tests.io.dicom.makers import Plan, pet_values, t1_values, write
from tests.io.dicom.test_sending import Archive

from petsynth.cli.main import run
from petsynth.io.bids.images import find_images, find_participants

PAGE = Path(__file__).parents[1] / "docs" / "dicom.md"
ADNI = PAGE.with_name("adni.md")


def commands(section: str) -> list[list[str]]:
    """Return petsynth's commands below a heading, without what only a real brain allows."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("petsynth ")]


def test_import(tmp_path, monkeypatch):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    write(Plan(t1_values(slices=5)), tmp_path / "export")
    write(Plan(pet_values(slices=5), modality="PT", series=2), tmp_path / "export")
    monkeypatch.chdir(tmp_path)
    found = commands("A BIDS dataset from DICOM")
    assert [words[0] for words in found] == ["import-dicom", "import-dicom", "prepare"]
    assert [run(words) for words in found] == [0, 0, 0]
    assert (tmp_path / "my_bids" / "sub-001" / "ses-01" / "pet").is_dir()


def test_predict_and_send(tmp_path, monkeypatch, tiny_run):
    pytest.importorskip("pynetdicom", reason="needs the extra dicom")
    write(T1, tmp_path / "export" / "patient7")
    assert run(["import-dicom", str(tmp_path / "export"), str(tmp_path / "bids")]) == 0
    (t1,) = (tmp_path / "bids").rglob("*_T1w.nii.gz")
    t1.rename(tmp_path / "my_T1.nii.gz")
    monkeypatch.chdir(tmp_path)
    found = commands("Predict a DICOM folder, and give the PET back to its study")
    assert len(found) == 2
    for words in found:
        assert run([*words, "--model", str(tiny_run)]) == 0
    archive = Archive()
    try:
        for words in commands("Send it to the archive"):
            node = f"127.0.0.1:{archive.port}"
            words = [node if ":" in word else word for word in words[:3]]
            assert run([*words, "--their-title", "ARCHIVE"]) == 0
        assert len(archive.taken) == 24
    finally:
        archive.server.shutdown()


def test_dcm2niix_alone(tmp_path):
    """What docs/adni.md tells to type, with the dcm2niix of the extra."""
    dcm2niix = pytest.importorskip("dcm2niix", reason="needs the extra dicom")
    (block,) = re.findall(r"```console\n(mkdir .*?)```", ADNI.read_text(), flags=re.DOTALL)
    write(Plan(t1_values(slices=5)), tmp_path / "ADNI" / "011_S_0002" / "T1")
    pet = Plan(pet_values(slices=5), modality="PT", series=2)
    write(pet, tmp_path / "ADNI" / "011_S_0002" / "PET")
    script = f'dcm2niix() {{ {shlex.quote(str(dcm2niix.bin))} "$@"; }}\n{block}'
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True, capture_output=True)
    (participant,) = find_participants(tmp_path / "my_bids")
    found = find_images(participant)
    assert [len(found.t1s), len(found.pets)] == [1, 1]
