"""What the BIDS validator says of a dataset, if it is installed (the extra ``validate``)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

COMMAND = "bids-validator-deno"


def find_validator() -> Path | None:
    """Return the validator's command, beside this Python or on the path; None without it."""
    beside = Path(sys.executable).with_name(COMMAND)
    found = beside if beside.exists() else shutil.which(COMMAND)
    return None if found is None else Path(found)


def validate(folder: str | Path, validator: Path) -> list[str] | None:
    """Return the errors that the validator finds, one line each; None if it does not run.

    Parameters
    ----------
    folder : str or Path
        Root of a dataset.
    validator : Path
        From `find_validator`.
    """
    done = subprocess.run(
        [validator, str(folder), "--format", "json"], capture_output=True, text=True, check=False
    )
    try:
        issues = json.loads(done.stdout)["issues"]["issues"]
    except (ValueError, KeyError, TypeError):
        return None
    return [_in_one_line(issue) for issue in issues if issue.get("severity") == "error"]


def _in_one_line(issue: dict[str, str | None]) -> str:
    parts = [issue.get("location") or "", issue.get("code") or "", issue.get("subCode") or ""]
    return " ".join(part for part in parts if part)
