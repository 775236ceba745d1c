"""GANBERT as the training loop sees it; apart, since transformers takes seconds to import."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import Tensor

from petsynth.config import GanbertConfig
from petsynth.data.prepared import PreparedData
from petsynth.networks.dropout import draw_keys
from petsynth.systems.ganbert import step as ganbert
from petsynth.systems.volumes import VolumeSystem, Window


class GanbertSystem(VolumeSystem):
    """GANBERT, without or with a CNN discriminator."""

    players: ganbert.GanbertPlayers

    def __init__(self, config: GanbertConfig, data: PreparedData, fabric: Fabric):
        super().__init__(config, data, fabric)
        self.config = config
        self.players = ganbert.build_players(config, fabric)
        self.terms = ganbert.terms_of(config)
        self.extras = ganbert.gradients_of(config)

    def set_learning_rate(self, share: float) -> None:
        """Set the step sizes; BERT may have one of its own."""
        super().set_learning_rate(share)
        if self.config.bert.learning_rate:
            for group in self.players.bert_optimiser.param_groups:
                group["lr"] = self.config.bert.learning_rate * share

    def _train_step(self, window: Window, step: int, measure: bool) -> dict[str, Tensor]:
        parts = [
            ganbert.make_part(self.config, self.players, batch, self.portion, step, number)
            for number, batch in enumerate(window)
        ]
        if self.config.bert.dropout:  # BERT's dropout draws from torch's own generator
            torch.manual_seed(int(draw_keys(self.seed, step, 1, self.portion.process)))
        return ganbert.train_step(self.players, self.fabric, self.config, parts, measure=measure)
