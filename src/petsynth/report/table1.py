"""Paper A's table 1 as plain text, with a row per method."""

from __future__ import annotations

from petsynth.evaluation.cohort import Evaluation
from petsynth.evaluation.measures import REGIONS, TITLES
from petsynth.evaluation.statistics import describe

_DIGITS = {"mse": 2, "psnr": 2, "ssim": 4}
_COLUMNS = ("mean", "std", "min", "max")


def format_table1(evaluation: Evaluation) -> str:
    """Return table 1: MSE, PSNR and SSIM of the middle axial slice, one block per measure.

    Methods stand in rows, where the paper has them in columns, since there may be many.
    """
    ruler = evaluation.ruler
    width = max(len(method.name) for method in evaluation.methods)
    about = "simulated data, " if evaluation.data.simulated else ""
    lines = [
        f"Table 1. Middle axial slice of {ruler.tracer} PET ({about}{len(evaluation.people)} "
        f"{evaluation.split} subjects)",
        f"data range 255 = {ruler.pet_scale:.4g} {ruler.unit} (training set's PET scale)",
    ]
    for measure in REGIONS["middle_slice"]:
        heads = "".join(f"{column:>9}" for column in _COLUMNS)
        lines += ["", f"{TITLES[measure] + _unit(measure):<{width}}{heads}{'n':>6}"]
        for method in evaluation.methods:
            summary = describe(evaluation.values(method.name, "middle_slice", measure))
            cells = "".join(f"{format_value(measure, summary[each]):>9}" for each in _COLUMNS)
            lines.append(f"{method.name:<{width}}{cells}{summary['n']:>6}")
    return "\n".join(lines) + "\n"


def format_value(measure: str, value: float | int | None) -> str:
    """Return a value with the digits that suit its measure; ``n/a`` if there is none.

    Examples
    --------
    >>> format_value("psnr", 25.8123), format_value("mae", 0.0456789), format_value("ssim", None)
    ('25.81', '0.04568', 'n/a')
    """
    if value is None:
        return "n/a"
    return f"{value:.{_DIGITS[measure]}f}" if measure in _DIGITS else f"{value:.4g}"


def _unit(measure: str) -> str:
    return {"psnr": " (dB)", "mse": " (grey levels²)"}.get(measure, "")
