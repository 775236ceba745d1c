"""Replace earlier results without touching anything that is not ours.

``--overwrite`` removes files by the names that a command writes. Whatever else a folder holds, and
every link, stops it before the first file is removed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from petsynth.errors import OutputError
from petsynth.io.lock import is_bookkeeping


def check_own(folder: str | Path, patterns: Sequence[str], what: str) -> list[Path]:
    """Return all files below a folder, provided that each has a name that a command writes.

    Parameters
    ----------
    folder : str or Path
        Of earlier results; may be missing.
    patterns : sequence of str
        Names relative to ``folder``, such as ``samples/epoch-*.png``; ``*`` stands for a part of
        one name.
    what : str
        What the folder is said to hold: ``"a run"``.

    Returns
    -------
    list of Path
        Without locks and temporary files.

    Raises
    ------
    OutputError
        If something else is there, or a link. Links are never followed.
    """
    root = Path(folder)
    own = []
    for path in files_and_links(root):
        name = path.relative_to(root).as_posix()
        if is_bookkeeping(path.name) and not path.is_symlink():
            continue
        if path.is_symlink() or not is_one_of(name, patterns):
            kind = ", a link," if path.is_symlink() else ","
            raise OutputError(
                f"{folder}: holds {name}{kind} which is no part of {what}; nothing was removed: "
                "name another folder"
            )
        own.append(path)
    return own


def make_own_folder(
    folder: str | Path, patterns: Sequence[str], what: str, *, overwrite: bool
) -> None:
    """Make a folder for results, or check that they may be written to it.

    Parameters
    ----------
    folder, patterns, what
        As for `check_own`.
    overwrite : bool
        Whether earlier results there may be replaced; anything else is never touched.

    Raises
    ------
    OutputError
        If it is a file, holds a link or something else, or earlier results that may not be
        replaced.
    """
    root = Path(folder)
    if root.exists() and not root.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder")
    if check_own(root, patterns, what) and not overwrite:
        raise OutputError(
            f"{folder}: holds {what} already; give --overwrite to replace it, or name another "
            "folder"
        )
    root.mkdir(parents=True, exist_ok=True)


def remove_own(folder: str | Path, patterns: Sequence[str], what: str) -> None:
    """Remove all files below a folder, and all folders that are empty; refuse as `check_own`.

    The folder itself stays.

    Raises
    ------
    OutputError
        If something else is there, or a link; nothing was removed then.
    """
    root = Path(folder)
    remove_files(root, check_own(root, patterns, what))
    for path, _, _ in os.walk(root, topdown=False, followlinks=False):
        if Path(path) != root:
            with contextlib.suppress(OSError):  # a lock or a temporary file is in it
                os.rmdir(path)


def remove_files(root: Path, files: Sequence[Path]) -> None:
    """Remove files below ``root``, and the folders that they stood in where they are empty then."""
    for path in files:
        path.unlink(missing_ok=True)
    for folder in sorted({path.parent for path in files}, reverse=True):
        remove_empty_folders(folder, root)


def remove_empty_folders(folder: Path, root: Path) -> None:
    """Remove a folder below ``root`` and those above it, as far as they are empty."""
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def is_inside(root: str | Path, name: str) -> bool:
    """Whether a relative name leads to a place below ``root``, and by no link.

    Examples
    --------
    >>> [is_inside("/data", name) for name in ("a/b.npy", "../b.npy", "/b.npy", "a/../../b", "")]
    [True, False, False, False, False]
    """
    parts = PurePosixPath(name).parts
    if not parts or "\0" in name or ".." in parts or PurePosixPath(name).is_absolute():
        return False
    path = Path(root)
    for part in parts:
        path = path / part
        if path.is_symlink():
            return False
    return True


def files_and_links(root: Path) -> Iterator[Path]:
    """Yield all files below a folder, and links to folders, which are not followed."""
    for folder, folders, files in os.walk(root, followlinks=False):
        for name in files:
            yield Path(folder) / name
        for name in folders:
            path = Path(folder) / name
            if path.is_symlink():
                yield path
        folders[:] = sorted(name for name in folders if not is_bookkeeping(name))


def is_one_of(name: str, patterns: Sequence[str]) -> bool:
    """Whether a relative name is one of those that patterns describe; see `check_own`."""
    # Absolute patterns match whole paths only, and a star none of their separators.
    return any(PurePosixPath(f"/{name}").match(f"/{pattern}") for pattern in patterns)
