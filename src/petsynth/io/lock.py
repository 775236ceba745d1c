"""One writer per output folder: a lock that the operating system releases when a process dies.

The lock is ``flock`` on the file ``.petsynth.lock`` in the folder. The file says who holds it, for
the message that a second process ends with; it is removed at the end. A file that a killed process
left behind locks nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import json
import os
import random
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from petsynth.errors import OutputError, PetsynthWarning
from petsynth.io.atomic import PREFIX, refusals_named, remove_abandoned

LOCK = ".petsynth.lock"
"""Name of the lock file."""
_PATIENCE_S = 0.5
"""How long to wait for a lock that is about to be released."""
_PATIENCE_WITH_SAME_KEY_S = 10.0
"""How long jobs with the same key, started at the same time, may take to come to terms."""
_LOOKS_EVERY_S = 0.2
"""How often a process looks whether its parent is still there."""
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


def is_bookkeeping(name: str) -> bool:
    """Whether a name in a folder is a lock or a temporary file: nobody's result.

    Examples
    --------
    >>> [is_bookkeeping(name) for name in (".petsynth.lock", ".tmp-x-1-model.pt", "model.pt")]
    [True, True, False]
    """
    return name.startswith(PREFIX) or (name.startswith(".") and name.endswith(LOCK))


@contextlib.contextmanager
def lock_folder(
    folder: str | Path, *, key: str | None = None, name: str = LOCK
) -> Iterator[Callable[[], None]]:
    """Hold the lock of an output folder for as long as the block lasts.

    The folder is made where it is missing, and temporary files of dead processes are removed.

    Parameters
    ----------
    folder : str or Path
        Where this process is about to write.
    key : str, optional
        Processes with the same key may hold the lock together; without one, nobody else.
    name : str
        Of the lock file.

    Yields
    ------
    function
        Raises OutputError if the folder is no longer the one that was locked. It is called at the
        end of the block, too; whoever works long calls it now and then.

    Raises
    ------
    OutputError
        If another process holds the lock, the folder cannot be written, or was removed meanwhile.
    """
    folder = Path(folder)
    path = folder / name
    with refusals_named(folder):
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file; name a folder")
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        try:
            file = _acquire(path, key)
        except BaseException:
            _remove_empty(made)
            raise

    def check() -> None:
        if not _is_same(file, path):
            raise OutputError(
                f"{folder}: was removed or replaced while petsynth wrote into it, so results are "
                "missing; run the command again"
            )

    try:
        if name == LOCK:
            remove_abandoned(folder)
        yield check
        check()
    finally:
        _release(file, path)
        _remove_empty(made)


def _remove_empty(made: list[Path]) -> None:
    """Remove folders of which nothing came, the innermost first."""
    with contextlib.suppress(OSError):
        for each in made:
            each.rmdir()


@functools.cache
def end_with(parent: int) -> None:
    """Let this process end when its parent does: it writes under the parent's lock.

    Without that, the processes of a command that was killed would go on writing into a folder that
    somebody else has locked by then.

    Parameters
    ----------
    parent : int
        Number of the process that holds the lock, and has started this one. Nothing happens if it
        is this process itself.
    """
    if os.getpid() == parent:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOKS_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def call_with(parent: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process that ends with its parent; see `end_with`."""
    end_with(parent)
    return function(*arguments)


def _acquire(path: Path, key: str | None) -> int:
    """Return a descriptor of the lock file that holds the lock."""
    start = time.monotonic()
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:  # its last holder has just removed the folder, which was empty
            continue
        try:
            if _try(file, path, key):
                return file
            holder = _read(file)
        except BaseException:
            os.close(file)
            raise
        os.close(file)
        alike = key is not None and holder.get("key", key) == key
        if time.monotonic() - start > (_PATIENCE_WITH_SAME_KEY_S if alike else _PATIENCE_S):
            raise OutputError(_taken(path.parent, holder))
        time.sleep(random.uniform(0.01, 0.05))


def _try(file: int, path: Path, key: str | None) -> bool:
    if _flock(file, fcntl.LOCK_EX):
        if not _is_same(file, path):  # its last holder has just removed it
            return False
        try:
            _write(file, key)
        except OSError:  # a full disk: the file that names nobody does not stay
            path.unlink(missing_ok=True)
            raise
        return key is None or _flock(file, fcntl.LOCK_SH)
    if key is None or not _flock(file, fcntl.LOCK_SH):
        return False
    if _read(file).get("key") == key and _is_same(file, path):
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _flock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        warnings.warn(
            "the file system of the output folder has no locks: see to it that no other petsynth "
            "writes there",
            PetsynthWarning,
            stacklevel=2,
        )
    return True


def _is_same(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except OSError:
        return False


def _release(file: int, path: Path) -> None:
    # Whoever removes the file holds the lock alone; who opened it before looks again (`_try`).
    with contextlib.suppress(OSError):
        if _flock(file, fcntl.LOCK_EX) and _is_same(file, path):
            path.unlink(missing_ok=True)
    os.close(file)


def _write(file: int, key: str | None) -> None:
    content = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": sys.argv[1] if len(sys.argv) > 1 else "petsynth",
        "key": key,
    }
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps(content).encode(), 0)


def _read(file: int) -> dict[str, Any]:
    try:
        content = json.loads(os.pread(file, 4096, 0))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _taken(folder: Path, holder: dict[str, Any]) -> str:
    who = "another petsynth"
    if {"pid", "host", "command"} <= holder.keys():
        who += f" ({holder['command']}, process {holder['pid']} on {holder['host']})"
    return (
        f"{folder}: {who} is writing there; wait until it has finished, stop it, or name another "
        "folder"
    )
