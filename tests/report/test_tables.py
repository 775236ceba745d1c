"""Paper A's table 1, and paper B's tables: cells, what is left out, columns under their heads."""

from types import SimpleNamespace

import numpy as np

from petsynth.evaluation.domains import MetricSettings
from petsynth.evaluation.statistics import describe
from petsynth.report.tables import format_paper_a_table, format_paper_b_table

SETTINGS = MetricSettings(pet_scale=2.0, data_range=1100.0, unit="arbitrary", tracer="AV45")


def test_three_blocks_with_a_row_per_method(tiny_evaluation):
    text = format_paper_a_table(tiny_evaluation)
    lines = text.splitlines()
    assert lines[0] == "Table 1. Middle axial slice of FDG PET (simulated data, 2 test subjects)"
    assert lines[1] == "data range 255 = 2 SUVR (training set's PET scale)"
    for head in ("MSE (grey levels²)", "PSNR (dB)", "SSIM"):
        assert sum(line.startswith(head) for line in lines) == 1
    for method in tiny_evaluation.methods:
        assert sum(line.startswith(f"{method.name} ") for line in lines) >= 3


def test_the_numbers_of_table_1(tiny_evaluation):
    values = tiny_evaluation.values("baseline-mean-pet", "middle_slice", "psnr")
    block = format_paper_a_table(tiny_evaluation).split("PSNR (dB)")[1].split("\n\n")[0]
    (row,) = (line for line in block.splitlines() if line.startswith("baseline-mean-pet"))
    spread = abs(values[0] - values[1]) / 2**0.5
    numbers = (values.mean(), spread, values.min(), values.max())
    assert row.split()[1:] == [*(f"{number:.2f}" for number in numbers), "2"]


def table(values, *, simulated=False, subjects=("sub-1", "sub-2")):
    """Make the table of values by method and metric."""
    return format_paper_b_table(
        SimpleNamespace(
            methods=[SimpleNamespace(name=name) for name in values],
            describe=lambda name, domain, metric: describe(values[name][metric]),
            settings=SETTINGS,
            data=SimpleNamespace(simulated=simulated, frames=2),
            subjects=subjects,
            split="test",
        )
    ).splitlines()


def test_cells_are_mean_and_standard_deviation():
    lines = table({"net": {"psnr": [20.0, 22.0], "ssim": [0.5, 0.5], "rmse": [1.0, 4.0]}})

    assert lines[0] == (
        "Tables 1 and 2 of paper B. Whole volume of AV45 PET, 2 frame(s) (2 test subjects)"
    )
    assert lines[1] == "data range 1100 arbitrary"
    assert lines[-1].split() == ["net", "21.00", "(1.41)", "0.5000", "(0.0000)", "2.5", "(2.1)"]


def test_one_subject_has_no_spread_and_an_infinite_psnr_is_none():
    lines = table({"net": {"psnr": [np.inf], "ssim": [1.0], "rmse": [0.0]}}, subjects=("sub-1",))

    assert lines[-1].split() == ["net", "n/a", "(n/a)", "1.0000", "(n/a)", "0.0", "(n/a)"]


def test_what_was_not_measured_frame_by_frame_has_no_row():
    there = {"psnr": [20.0, 22.0], "ssim": [0.5, 0.6], "rmse": [1.0, 4.0]}
    missing = {metric: [np.nan, np.nan] for metric in there}
    lines = table({"static net": missing, "net": there, "a longer name": there})

    assert [line.split("  ")[0] for line in lines[4:]] == ["net", "a longer name"]
    assert len({len(line) for line in lines[3:]}) == 1
    assert len(table({"static net": missing})) == 4


def test_a_simulation_is_called_so():
    cells = {"psnr": [20.0, 22.0], "ssim": [0.5, 0.6], "rmse": [1.0, 4.0]}

    assert "(simulated data, 2 test subjects)" in table({"net": cells}, simulated=True)[0]
    assert "simulated" not in table({"net": cells})[0]


def test_paper_bs_table_holds_what_has_frames(volumes_evaluation):
    """A static prediction cannot be measured frame by frame; the mean training PET can."""
    lines = format_paper_b_table(volumes_evaluation).splitlines()
    assert lines[0].startswith("Tables 1 and 2 of paper B. Whole volume of FDG PET, 2 frame(s)")
    assert lines[1] == "data range 2.5 SUVR"
    assert lines[3].split() == ["PSNR", "(dB)", "SSIM", "RMSE", "(SUVR)"]
    named = [line.split("  ")[0] for line in lines[4:]]
    assert named == [
        "ganbert",
        "baseline-mean-pet",
        "baseline-population-pet",
        "ganbert (other subject's T1)",
    ]
    psnr, rmse = (
        volumes_evaluation.values("ganbert", "frames", name).mean() for name in ("psnr", "rmse")
    )
    assert f"{psnr:.2f} (" in lines[4]
    assert f"{rmse:.4f} (" in lines[4]
