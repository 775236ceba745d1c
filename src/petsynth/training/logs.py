"""What a training writes down: tables of figures, and TensorBoard events beside them.

A table is appended to row by row. When training goes on from a checkpoint, the rows after it
are taken away first, so that the table ends up as if nothing had happened.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petsynth.errors import InputError, RunError
from petsynth.io.atomic import refusals_named, write_text
from petsynth.io.text import exists, read_text

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger(__name__)


class CsvLog:
    """A table that grows by a row now and then.

    Parameters
    ----------
    path : Path
        Of the CSV file.
    columns : tuple of str
        The first is ``step``.
    step : int
        Where training stands; later rows, and a row cut off in the middle, are removed.

    Raises
    ------
    RunError
        If the file is there and is no such table.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], step: int = 0):
        self.path = path
        self.columns = columns
        try:
            kept = [row for row in self._rows() if int(row["step"]) <= step]
            text = self._text(kept, header=True)
        except (InputError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise RunError(
                f"{path}: damaged ({error}); move it away to go on without the rows so far"
            ) from None
        write_text(path, text)

    def append(self, row: Mapping[str, object]) -> None:
        """Write one row; floats with 6 significant digits."""
        values = {key: f"{value:.6g}" if isinstance(value, float) else value
                  for key, value in row.items()}  # fmt: skip
        with (
            refusals_named(self.path),
            open(self.path, "a", encoding="utf-8", newline="") as file,
        ):
            file.write(self._text([values], header=False))

    def _rows(self) -> list[dict[str, str]]:
        if not exists(self.path):
            return []
        text = read_text(self.path)
        whole_lines, _, _ = text.rpartition("\n")
        if text and not whole_lines:  # the header is written whole
            raise ValueError("no header")
        table = csv.DictReader(io.StringIO(whole_lines))
        if table.fieldnames is not None and tuple(table.fieldnames) != self.columns:
            raise ValueError(f"columns {', '.join(map(str, table.fieldnames))[:80]}")
        return list(table)

    def _text(self, rows: list[dict[str, Any]], header: bool) -> str:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, self.columns, lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return buffer.getvalue()


class RunningMeans:
    """Means of named figures since the last row of a table."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, values: Mapping[str, float]) -> None:
        """Take in the figures of one step."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def take(self) -> dict[str, float]:
        """Return the means, and start anew."""
        means = {name: total / self.count for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


class TensorBoardLog:
    """Curves for TensorBoard, if it is installed.

    Parameters
    ----------
    folder : Path
        Where the event file stands.
    step : int
        Where training stands; TensorBoard then hides what an earlier process wrote after it.
    """

    def __init__(self, folder: Path, step: int):
        self._writer: SummaryWriter | None = None
        if importlib.util.find_spec("tensorboard") is None:
            logger.info(
                "no TensorBoard events; make install brings it, or in petsynth's folder "
                "pip install -e '.[tensorboard]'; see train_log.csv"
            )
            return
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def add(self, group: str, values: Mapping[str, float], step: int) -> None:
        """Add one point to each curve of a group."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Write what is not written yet."""
        if self._writer is not None:
            self._writer.close()
