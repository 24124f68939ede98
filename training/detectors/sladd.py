"""Xception against a synthesizer that learns which forgeries, of real and fake faces, it finds hard.

Source: Chen et al., Self-supervised learning of adversarial example (CVPR 2022).
Loss: ``L = CE + 0.1 MSE(map) + 0.05 AM-softmax(kind) + 0.1 MSE(share, where mixed)``: is it forged, where, how, how
much. The synthesizer ascends the same loss (REINFORCE).
Deviations: feathering follows the distance from the region's border (the reference took its sign), one color transfer
instead of four, the share is not compared between pictures, a face into which nothing was blended counts as real.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from timm.models.xception import SeparableConv2d
from torch import Tensor, nn

from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.data.blending.regions import REGIONS
from training.detectors._classifier import Classifier
from training.detectors._forged import GENUINE, MIX, NOTHING, Forged, forged_by
from training.detectors.base import Update
from training.losses.am_softmax import am_softmax
from training.networks import synthesizer
from training.networks.xception import released


@DETECTORS.register("sladd")
class Sladd(Classifier):
    """See the module. Its parameter groups are ``main`` and ``synthesizer``.

    Args:
        map_weight, kind_weight, share_weight: of the loss.
        entropy: what the synthesizer gives for not being certain.
    """

    family = "spatial"
    year = 2022
    recipe = "pairs"
    released = {
        **released("backbone.", "backbone."),
        "backbone.type_fc.": "kind.",
        "backbone.mag_fc.": "share.",
        "backbone.map.c.": "map.",
        **synthesizer.released("synthesizer.netG.model.", "synthesizer."),
    }

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        map_weight: float = 0.1,
        kind_weight: float = 0.05,
        share_weight: float = 0.1,
        entropy: float = 1e-5,
    ) -> None:
        super().__init__(backbone)
        self.weights = {"cls": 1.0, "map": map_weight, "kind": kind_weight, "share": share_weight}
        self.entropy = entropy
        self.kind, self.share = nn.Linear(self.backbone.dim, GENUINE + 1), nn.Linear(self.backbone.dim, 1)
        self.map = SeparableConv2d(self.backbone.middle_dim, 1, 3, padding=1)
        self.synthesizer = synthesizer.Synthesizer(backbone(), len(REGIONS), NOTHING + 1)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Detector and synthesizer."""
        groups: dict[str, list[nn.Parameter]] = {"main": [], "synthesizer": []}
        for name, p in self.named_parameters():
            groups["synthesizer" if name.startswith("synthesizer.") else "main"].append(p)
        return {name: [p for p in group if p.requires_grad] for name, group in groups.items()}

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits``; last ``feature`` map before its ReLU; ``map`` (N, 1, H/16, W/16); ``type_logits``; ``mag``."""
        net = self.backbone
        middle = net.blocks(net.stem(image), last=7)
        feature = net.tail(net.blocks(middle, first=8))
        x = feature.relu().mean((2, 3))
        return {
            "logits": self.head(x),
            "feature": feature,
            "embedding": x,
            "map": self.map(middle).sigmoid(),
            "type_logits": self.kind(x),
            "mag": self.share(x),
        }

    def training_step(self, batch: Batch, update: Update) -> Losses:
        """Forge and learn to see it; then the synthesizer learns what was hard."""
        bases, pairs = self._paired(batch)
        choice = self.synthesizer.choose(pairs)
        forged = forged_by(choice, batch, bases)
        losses = update(lambda: self.objective(forged))

        def policy() -> Losses:
            loss = self.synthesizer.policy_loss(pairs, choice, losses.total, self.entropy)
            return Losses(loss, {"synthesizer": loss})

        return losses.merge(update(policy, "synthesizer"))

    def loss(self, batch: Batch) -> Losses:
        """The detector's loss on freshly forged pictures."""
        bases, pairs = self._paired(batch)
        return self.objective(forged_by(self.synthesizer.choose(pairs), batch, bases))

    def objective(self, forged: Forged) -> Losses:
        """The module's equation."""
        outputs = self.outputs(forged.image)
        mixed = (forged.kind == MIX).float()
        parts = {
            "cls": F.cross_entropy(outputs["logits"], forged.label),
            "map": F.mse_loss(outputs["map"], F.adaptive_avg_pool2d(forged.mask, outputs["map"].shape[-2:])),
            "kind": am_softmax(outputs["type_logits"], forged.kind, margin=0.5),
            "share": F.mse_loss(outputs["mag"].squeeze(1) * mixed, forged.share * mixed),
        }
        return Losses(sum(self.weights[name] * part for name, part in parts.items()), parts)

    def _paired(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Per pair: the row that is shown, real or fake by chance, and both pictures (N, 6, H, W), that one first."""
        real, fake = ((batch.label == value).nonzero().squeeze(1) for value in (0, 1))
        if len(real) != len(fake) or batch.mask is None or batch.landmarks is None:
            raise ContractError("sladd needs data.recipe: {name: pairs, mask: true, landmarks: true}")
        swap = torch.rand(len(real), device=real.device) < 0.5
        base, other = torch.where(swap, fake, real), torch.where(swap, real, fake)
        return base, torch.cat([batch.image[base], batch.image[other]], 1)
