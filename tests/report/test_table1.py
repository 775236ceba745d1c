"""Table 1 as text."""

from petsynth.report.table1 import format_table1


def test_three_blocks_with_a_row_per_method(tiny_evaluation):
    text = format_table1(tiny_evaluation)
    lines = text.splitlines()
    assert lines[0] == "Table 1. Middle axial slice of FDG PET (simulated data, 2 test subjects)"
    assert lines[1] == "data range 255 = 2 SUVR (training set's PET scale)"
    for head in ("MSE (grey levels²)", "PSNR (dB)", "SSIM"):
        assert sum(line.startswith(head) for line in lines) == 1
    for method in tiny_evaluation.methods:
        assert sum(line.startswith(f"{method.name} ") for line in lines) >= 3


def test_the_numbers(tiny_evaluation):
    values = tiny_evaluation.values("baseline-mean-pet", "middle_slice", "psnr")
    block = format_table1(tiny_evaluation).split("PSNR (dB)")[1].split("\n\n")[0]
    (row,) = (line for line in block.splitlines() if line.startswith("baseline-mean-pet"))
    spread = abs(values[0] - values[1]) / 2**0.5
    numbers = (values.mean(), spread, values.min(), values.max())
    assert row.split()[1:] == [*(f"{number:.2f}" for number in numbers), "2"]
