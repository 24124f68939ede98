"""Vision transformer that learns, without masks, which patches of a face do not belong together.

Source: Zhuang et al., UIA-ViT: unsupervised inconsistency-aware method based on vision transformer (ECCV 2022).
Loss: ``L = CE + 0.06 L_PCL + 0.05 (1/|c_real| + 1/|c_fake|) + 0.5 |c_cross|`` (eq. 8). L_PCL compares attention between
patches with what Gaussians of real and fake patches, fitted once per epoch on the middle features, say of them; it
sets in after the first epoch.
Deviations: Gaussians see training batches only (the reference's also see test batches) and all of an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ConfigError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.detectors.base import Progress
from training.networks.gaussians import RunningGaussian

IMAGES = 4
"""Pictures of each label and batch that the Gaussians see."""


@DETECTORS.register("uia_vit")
class UiaVit(Classifier):
    """See the module. Weights of the loss: ``consistency``, ``keep`` (levels from 0), ``cross`` (towards 0)."""

    family = "spatial"
    year = 2022
    added_up = tuple(f"{side}.{name}" for side in ("real", "fake") for name in RunningGaussian.SUMS)
    released = {"model.": "backbone.", "model.norm_middle.": "norm.", "model.head.": "head.", "model.c_": "c_"}

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        resolution: int,
        consistency: float = 0.06,
        keep: float = 0.05,
        cross: float = 0.5,
    ) -> None:
        super().__init__(backbone)
        if resolution != self.backbone.resolution:
            wanted = self.backbone.resolution
            raise ConfigError(f"data.resolution is {resolution}; the positions of uia_vit's patches are for {wanted}")
        self.weights = consistency, keep, cross
        dim = self.backbone.dim
        self.head = nn.Linear(2 * dim, 2)
        self.norm = nn.LayerNorm(dim, eps=1e-6).requires_grad_(False)  # serves a decision, not a loss
        self.c_real, self.c_fake = (nn.Parameter(torch.tensor(0.6)) for _ in range(2))
        self.c_cross = nn.Parameter(torch.tensor(0.2))
        self.real, self.fake = RunningGaussian(dim), RunningGaussian(dim)
        self.register_buffer("trust", torch.zeros(()))

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The reference keeps no Gaussians: they start anew."""
        ours = super().from_released(state)
        fresh = RunningGaussian(len(ours["norm.weight"])).state_dict()
        gaussians = {f"{name}.{k}": v for name in ("real", "fake") for k, v in fresh.items()}
        return {**ours, **gaussians, "trust": torch.zeros(())}

    def on_epoch_start(self, progress: Progress) -> None:
        """Attention becomes more trusted as the place of patches."""
        self.trust.fill_(progress.epoch / progress.epochs)

    def on_epoch_end(self, progress: Progress) -> None:
        """Fit the Gaussians to this epoch's patches."""
        self.real.fit()
        self.fake.fit()

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits``; middle features ``feature`` (N, h, w, dim); ``attention_map`` (N, P, P) between patches."""
        trace = self.backbone.trace(image)
        grid, patches = self.backbone.grid, trace.tokens[:, 1:]
        weights = self._locate(trace.attention[:, 0, 1:])
        embedding = torch.cat([trace.tokens[:, 0], (weights[..., None] * patches).sum(1)], 1)
        return {
            "logits": self.head(embedding),
            "feature": self.norm(trace.middle).unflatten(1, (grid, grid)),
            "embedding": embedding,
            "attention_map": trace.attention[:, 1:, 1:].sigmoid(),
        }

    def loss(self, batch: Batch) -> Losses:
        """The module's equation; gathers patches for the Gaussians."""
        outputs = self.outputs(batch.image)
        if self.training:
            self.gather(outputs["feature"], batch.label)
        parts = {"cls": F.cross_entropy(outputs["logits"], batch.label)}
        if not (self.real.fitted and self.fake.fitted):
            return Losses(parts["cls"], parts)
        consistency, keep, cross = self.weights
        flat = outputs["feature"].detach().flatten(1, 2)
        manipulated = (self.real.distance(flat) > self.fake.distance(flat)) & (batch.label == 1)[:, None]
        levels = self.c_real, self.c_fake, self.c_cross
        parts["consistency"] = patch_consistency(outputs["attention_map"], manipulated, batch.label, *levels)
        parts["levels"] = keep * (1 / self.c_real.abs() + 1 / self.c_fake.abs()) + cross * self.c_cross.abs()
        return Losses(parts["cls"] + consistency * parts["consistency"] + parts["levels"], parts)

    def gather(self, feature: Tensor, label: Tensor) -> None:
        """Show the Gaussians some patches: all of reals, those in the middle of fakes."""
        edge = self.backbone.grid * 3 // 14
        inner = slice(edge, self.backbone.grid - edge)
        self.real.add(feature[label == 0][:IMAGES].flatten(0, 2))
        self.fake.add(feature[label == 1][:IMAGES, inner, inner].flatten(0, 2))

    def _locate(self, logits: Tensor) -> Tensor:
        """Weights of patches (N, P): even, then more and more the class token's attention; its own when predicting."""
        trust = self.trust if self.training else torch.ones_like(self.trust)
        even = torch.where(trust < 1 / 8, 1.0, torch.sigmoid(-12 * (trust - 0.7)))
        return (even + (1 - even) * logits.sigmoid()) / logits.shape[1]


def patch_consistency(
    attention: Tensor, manipulated: Tensor, label: Tensor, c_real: Tensor, c_fake: Tensor, c_cross: Tensor
) -> Tensor:
    """Mean distance of ``attention`` (N, P, P) from its target, of reals plus that of fakes (eq. 5-7).

    Patches of a real picture agree by ``c_real``; those of a fake by ``c_real`` among the rest, by ``c_fake`` among
    ``manipulated`` (N, P) ones, by ``c_cross`` between the two.
    """
    size = attention.shape[-1]
    first, second = manipulated[:, :, None], manipulated[:, None]
    target = torch.where(first & second, c_fake, torch.where(first | second, c_cross, c_real))
    own = torch.eye(size, device=attention.device, dtype=torch.bool) & (label == 0)[:, None, None]
    off = (attention - torch.where(own, 1.0, target)).abs().sum((1, 2)) / (size**2 - size)
    return sum((off * (label == value)).sum() / (label == value).sum().clamp_min(1) for value in (0, 1))
