"""GANBERT behind the interface of a system.

BERT is imported when it is trained or measured: transformers takes seconds, and prediction needs
the generator alone.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from petsynth.data.prepared import PreparedData
from petsynth.systems.ganbert.config import GanbertConfig
from petsynth.systems.resources import Resources
from petsynth.systems.volumes.resources import (
    NetworkSize,
    cnn_size,
    generator_size,
    volume_resources,
)
from petsynth.systems.volumes.system import VolumeSystem

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from petsynth.systems.ganbert.training import GanbertTraining


class GanbertSystem(VolumeSystem[GanbertConfig]):
    """GANBERT, without or with a CNN discriminator beside BERT (paper B, table 1, rows 3 and 4)."""

    @classmethod
    def small_tables(cls, name: str) -> dict[str, Any]:
        """Return tables for voxels of 13 mm and two frames."""
        return {
            "data": {"voxel_mm": 13.0, "frames": 2},
            "generator": {"filters": 4, "levels": 2, "checkpointing": False},
            "bert": {"layers": 1, "hidden": 16, "heads": 2, "inner": 32, "checkpointing": False},
            "cnn": {"filters": 4, "layers": 2},
            "training": {"max_steps": 6, "batch_size": 1, "accumulate": 2},
        }

    def start_training(self, data: PreparedData, fabric: Fabric) -> GanbertTraining:
        """Make networks, optimisers and accumulation windows."""
        from petsynth.systems.ganbert.training import GanbertTraining

        return GanbertTraining(self.config, data, fabric)

    def resources(
        self, *, grid_shape: tuple[int, int, int] | None = None, subjects: int | None = None
    ) -> Resources:
        """Return the size of a training; by default of the paper's 3,108 pairs with FDG."""
        config = self.config
        sizes = {
            "generator": generator_size(config, self._with_checkpointing),
            "bert": self._bert_size(),
        }
        if config.has_cnn:
            sizes["cnn"] = cnn_size(config)
        return volume_resources(config, sizes, subjects=subjects)

    def _with_checkpointing(self, is_on: bool) -> GanbertConfig:
        generator = dataclasses.replace(self.config.generator, checkpointing=is_on)
        bert = dataclasses.replace(self.config.bert, checkpointing=is_on)
        return dataclasses.replace(self.config, generator=generator, bert=bert)

    def _bert_size(self) -> NetworkSize:
        from petsynth.systems.ganbert.masking import sample_masking
        from petsynth.systems.ganbert.sequence import Layout
        from petsynth.systems.ganbert.training import build_bert

        def inputs(mri: Tensor, pet: Tensor) -> tuple[Any, ...]:
            layout = Layout()
            masking = sample_masking(torch.arange(len(mri), device="cpu"), layout).to("meta")
            values = torch.empty(len(mri), layout.count, device="meta")
            return values, values, masking

        def describe(network: Any, mri: Tensor, pet: Tensor, result: Any) -> dict[str, Any]:
            return {
                "sequence_length": network.layout.length,
                "vocabulary": network.tokens.size,
                "layers": len(network.bert.bert.encoder.layer),
            }

        def parts(network: Any) -> list[nn.Module]:
            return list(network.bert.bert.encoder.layer)

        return NetworkSize(
            build=lambda is_on: build_bert(self._with_checkpointing(is_on)),
            inputs=inputs,
            parts=parts,
            is_checkpointed=self.config.bert.checkpointing,
            describe=describe,
            rows=lambda content: [
                ("BERT", f"{content['parameters']:,} parameters"),
                (
                    "  sequence",
                    f"{content['sequence_length']} tokens of {content['vocabulary']:,} ids",
                ),
            ],
        )
