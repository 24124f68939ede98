"""Confidence-aware asymmetric learning: consistency by confidence, thresholds per side, prototypes that are pruned.

Source: the CAL paper (AAAI 2026) on OWDFA-40, as far as its published code settles it (OWDFA.md, 5.5).
Loss of a weak and a strong view: ``L = CE + L_R + L_ACR + 0.2 L_CCR``. ``L_R``: half of what the mean prediction lacks
of the greatest entropy. ``L_CCR``: the strong view learns the weak one's sharpened prediction, weighted by confidence,
first low ones, later high ones less. ``L_ACR``: from the fifth epoch on, unlabelled pictures learn their own class
where it is confident, novel ones at a threshold ``gamma_n`` that follows the ratio of both sides' confidence.
With ``prune`` the number of novel classes is found: after each epoch the least used prototypes are merged into the
rest. The features are weighted by learned frequencies (:class:`training.networks.attribution.FrequencyAttention`).
Deviations: the surviving prototypes are part of the checkpoint (there the number is lost, and all are used again), and
stay in their rows, so the optimizer's moments remain theirs (there rows move and moments do not).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._attribution import RELEASED, Attribution, map_of, sum_of
from training.detectors.base import Progress
from training.losses.confidence import Confidences, asymmetric, consistency, unused_entropy
from training.networks.attribution import FrequencyAttention
from training.networks.prototypes import merged, survivors


@DETECTORS.register("cal")
class Cal(Attribution):
    """See the module.

    Args:
        consistency: weight of ``L_CCR``.
        teacher, student: temperatures of the weak view's prediction as a target and of every other prediction.
        gamma: confidence that a known class needs in ``L_ACR``.
        patience: epochs before ``L_ACR`` sets in.
        prune: find the number of classes; ``data.recipe.clusters`` should then be generous (there: 9 per known class).
        coverage: share of unlabelled pictures that the prototypes kept must hold.
    """

    family = "attribution"
    year = 2026
    released = RELEASED | {"fc2": "classifier.weight", "fft_attn_module.freq_attn_net.": "attention.mask."}
    added_up = ("confidences.sums", "usage")

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float = 0.2,
        consistency: float = 0.2,
        teacher: float = 0.1,
        student: float = 1.0,
        gamma: float = 0.9,
        patience: int = 5,
        prune: bool = False,
        coverage: float = 0.9544,
    ) -> None:
        super().__init__(backbone, num_methods, num_known, real_class, dropout)
        self.consistency, self.teacher, self.student = consistency, teacher, student
        self.gamma, self.patience, self.prune, self.coverage = gamma, patience, prune, coverage
        self.attention = FrequencyAttention()
        self.confidences = Confidences(num_known)
        self.progress = Progress(0, 1)
        self.register_buffer("live", torch.arange(num_methods))
        """Rows of the classifier in use, in the order of the outputs; -1 behind the last."""
        self.register_buffer("usage", torch.zeros(num_methods))

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Those of every attribution method; ``attention`` (N, 1, h, w) has weighted the map."""
        feature, attention = map_of(self.backbone, image), self.attention(image)
        if attention.shape[2:] != feature.shape[2:]:
            attention = F.interpolate(attention, feature.shape[2:], mode="bilinear", align_corners=False)
        embedding = self.neck((feature * attention).mean((2, 3)))
        return {
            "logits": self.classify(embedding),
            "feature": feature,
            "attention": attention,
            "embedding": embedding,
        }

    def classify(self, embedding: Tensor) -> Tensor:
        """Logits of the prototypes that survived."""
        return self.dropout(embedding) @ self.classifier.weight[self.live[self.live >= 0]].T

    def on_epoch_start(self, progress: Progress) -> None:
        """Note the epoch; count anew."""
        self.progress = progress
        self.confidences.sums.zero_()
        self.usage.zero_()

    def on_epoch_end(self, progress: Progress) -> None:
        """Move the novel threshold; merge prototypes that few pictures used."""
        self.confidences.move(self.gamma)
        if self.prune:
            self._merge()

    def loss(self, batch: Batch) -> Losses:
        """The module's equation; both views go through the network one after the other."""
        if batch.view is None:
            raise ContractError("cal needs a weak and a strong view: data.recipe: {name: open_world, view: true}")
        return self.objective(self.outputs(batch.image)["logits"], self.outputs(batch.view)["logits"], batch)

    def objective(self, weak: Tensor, strong: Tensor, batch: Batch) -> Losses:
        """The loss of both views' logits (N, outputs)."""
        if self.training:
            self.confidences.add(weak, strong)
            self.usage += torch.bincount(weak.argmax(1), minlength=len(self.usage))
        known, hidden = (rows.nonzero().flatten() for rows in (batch.labelled, ~batch.labelled))
        both = torch.stack([weak, strong]) / self.student
        target = batch.method[known].repeat(2)
        start = (self.progress.epoch + 1) / self.progress.epochs
        thresholds = self.gamma, self.confidences.novel
        parts = {
            "cls": F.cross_entropy(both[:, known].flatten(0, 1), target) if len(known) else weak.sum() * 0,
            "regularization": unused_entropy(both.flatten(0, 1)) / 2,
            "acr": weak.sum() * 0,
            "ccr": consistency(weak / self.teacher, strong / self.student, start),
        }
        if self.progress.epoch >= self.patience:
            parts["acr"] = asymmetric(weak[hidden], self.student, self.num_known, thresholds)
        return sum_of(parts, ccr=self.consistency)

    @torch.no_grad()
    def _merge(self) -> None:
        rows = self.live[self.live >= 0]
        known, novel = rows[: self.num_known], rows[self.num_known :]
        order = self.usage[self.num_known : len(rows)].argsort(descending=True, stable=True)
        kept = survivors(self.usage[self.num_known : len(rows)][order], self.coverage)
        if kept == len(novel):
            return
        anchors, dropped = novel[order[:kept]], novel[order[kept:]]
        weight = self.classifier.weight
        weight[anchors] = merged(weight[anchors], weight[dropped])
        weight[dropped] = 0
        self.live.fill_(-1)
        self.live[: len(known) + kept] = torch.cat([known, anchors])

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The authors' checkpoints, which do not say how many prototypes had survived: all count."""
        ours = super().from_released(state)
        outputs = len(ours["classifier.weight"])
        fresh = {f"confidences.{name}": value for name, value in Confidences(0).state_dict().items()}
        return {**ours, **fresh, "live": torch.arange(outputs), "usage": torch.zeros(outputs)}
