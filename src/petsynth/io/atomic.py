"""Write files so that a reader sees the old one or the new one, never half of one.

A file is written beside its place, as ``.tmp-HOST.PID-RANDOM-NAME``, and moved there when it is
whole. What a process that was killed left behind is found by that name: see `remove_abandoned`.
"""

from __future__ import annotations

import contextlib
import contextvars
import errno
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from petsynth.errors import OutputError

PREFIX = ".tmp-"
"""What the name of every temporary file and folder begins with."""
LONGEST_NAME = 255
"""Bytes of a file name that file systems take."""
ABANDONED_AFTER_S = 24 * 3600
"""Age of a temporary file of another machine from which on nobody writes to it any more."""
_KEPT_BYTES = 60
"""Bytes of the final name at the end of the temporary one, which must not be too long either."""
_OWNER = re.compile(re.escape(PREFIX) + r"(?P<host>[^-]*)\.(?P<pid>\d+)-")
_PROBE_BYTES = 1 << 20
_UMASK_READ = threading.Lock()
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
    errno.ENAMETOOLONG: "{path}: its name is too long for the file system; shorten it",
    errno.ELOOP: "{path} is reached through a link, or through too many; name the folder itself",
}
_WAITING: contextvars.ContextVar[list[tuple[Path, Path]] | None] = contextvars.ContextVar(
    "waiting", default=None
)
"""Temporary and final paths of the files of `written_together`, in the order of writing."""


@contextlib.contextmanager
def written_together(last: Path | None = None) -> Iterator[None]:
    """Move the files that are written in the block into place when it ends well, or none of them.

    For files that belong to each other, such as an image and its sidecar: where the disk becomes
    full at the second, the first stays as it was. They are moved in the order of writing, and
    ``last`` after all others.
    """
    waiting: list[tuple[Path, Path]] = []
    token = _WAITING.set(waiting)
    try:
        yield
        waiting.sort(key=lambda each: each[1] == last)
        for temporary, path in waiting:
            with refusals_named(path), _removal_named(temporary, path):
                os.replace(temporary, path)
    finally:
        _WAITING.reset(token)
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it there when the block ends well.

    The temporary name keeps the end of the name (``.nii.gz``), since writers choose the format
    by it, and starts with a dot, so that nothing takes it for a result. When the block fails,
    the temporary file is removed and an existing ``path`` stays as it was.

    Parameters
    ----------
    path : str or Path
        Path of the finished file. Missing folders are made.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_name(path)
        handle, name = tempfile.mkstemp(temporary_suffix(path), temporary_prefix(), path.parent)
        os.close(handle)
        temporary = Path(name)
        with _removal_named(temporary, path):
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            if (waiting := _WAITING.get()) is None:
                os.replace(temporary, path)
            else:
                waiting.append((temporary, path))
                temporary = None
    except (OSError, RuntimeError, ValueError) as error:
        message = _MESSAGES.get(_refusal(error, temporary))
        if message is None:
            raise
        raise OutputError(message.format(path=path)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def refusals_named(path: str | Path) -> Iterator[None]:
    """Turn the system's refusal to write into an error that says what to do.

    Raises
    ------
    OutputError
        If the disk is full, the folder cannot be written, ...
    """
    try:
        yield
    except OSError as error:
        message = _MESSAGES.get(error.errno or 0)
        if message is None:
            raise
        raise OutputError(message.format(path=path)) from error


@contextlib.contextmanager
def _removal_named(temporary: Path, path: Path) -> Iterator[None]:
    """Say that the folder was removed where that is why a file cannot be written or moved."""
    try:
        yield
    except FileNotFoundError:
        if temporary.exists():
            raise
        raise OutputError(
            f"{path.parent}: was removed or replaced while petsynth wrote into it, so results are "
            "missing; run the command again"
        ) from None


def _umask() -> int:
    """Return the process's umask, which can be read only by setting it: one thread at a time."""
    with _UMASK_READ:
        umask = os.umask(0)
        os.umask(umask)
    return umask


def check_name(path: str | Path) -> None:
    """Refuse a file name that no file system takes.

    Raises
    ------
    OutputError
        If the last part of the path is longer than `LONGEST_NAME`.
    """
    name = Path(path).name
    length = len(os.fsencode(name))
    if length > LONGEST_NAME:
        raise OutputError(
            f"{path}: its name has {length} bytes, file systems take {LONGEST_NAME}; shorten the "
            "name that it is made from"
        )


def temporary_prefix() -> str:
    """Return what names of this process's temporary files and folders begin with."""
    return f"{PREFIX}{_host()}.{os.getpid()}-"


def temporary_suffix(path: Path) -> str:
    """Return the end of a temporary name: that of the final name, whole characters of it."""
    return "-" + os.fsencode(path.name)[-_KEPT_BYTES:].decode(errors="ignore")


def remove_abandoned(folder: str | Path) -> None:
    """Remove temporary files and folders below ``folder`` whose process is dead.

    Of this machine's processes that is known; of others it is taken for granted after
    `ABANDONED_AFTER_S`. Names that petsynth does not give are left alone, and links never followed.
    """
    for root, folders, files in os.walk(folder, followlinks=False):
        for name in [*folders, *files]:
            path = Path(root) / name
            if _is_abandoned(path):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)
        folders[:] = [name for name in folders if not name.startswith(PREFIX)]


def _is_abandoned(path: Path) -> bool:
    owner = _OWNER.match(path.name)
    if owner is None:
        return False
    if owner["host"] == _host():
        return not is_running(int(owner["pid"]))
    try:
        return time.time() - path.lstat().st_mtime > ABANDONED_AFTER_S
    except OSError:
        return False


def is_running(pid: int) -> bool:
    """Whether this machine has a process of that number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's process
        return True
    return True


def _host() -> str:
    """Return this machine's name, as it stands in file names."""
    return re.sub(r"[^0-9A-Za-z]", "_", socket.gethostname())[:40]


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


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file atomically; see `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
