"""Paper B's table by hand: cells, what is left out, and columns under their heads."""

from types import SimpleNamespace

import numpy as np

from petsynth.evaluation.measures import Ruler
from petsynth.report.table_b import format_table_b

RULER = Ruler(pet_scale=2.0, data_range=1100.0, unit="arbitrary", tracer="AV45")


def table(values, *, simulated=False, people=("sub-1", "sub-2")):
    """Make the table of values by method and measure."""
    return format_table_b(
        SimpleNamespace(
            methods=[SimpleNamespace(name=name) for name in values],
            values=lambda name, region, measure: np.array(values[name][measure]),
            ruler=RULER,
            data=SimpleNamespace(simulated=simulated, frames=2),
            people=people,
            split="test",
        )
    ).splitlines()


def test_cells_are_mean_and_standard_deviation():
    lines = table({"net": {"psnr": [20.0, 22.0], "ssim": [0.5, 0.5], "rmse": [1.0, 4.0]}})

    assert lines[0] == (
        "Tables 1 and 2 of paper B. Whole volume of AV45 PET, 2 frame(s) (2 test subjects)"
    )
    assert lines[1] == "data range 1100 arbitrary"
    assert lines[-1].split() == ["net", "21.00", "(1.41)", "0.5000", "(0.0000)", "2.5", "(2.121)"]


def test_one_subject_has_no_spread_and_an_infinite_psnr_is_none():
    lines = table({"net": {"psnr": [np.inf], "ssim": [1.0], "rmse": [0.0]}}, people=("sub-1",))

    assert lines[-1].split() == ["net", "n/a", "(n/a)", "1.0000", "(n/a)", "0", "(n/a)"]


def test_what_was_not_measured_frame_by_frame_has_no_row():
    there = {"psnr": [20.0, 22.0], "ssim": [0.5, 0.6], "rmse": [1.0, 4.0]}
    missing = {measure: [np.nan, np.nan] for measure in there}
    lines = table({"static net": missing, "net": there, "a longer name": there})

    assert [line.split("  ")[0] for line in lines[4:]] == ["net", "a longer name"]
    assert len({len(line) for line in lines[3:]}) == 1
    assert len(table({"static net": missing})) == 4


def test_a_simulation_is_called_so():
    cells = {"psnr": [20.0, 22.0], "ssim": [0.5, 0.6], "rmse": [1.0, 4.0]}

    assert "(simulated data, 2 test subjects)" in table({"net": cells}, simulated=True)[0]
    assert "simulated" not in table({"net": cells})[0]
