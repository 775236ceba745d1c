"""Tables of what is known of people."""

import pandas as pd
import pytest

from petsynth.data.covariate_table import covariate_texts, read_covariate_texts
from petsynth.errors import InputError


def test_what_is_known_is_found_by_any_spelling_of_a_participant(tmp_path):
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tAge\tgender\tsite\nsub-0731\t70\tn/a\tA\nsub-2\tn/a\tF\tB\n")
    assert read_covariate_texts(table) == {"731": {"age": "70"}, "2": {"sex": "F"}}


def test_a_table_of_nobody_is_refused(tmp_path):
    table = tmp_path / "participants.tsv"
    table.write_text("name\tage\nsub-1\t70\n")
    with pytest.raises(InputError, match="has no column participant_id"):
        read_covariate_texts(table)


def test_a_cell_that_says_nothing_of_its_covariate_is_named():
    table = pd.DataFrame({"age": ["70", "old"]})
    with pytest.raises(InputError, match=r"split\.tsv: sub-2_ses-b: .*age"):
        covariate_texts(table, ["sub-1_ses-a", "sub-2_ses-b"], "split.tsv")
