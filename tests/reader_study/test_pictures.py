import numpy as np
import pytest

from petsynth.reader_study.pictures import draw_confusion, draw_points, draw_proportions
from petsynth.reader_study.tables import ALL, diagnoses


def test_proportions_have_a_line_per_reader_and_chance(ratings):
    table = diagnoses(ratings)
    table = table[table["measure"] == "accuracy"].assign(group=lambda each: each["kind"])
    axes = draw_proportions(table, "Diagnosis").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ana", "ben", ALL]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert set(names) == {"MRI", "MRI + synthetic PET", "MRI + real PET"}
    (chance,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert chance.get_xdata()[0] == pytest.approx(0.5)


def test_points_are_fractions_of_answers(ratings):
    axes = draw_points(ratings, "quality", "Image quality").axes[0]
    for bars in axes.containers:
        assert sum(bar.get_height() for bar in bars) == pytest.approx(1)


def test_confusion_counts_answers_of_all_readers(ratings):
    """Ana names all four subjects rightly; Ben says normal to all."""
    axes = draw_confusion(ratings, "MRI", ("AD", "FTD", "normal", "other")).axes[0]
    counts = np.array([int(text.get_text()) for text in axes.texts]).reshape(4, 4)
    assert counts.tolist() == [[2, 0, 2, 0], [0, 1, 1, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
