"""The sequence of paper B, section 4.2."""

import pytest
import torch

from petsynth.systems.ganbert.sequence import Layout
from petsynth.systems.ganbert.tokens import Tokens


def test_cls_512_sep_512_cls():
    layout, tokens = Layout(), Tokens()
    values = layout.join(torch.full((2, 512), 0.001), torch.full((2, 512), 10.0))
    ids = layout.ids(values, tokens)
    cls, sep = [tokens.special("CLS")], [tokens.special("SEP")]
    assert ids.shape == (2, 1027)
    assert ids[1].tolist() == cls + [1000] * 512 + sep + [10999] * 512 + cls


def test_images_stand_where_the_layout_says():
    layout = Layout(3)
    values = layout.join(torch.tensor([[1.0, 2, 3]]), torch.tensor([[4.0, 5, 6]]))
    assert values[:, layout.mri].tolist() == [[1, 2, 3]]
    assert values[:, layout.pet].tolist() == [[4, 5, 6]]
    assert values.tolist() == [[0, 1, 2, 3, 0, 4, 5, 6, 0]]


def test_token_types_are_sentences_a_and_b():
    types = Layout().token_types()
    assert types[:514].tolist() == [0] * 514  # [CLS], T1, [SEP]
    assert types[514:].tolist() == [1] * 513  # PET, [CLS]


def test_wrong_number_of_values():
    with pytest.raises(ValueError, match="both must be 3"):
        Layout(3).join(torch.zeros(1, 3), torch.zeros(1, 4))
