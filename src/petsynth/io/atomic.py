"""Write files so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from petsynth.errors import OutputError

_PROBE_BYTES = 1 << 20
_FULL = (
    "disk full while writing {path}: free some space and run the command again; "
    "what was there before is unchanged"
)
_DENIED = "no permission to write {path}: choose another output folder"
_BELOW_A_FILE = "{path} lies below something that is a file; choose another output folder"
_MESSAGES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL.replace("disk", "disk quota"),
    errno.EFBIG: (
        "file size limit reached while writing {path}: raise the limit (ulimit -f) and run the "
        "command again; what was there before is unchanged"
    ),
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: _DENIED,
    errno.ENOTDIR: _BELOW_A_FILE,
    errno.EEXIST: _BELOW_A_FILE,
    errno.EISDIR: "{path} is a folder; choose another name",
}


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it there when the block ends well.

    The temporary name keeps the suffixes (``.nii.gz``), since writers choose the format by
    them, and starts with a dot, so that nothing takes it for a result. When the block fails,
    the temporary file is removed and an existing ``path`` stays as it was.

    Parameters
    ----------
    path : str or Path
        Where the finished file is to stand. Missing folders are made.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".tmp-", suffix="-" + path.name, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except (OSError, RuntimeError, ValueError) as error:
        message = _MESSAGES.get(_refusal(error, temporary))
        if message is None:
            raise
        raise OutputError(message.format(path=path)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _refusal(error: OSError | RuntimeError | ValueError, temporary: Path | None) -> int:
    """Return the errno behind an error, asking the system where a library has dropped it.

    numpy, PIL and torch report a full disk by errors without a number. Writing a little more
    to the same file then meets the same refusal.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if temporary is None or not temporary.exists():
        return 0
    try:
        with open(temporary, "ab", buffering=0) as file:
            if file.write(bytes(_PROBE_BYTES)) < _PROBE_BYTES:
                file.write(bytes(_PROBE_BYTES))
            os.fsync(file.fileno())
    except OSError as refused:
        return refused.errno or 0
    return 0


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
