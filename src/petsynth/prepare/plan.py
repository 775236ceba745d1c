"""What ``prepare`` would do, as ``--dry-run`` shows it; nothing is written."""

from __future__ import annotations

import pandas as pd

from petsynth.errors import InputError
from petsynth.io.bids.index import Index
from petsynth.prepare.preparation import Preparation


def plan(preparation: Preparation, index: Index) -> pd.DataFrame:
    """Return a row for each pair, and for each person and image that is left out.

    Returns
    -------
    DataFrame
        ``participant_id``, ``session_id``, ``t1``, ``pet``, ``tracer``, ``interval_days`` and
        ``what``: ``prepare``, ``finished`` or ``left out: reason``.
    """
    rows = []
    for scan in index.scans:
        try:
            what = "finished" if preparation.is_finished(scan) else "prepare"
        except (InputError, OSError) as error:
            what = f"left out: {error}"
        session = f"ses-{scan.session}" if scan.session else None
        names = (scan.t1.name, scan.pet.name, scan.tracer, scan.interval_days, what)
        rows.append((scan.participant, session, *names))
    left_out = [(name, "n/a", reason) for name, reason in index.excluded.items()]
    left_out += [(each.participant, each.image, each.reason) for each in index.unused]
    for name, image, reason in left_out:
        kind = (image, None) if image.split(".")[0].endswith("_T1w") else (None, image)
        rows.append((name, None, *kind, None, None, f"left out: {reason}"))
    columns = ["participant_id", "session_id", "t1", "pet", "tracer", "interval_days", "what"]
    table = pd.DataFrame(rows, columns=columns).sort_values("participant_id", kind="stable")
    return table.astype({"interval_days": "Int64"})
