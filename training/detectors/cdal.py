"""Counterfactually decoupled attention on top of CPL or MPSL: what explains a forgery against what explains nothing.

Source: the CDAL paper (ICCV 2025), as far as its published code settles it (OWDFA.md, 5.7). On the first stage's map,
factual attention gives logits ``raw``, counterfactual attention ``aux``; both again after factual and degraded
counterfactual parts were recombined.
Loss: ``L_base + 0.5 sum (CE(raw) + CE(raw - aux) - H(aux)) + 0.2 L_match`` on labelled pictures; ``L_match``: what the
maps see stays the same in the recombined picture. Scores come from the base's head alone.
Deviations: the published code cannot be imported; there, MPSL's match looks with factual attention and CPL's with
counterfactual (kept, by ``perspectives``), and the recombination is computed at test time too, for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from training.core.errors import ConfigError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._attribution import RELEASED, sum_of
from training.detectors._contrastive import ContrastivePseudo
from training.losses.open_world import MARGIN, gumbel_like, margin_cross_entropy, mean_row_entropy
from training.networks.attribution import classifier
from training.networks.counterfactual import (
    MAPS,
    AttentionMaps,
    Choice,
    drawn,
    half_size,
    mismatch,
    pooled,
    recombined,
)
from training.networks.perspectives import Several, Single

SCALE = 100.0
"""Of unit-length features before their classifier."""


@DETECTORS.register("cdal")
class Cdal(ContrastivePseudo):
    """See the module.

    Args:
        perspectives: ``single`` is on top of CPL, ``several`` on top of MPSL.
        pairs, pseudo, spread: weights of the base's loss.
        counterfactual, match: weights of what is added.
    """

    family = "attribution"
    year = 2025
    released = (
        {key.replace("encoder.", "backbone."): ours for key, ours in RELEASED.items()}
        | {"bnneck": "looks.grid.necks.", "xfm.": None, "cfi.": "fact.", "cdal.cfi.": "counter.", "fc1.": "second."}
        | {f"bnneck{n}_": f"looks.grids.{n}.necks." for n in Several.GRIDS}
    )

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float = 0.3,
        perspectives: Literal["single", "several"] = "single",
        pairs: float = 0.5,
        pseudo: float = 0.5,
        spread: float = 1.0,
        counterfactual: float = 0.5,
        match: float = 0.2,
    ) -> None:
        looks = {"single": Single, "several": Several}[perspectives]
        super().__init__(backbone, num_methods, num_known, real_class, dropout, looks, pairs, pseudo, spread)
        if not hasattr(self.backbone, "stage_dim"):
            raise ConfigError("'backbone.name': cdal looks at the first stage of a residual network, such as resnet50")
        self.weights |= {"counterfactual": counterfactual, "match": match}
        self.matches_counter = perspectives == "single"
        self.fact, self.counter = (AttentionMaps(self.backbone.stage_dim) for _ in range(2))
        self.second = classifier(self.backbone.stage_dim * MAPS, num_methods)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Those of the base; ``early`` (N, C, h, w), the map that attention works on."""
        early, feature = self.backbone.stages(image, (1, 4))
        embedding = self.neck(feature.mean((2, 3)))
        plain = {"logits": self.classify(embedding), "feature": feature, "embedding": embedding, "early": early}
        return plain | self.looks(feature)

    def loss(self, batch: Batch) -> Losses:
        """The module's equation."""
        outputs = self.outputs(batch.image)
        early = outputs["early"]
        fact, counter = self.fact(early), self.counter(early)
        choice = Choice(drawn(fact), drawn(counter), torch.randn_like(half_size(early)))
        outputs |= self.decoupled(early, fact, counter, choice)
        return self.objective(outputs, batch, gumbel_like(outputs["logits"]))

    def decoupled(self, early: Tensor, fact: Tensor, counter: Tensor, choice: Choice) -> dict[str, Tensor]:
        """Logits ``raw`` and ``aux`` of the map ``early``, ``raw_again`` and ``aux_again`` of its recombination, and
        how little the two ``match``.
        """
        again = recombined(early, fact, counter, choice)
        fact_again, counter_again = self.fact(again), self.counter(again) if self.training else torch.ones_like(fact)
        other = counter_again if self.matches_counter else fact_again
        return {
            "raw": self.judge(fact, early),
            "aux": self.judge(counter, early),
            "raw_again": self.judge(fact_again, again),
            "aux_again": self.judge(counter_again, again),
            "match": mismatch(fact, early, other, again, choice.fact),
        }

    def judge(self, attention: Tensor, feature: Tensor) -> Tensor:
        """Logits of a map under attention, ``(N, classes)``."""
        return self.second(SCALE * self.dropout(pooled(attention, feature)))

    def objective(self, outputs: dict[str, Tensor], batch: Batch, gumbel: Tensor) -> Losses:
        """The base's loss and what is added; see :meth:`ContrastivePseudo.objective`."""
        base = super().objective(outputs, batch, gumbel).parts
        known = batch.labelled.nonzero().flatten()
        label = batch.method[known]
        added = sum(self._against(outputs[raw][known], outputs[aux][known], label) for raw, aux in PAIRS)
        return sum_of(base | {"counterfactual": added, "match": outputs["match"]}, **self.weights)

    @staticmethod
    def _against(raw: Tensor, aux: Tensor, label: Tensor) -> Tensor:
        told = margin_cross_entropy(raw, label, MARGIN) + margin_cross_entropy(raw - aux, label, MARGIN)
        return told - mean_row_entropy(aux)


PAIRS = (("raw", "aux"), ("raw_again", "aux_again"))
