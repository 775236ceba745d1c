"""The networks of paper B's systems, as a configuration asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from petsynth.config import GanbertConfig, VolumeConfig
from petsynth.networks.patchgan3d import PatchGan3d
from petsynth.networks.unet3d import Generator3d
from petsynth.preprocessing.paper_b_grids import conformed_grid, grid_in_paper_order, pet_grid

if TYPE_CHECKING:
    from petsynth.systems.ganbert.bert import BertDiscriminator


def build_generator3d(config: VolumeConfig) -> Generator3d:
    """Make the generator, with starting weights from torch's global generator."""
    return Generator3d(
        conformed_grid(config.data.voxel_mm),
        grid_in_paper_order(pet_grid(config.data.voxel_mm)),
        frames=config.data.frames,
        filters=config.generator.filters,
        max_filters=config.generator.max_filters,
        levels=config.generator.levels,
        activation=config.generator.activation,
        checkpointing=config.generator.checkpointing,
    )


def build_cnn(config: VolumeConfig) -> PatchGan3d:
    """Make the CNN discriminator, with starting weights from torch's global generator."""
    return PatchGan3d(
        conformed_grid(config.data.voxel_mm),
        grid_in_paper_order(pet_grid(config.data.voxel_mm)),
        frames=config.data.frames,
        filters=config.cnn.filters,
        layers=config.cnn.layers,
    )


def build_bert(config: GanbertConfig) -> BertDiscriminator:
    """Make BERT, with starting weights from torch's global generator."""
    # Imported here, since transformers takes seconds and prediction needs none of it.
    from petsynth.systems.ganbert.bert import BertDiscriminator, BertSize
    from petsynth.systems.ganbert.sequence import Layout
    from petsynth.systems.ganbert.tokens import Tokens

    bert = config.bert
    return BertDiscriminator(
        Tokens(bert.tokens, bert.linear_from, bert.linear_to),
        Layout(),
        BertSize(bert.layers, bert.hidden, bert.heads, bert.inner),
        embedding=bert.embedding,
        dropout=bert.dropout,
        checkpointing=bert.checkpointing,
    )
