"""Files appear whole or not at all, whatever library writes them."""

import contextlib
import errno
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from petsynth.errors import OutputError
from petsynth.io.atomic import atomic_path, write_json, write_text, written_together


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fail_halfway(path: Path, failure: BaseException) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise failure


def test_replaces_the_old_file_and_makes_folders(tmp_path):
    path = tmp_path / "deep" / "er" / "note.txt"
    write_text(path, "old")
    write_text(path, "new\n")
    assert path.read_text() == "new\n"
    assert names(path.parent) == ["note.txt"]


def test_files_written_together_appear_together_or_not_at_all(tmp_path):
    image, sidecar = tmp_path / "image.txt", tmp_path / "a" / "sidecar.json"
    with written_together():
        write_text(image, "old")
        write_json(sidecar, 1)
        assert not image.exists()
    assert (image.read_text(), sidecar.read_text()) == ("old", "1\n")

    def fail_at_the_second():
        with written_together():
            write_text(image, "new")
            fail_halfway(sidecar, OSError(errno.ENOSPC, ""))

    with pytest.raises(OutputError, match=r"disk full while writing .*sidecar\.json"):
        fail_at_the_second()
    assert image.read_text() == "old"
    assert names(tmp_path) == ["a", "image.txt"]
    assert names(sidecar.parent) == ["sidecar.json"]


@pytest.mark.parametrize("together", [False, True])
def test_a_folder_that_is_removed_meanwhile_is_named(tmp_path, together):
    folder = tmp_path / "out"

    def write_and_remove():
        with written_together() if together else contextlib.nullcontext():
            with atomic_path(folder / "a.txt") as temporary:
                temporary.write_text("a")
                if not together:
                    shutil.rmtree(folder)
            shutil.rmtree(folder)

    with pytest.raises(OutputError, match=rf"^{folder}: was removed or replaced while"):
        write_and_remove()


def test_the_last_of_the_files_written_together_is_moved_after_the_others(tmp_path, monkeypatch):
    moved = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moved.append(b.name), replace(a, b)))
    with written_together(last=tmp_path / "main"):
        for name in ("main", "a", "b"):
            write_text(tmp_path / name, name)
    assert moved == ["a", "b", "main"]


def test_threads_that_write_at_once_leave_the_umask_as_it_was(tmp_path):
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: write_text(tmp_path / str(n), "x"), range(400)))
        assert os.umask(0o027) == 0o027
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}
    finally:
        os.umask(before)


def test_temporary_name_keeps_the_suffixes_and_is_hidden(tmp_path):
    with atomic_path(tmp_path / "sub-01_T1w.nii.gz") as temporary:
        assert temporary.name.startswith(".tmp-")
        assert temporary.name.endswith("sub-01_T1w.nii.gz")
        assert temporary.parent == tmp_path


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "note.txt", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "note.txt").stat().st_mode) == 0o640


@pytest.mark.parametrize("failure", [KeyError("a bug"), KeyboardInterrupt(), OSError("no number")])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with pytest.raises(type(failure)):
        fail_halfway(path, failure)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["note.txt"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "disk full"),
        (errno.EDQUOT, "disk quota full"),
        (errno.EFBIG, "file size limit reached"),
        (errno.EROFS, "no permission"),
    ],
)
def test_refusals_of_the_system_are_named(tmp_path, number, message):
    with pytest.raises(OutputError, match=message) as caught:
        fail_halfway(tmp_path / "x.bin", OSError(number, os.strerror(number)))
    assert str(tmp_path / "x.bin") in str(caught.value)
    assert names(tmp_path) == []


def test_folder_below_a_file(tmp_path):
    write_text(tmp_path / "file", "")
    with pytest.raises(OutputError, match="below something that is a file"):
        write_text(tmp_path / "file" / "note.txt", "")


def test_target_is_a_folder(tmp_path):
    (tmp_path / "note.txt").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_text(tmp_path / "note.txt", "")
    assert names(tmp_path) == ["note.txt"]


def test_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"score": float("nan")})
    assert names(tmp_path) == []


LIBRARIES = {
    "text": "path.write_text('x' * 500_000)",
    "numpy": "np.save(path, np.zeros(500_000, np.uint8))",  # an OSError without errno
    "nibabel": "nib.save(nib.Nifti1Image(np.random.default_rng(0).random((50, 50, 50)), "
    "np.eye(4)), path)",
    "pil": "Image.fromarray(np.random.default_rng(0).integers(0, 255, (800, 800), 'u1'))"
    ".save(path)",
    "torch": "torch.save(torch.zeros(500_000), path)",  # a RuntimeError
}
SUFFIX = {"text": ".txt", "numpy": ".npy", "nibabel": ".nii.gz", "pil": ".png", "torch": ".pt"}
SCRIPT = """
import resource, sys
from pathlib import Path
import nibabel as nib, numpy as np
from PIL import Image
from petsynth.errors import OutputError
from petsynth.io.atomic import atomic_path
if "torch" in sys.argv[2]:
    import torch
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with atomic_path(sys.argv[1]) as path:
        exec(sys.argv[2])
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("library", LIBRARIES)
def test_refused_write_is_recognised_behind_each_library(tmp_path, library):
    """The system really refuses here; numpy, PIL and torch drop its error number."""
    target = tmp_path / f"result{SUFFIX[library]}"
    target.write_bytes(b"old")
    command = [sys.executable, "-c", SCRIPT, str(target), LIBRARIES[library]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "file size limit reached" in done.stdout, done.stderr
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == [target.name]


def test_the_longest_name_that_a_file_system_takes_is_written(tmp_path):
    write_text(tmp_path / ("x" * 251 + ".txt"), "long")
    write_text(tmp_path / ("ä" * 120 + ".txt"), "long")
    with pytest.raises(OutputError, match=r"256 bytes, file systems take 255"):
        write_text(tmp_path / ("x" * 252 + ".txt"), "too long")


def test_folder_that_is_a_link_in_a_circle(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OutputError, match="link"):
        write_text(tmp_path / "loop" / "note.txt", "")
