"""Frozen CLIP steered by an adapter beside it that learns where faces were blended.

Reference: Cui et al., "Forensics Adapter: Adapting CLIP for Generalizable Face Forgery Detection", CVPR 2025 (arXiv
2411.19715). A tiny vision transformer with learned queries reads CLIP's layers, draws the blending border, and changes
what CLIP's class token attends to. ``L = 10 CE + 200 MSE(border) + 20 L_patch + 10 L_sample``: in each fake, patches on
and off the border are told apart; over the batch, what the adapter found in reals and in fakes.
Left open, as only the paper's abstract and summaries of it were at hand, and chosen here: both networks share the
picture's grid and meet at four places; the last quarter of CLIP is steered, from no change at the start; both contrasts
are supervised ones with a temperature of 0.1, on patches whose border is above one half and on mean queries; the
verdict is the mean over queries; the data are pairs with their masks, of which ``4 B (1 - B)`` is the border.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ConfigError, ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses, Prediction
from training.detectors.base import Detector
from training.losses.gathered import gathered
from training.losses.supervised_contrast import supervised_contrast
from training.networks.clip import ClipVit
from training.networks.frequency import border_of
from training.networks.side_adapter import SideAdapter, steered


@DETECTORS.register("forensics_adapter")
class ForensicsAdapter(Detector):
    """See the module.

    Args:
        queries, width, layers, heads: of the adapter.
        cls, border, patch, sample: loss weights.
        temperature: of both contrasts.
    """

    family = "foundation"
    year = 2025

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        queries: int = 128,
        width: int = 192,
        layers: int = 10,
        heads: int = 3,
        cls: float = 10.0,
        border: float = 200.0,
        patch: float = 20.0,
        sample: float = 10.0,
        temperature: float = 0.1,
    ) -> None:
        super().__init__()
        self.backbone = backbone()
        if not isinstance(self.backbone, ClipVit):
            raise ConfigError("forensics_adapter steers CLIP; set backbone.name to clip_vit_l14 or clip_vit_b16")
        self.adapter = SideAdapter(self.backbone, queries, width, layers, heads)
        self.head = nn.Linear(self.backbone.dim, 2)
        self.weights = {"cls": cls, "border": border, "patch": patch, "sample": sample}
        self.temperature = temperature

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits (N, 2)``, their ``feature (N, dim)``; the adapter's ``border (N, 1, P, P)`` in [0, 1], ``patches``
        ``(N, P * P, d)`` and mean ``queries (N, d)``.
        """
        tokens = self.backbone.layers(image)
        found = self.adapter(image, tokens)
        feature = steered(self.backbone, tokens, found.bias).mean(1)
        border = found.border.float().sigmoid()
        known = {"border": border, "patches": found.patches, "queries": found.queries.mean(1)}
        return {"logits": self.head(feature), "feature": feature, **known}

    def predict(self, batch: Batch) -> Prediction:
        """Softmax probability of class 1."""
        out = self.outputs(batch.image)
        return Prediction(out["logits"].softmax(1)[:, 1].float(), embedding=out["feature"])

    def loss(self, batch: Batch) -> Losses:
        """The module's equation; real faces have no border."""
        if batch.mask is None:
            raise ContractError("forensics_adapter learns from blending masks: data.recipe: {name: pairs, mask: true}")
        out = self.outputs(batch.image)
        border = border_of(batch.mask, self.backbone.grid) * batch.label.view(-1, 1, 1, 1)
        patches, found = (F.normalize(out[name].float(), dim=-1) for name in ("patches", "queries"))
        found, label = gathered(found, batch.label)
        parts = {
            "cls": F.cross_entropy(out["logits"], batch.label),
            "border": F.mse_loss(out["border"], border),
            "patch": supervised_contrast(patches, border.flatten(1) > 0.5, self.temperature),
            "sample": supervised_contrast(found, label, self.temperature),
        }
        return Losses(sum(self.weights[name] * part for name, part in parts.items()), parts)
