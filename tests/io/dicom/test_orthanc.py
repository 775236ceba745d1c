"""A T1's study with its synthetic PET in Orthanc, and back: the same numbers.

Orthanc (Debian's package) runs with a configuration of its own in a network of its own, where
nobody else can reach it and no port is taken.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.io.dicom.makers import NAME, SAGITTAL, Plan, assert_same, changed, t1_values, write

from petsynth.io.dicom.conversion import convert
from petsynth.io.dicom.series import find_series, lay_out
from petsynth.io.dicom.writing import PetDescription, write_pet

ORTHANC = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
DRIVER = """
import json, pathlib, subprocess, sys, time, urllib.request
from petsynth.cli.main import run

orthanc, folder = sys.argv[1], pathlib.Path(sys.argv[2])
server = subprocess.Popen([orthanc, folder / "orthanc.json"], stderr=subprocess.DEVNULL)

def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:8042{path}") as answer:
        return answer.read()

try:
    for _ in range(300):
        try:
            get("/system")
            break
        except OSError:
            time.sleep(0.1)
    for _ in range(2):  # the second time changes nothing
        words = ["send-dicom", str(folder / "study"), "127.0.0.1:4242", "--their-title", "ARCHIVE"]
        assert run(words) == 0
    for name in ("patients", "studies", "series", "instances"):
        (folder / f"{name}.json").write_bytes(get(f"/{name}?expand"))
    (folder / "back").mkdir()
    for number, each in enumerate(json.loads((folder / "instances.json").read_text())):
        (folder / "back" / f"{number}.dcm").write_bytes(get(f"/instances/{each['ID']}/file"))
finally:
    server.terminate()
    server.wait()
"""


def in_own_network(*words):
    """Run a command in a network namespace that holds a loopback device and nothing else."""
    command = ["unshare", "--map-root-user", "--net", "sh", "-ec", 'ip link set lo up; exec "$@"']
    return subprocess.run([*command, "sh", *map(str, words)], capture_output=True, text=True)


@pytest.fixture
def orthanc(tmp_path):
    """Return a function that sends ``study`` below a folder and fetches it to ``back``."""
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    if ORTHANC is None:
        pytest.skip("needs Orthanc (apt-get install orthanc)")
    if not shutil.which("unshare") or in_own_network("true").returncode:
        pytest.skip("needs a network namespace (unshare --net) and ip, which are not allowed here")
    settings = {
        "Name": "test", "DicomAet": "ARCHIVE", "DicomPort": 4242, "HttpPort": 8042,
        "StorageDirectory": str(tmp_path / "store"), "IndexDirectory": str(tmp_path / "store"),
        "AuthenticationEnabled": False, "RemoteAccessAllowed": False, "Plugins": [],
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))

    def there_and_back():
        done = in_own_network(sys.executable, "-c", DRIVER, ORTHANC, tmp_path)
        assert done.returncode == 0, done.stderr
        names = ("patients", "studies", "series", "instances")
        return {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in names}

    return there_and_back


@pytest.mark.orthanc
def test_there_and_back(orthanc, tmp_path: Path):
    plan = Plan(t1_values(slices=8), orientation=SAGITTAL)
    write(plan, tmp_path / "study" / "t1")
    (series,) = find_series(tmp_path / "study", print)
    values = np.random.default_rng(1).uniform(0, 2.5, plan.values.shape[1:]).astype(np.float32)
    about = PetDescription("FDG", "SUVR", "petsynth-fdg", "pons")
    layout, turned = lay_out(series), values.transpose(2, 1, 0)
    write_pet(turned, series, layout, tmp_path / "study" / "pet", about)
    found = orthanc()
    assert [len(found[name]) for name in ("patients", "studies", "series")] == [1, 1, 2]
    assert found["patients"][0]["MainDicomTags"]["PatientName"] == NAME
    assert len(found["instances"]) == 16
    described = [each["MainDicomTags"].get("SeriesDescription", "") for each in found["series"]]
    assert any(text.startswith("SYNTHETIC FDG PET") for text in described)
    t1, pet = sorted(find_series(tmp_path / "back", print), key=lambda each: each.modality)
    assert_same(convert(t1, tmp_path / "a"), plan)
    read = convert(pet, tmp_path / "b")
    step = 2.5 / 32767
    np.testing.assert_allclose(np.sort(read.values, None), np.sort(values, None), atol=step)
    read.values[...] += 10
    assert_same(read, changed(plan, values=values[None] + 10.0), rtol=step / 10)
