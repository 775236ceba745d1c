"""PNG files are written whole and are the same for the same figure."""

import pytest
from matplotlib.figure import Figure

from petsynth.figures.save import png_bytes, save_png


def figure():
    drawn = Figure(figsize=(1, 1))
    drawn.subplots().plot([0, 1])
    return drawn


def test_written_whole_with_missing_folders(tmp_path):
    path = tmp_path / "figures" / "one.png"
    save_png(figure(), path, dots_per_inch=50)
    assert path.read_bytes() == png_bytes(figure(), dots_per_inch=50)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [item.name for item in path.parent.iterdir()] == ["one.png"]


def test_a_failure_leaves_the_old_figure(tmp_path, monkeypatch):
    path = tmp_path / "one.png"
    save_png(figure(), path)
    before = path.read_bytes()

    def broken(*arguments, **options):
        raise OSError("broken")

    monkeypatch.setattr(Figure, "savefig", broken)
    with pytest.raises(OSError, match="broken"):
        save_png(figure(), path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["one.png"]


def test_names_are_no_formulas():
    drawn = figure()
    drawn.suptitle(r"sub-1_cost$\frac{$_T1w.nii.gz")
    drawn.axes[0].set_ylabel(r"$\frac{$")
    assert png_bytes(drawn, dots_per_inch=50).startswith(b"\x89PNG")
