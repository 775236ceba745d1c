"""Pre-commit hook: refuse scans (by name and by content) and files over one megabyte.

A scan may show a face or carry a name; once it is in the history, it is out. Tests make the
images that they need.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path

SCAN_SUFFIXES = (".nii", ".nii.gz", ".dcm", ".ima", ".mgh", ".mgz", ".mnc", ".nrrd", ".par", ".v")
NIFTI_MAGIC = {344: (b"n+1\0", b"ni1\0"), 4: (b"n+2\0", b"ni2\0")}
LARGEST_BYTES = 1_000_000
PRETRAINED = "src/petsynth/pretrained/"
"""Where weights of the models that come with the package may lie."""
LARGEST_WEIGHTS_BYTES = 25_000_000
VENDORED = "src/petsynth/viewer/vendor/"
"""Where another project's scripts lie, unchanged."""
LARGEST_SCRIPT_BYTES = 3_000_000


def reason_to_refuse(path: Path) -> str | None:
    """Return why ``path`` must not be committed, or None.

    Examples
    --------
    >>> reason_to_refuse(Path("sub-01_T1w.nii.gz"))
    'a scan, by its name'
    """
    if path.name.lower().endswith(SCAN_SUFFIXES):
        return "a scan, by its name"
    if not path.is_file():
        return None
    if _looks_like_scan(_first_bytes(path)):
        return "a scan, by its content"
    size, largest = path.stat().st_size, _largest_bytes(path)
    if size > largest:
        return f"{size:,} bytes, more than {largest:,}"
    return None


def _largest_bytes(path: Path) -> int:
    """Return how large a file may be: pretrained weights and vendored scripts more than others."""
    if path.suffix == ".safetensors" and PRETRAINED in path.as_posix():
        return LARGEST_WEIGHTS_BYTES
    if path.suffix == ".js" and VENDORED in path.as_posix():
        return LARGEST_SCRIPT_BYTES
    return LARGEST_BYTES


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(400)
    if head[:2] != b"\x1f\x8b":
        return head
    try:
        with gzip.open(path) as file:
            return file.read(400)
    except (OSError, EOFError, zlib.error):
        return head


def _looks_like_scan(head: bytes) -> bool:
    if head[128:132] == b"DICM":
        return True
    return any(head[at : at + 4] in magic for at, magic in NIFTI_MAGIC.items())


def main(names: list[str]) -> int:
    """Print a line per refused file; return 1 if there is one."""
    refused = [(name, reason) for name in names if (reason := reason_to_refuse(Path(name)))]
    for name, reason in refused:
        print(f"{name}: refused: {reason}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
