"""CLIP with tuned layer norms, joined with image frequencies that an edge map weights, and blind to identity.

Assay's own method (2026) on top of GenD (arXiv 2508.06248): unit-length CLIP features, a linear head, alignment and
uniformity losses. Slerp augmentation is its predecessor's (arXiv 2503.19683). New are ``v = c + Proj(u)``, where ``u``
reads FFT and wavelet details weighted by a boundary map W, and an identity discriminator on ``c`` behind a gradient
reversal. ``Proj`` starts at zero, so an untrained clip_freq says what GenD says; with every addition off it is GenD.

``L = L_cls + 0.5 L_uniformity + 0.1 L_alignment + 0.1 L_consistency + L_identity [+ 0.1 L_boundary]``

The reversal's strength rises by epochs, not by steps: it is 0 throughout the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ConfigError, ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses, Prediction
from training.detectors.base import Detector, Progress, Update
from training.losses.agreement import agreement
from training.losses.gathered import gathered
from training.losses.hypersphere import alignment, same_class_slerp, uniformity
from training.networks.frequency import FrequencyAdapter, border_of
from training.networks.heads import ArcHead, IdentityDiscriminator
from training.networks.zoo import CLIP_MEAN, CLIP_STD


@DETECTORS.register("clip_freq")
class ClipFreq(Detector):
    """See the module; each addition can be switched off by itself.

    Args:
        branches: the frequency details that are read; ``none`` leaves the adapter out.
        boundary: weight the patch grid by W; otherwise its cells count alike.
        head: linear, or cosines with an angular margin.
        slerp: random mixtures within a class join the batch (``slerp_rounds`` per feature), replace it, or none.
        identity: greatest strength of the reversed gradient; 0 leaves the discriminator out.
        uniformity, alignment, consistency: loss weights.
        supervision: loss weight that pulls W to the border of ``batch.mask``; needs masks.
        mean, std: with which images are normalized.
    """

    family = "foundation"
    year = 2026

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_persons: int = 0,
        branches: Literal["none", "fft", "dwt", "both"] = "both",
        boundary: bool = True,
        head: Literal["linear", "arc"] = "linear",
        slerp: Literal["off", "append", "replace"] = "append",
        slerp_rounds: int = 1,
        identity: float = 0.1,
        uniformity: float = 0.5,
        alignment: float = 0.1,
        consistency: float = 0.1,
        supervision: float = 0.0,
        mean: tuple[float, float, float] = CLIP_MEAN,
        std: tuple[float, float, float] = CLIP_STD,
    ) -> None:
        super().__init__()
        self.backbone = backbone()
        dim = self.backbone.dim
        self.head = ArcHead(dim) if head == "arc" else nn.Linear(dim, 2)
        self.slerp, self.slerp_rounds = slerp, slerp_rounds
        self.weights = {"uniformity": uniformity, "alignment": alignment, "consistency": consistency}
        self.weights["boundary"] = supervision
        self.adapter = self.probes = self.discriminator = None
        if branches != "none":
            self.adapter = FrequencyAdapter(mean, std, self.backbone.grid, branches, boundary)
            self.project = nn.Linear(self.adapter.dim, dim)
            nn.init.zeros_(self.project.weight)
            nn.init.zeros_(self.project.bias)
        if branches == "both" and consistency:
            self.probes = nn.ModuleDict({name: nn.Linear(128, 2) for name in ("fft", "dwt")})
        if identity and num_persons:
            self.discriminator = IdentityDiscriminator(dim, num_persons, identity)
        if supervision and not (self.adapter and boundary):
            raise ConfigError("detector.supervision teaches the boundary map, which 'boundary' or 'branches' leave out")

    def on_epoch_start(self, progress: Progress) -> None:
        """Raise the strength of the identity reversal."""
        if self.discriminator:
            self.discriminator.ramp(progress.epoch / progress.epochs)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """``head``, which weight decay would keep from growing to the softmax's scale, and ``main``, all else."""
        groups: dict[str, list[nn.Parameter]] = {"main": [], "head": []}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                groups["head" if name.startswith("head.") else "main"].append(parameter)
        return {name: group for name, group in groups.items() if group}

    def training_step(self, batch: Batch, update: Update) -> Losses:
        """Both groups on one loss."""
        return update(lambda: self.loss(batch), *self.param_groups())

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits (N, 2)``, CLIP's ``feature (N, dim)``, the joined unit ``l2_feature``; what the adapter found."""
        found = self.adapter(image) if self.adapter else {}
        feature = self.backbone(image)
        joined = feature + self.project(found["joined"]) if self.adapter else feature
        z = F.normalize(joined.float(), dim=1)
        return {"logits": self.head(z), "feature": feature, "l2_feature": z, **found}

    def predict(self, batch: Batch) -> Prediction:
        """Softmax of the head; the embedding is the unit feature."""
        out = self.outputs(batch.image)
        return Prediction(out["logits"].softmax(1)[:, 1], embedding=out["l2_feature"])

    def loss(self, batch: Batch) -> Losses:
        """The module's equation, over the parts that are switched on."""
        out = self.outputs(batch.image)
        z, label = self._mixed(out["l2_feature"], batch.label)
        logits = self.head(z, label) if isinstance(self.head, ArcHead) else self.head(z)
        parts = {"cls": F.cross_entropy(logits, label)}
        z, label = gathered(z, label)
        parts |= {"uniformity": uniformity(z), "alignment": alignment(z, label)}
        if self.probes:
            parts["consistency"] = agreement(*(self.probes[k](out[k]) for k in ("fft", "dwt")), batch.label)
        if self.discriminator:
            parts["identity"], accuracy = self.discriminator.judge(out["feature"], batch.person)
        if self.weights["boundary"]:
            parts["boundary"] = self._boundary(out["boundary_logit"], batch)
        total = sum(self.weights.get(name, 1.0) * value for name, value in parts.items())
        return Losses(total, {**parts, "identity_accuracy": accuracy} if self.discriminator else parts)

    def _mixed(self, z: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        if self.slerp == "off" or not self.training:
            return z, label
        if self.slerp == "replace":
            return same_class_slerp(z, label), label
        mixtures = [same_class_slerp(z, label) for _ in range(self.slerp_rounds)]
        return torch.cat([z, *mixtures]), label.repeat(1 + self.slerp_rounds)

    def _boundary(self, logit: Tensor, batch: Batch) -> Tensor:
        """W's raw map against the border of the mask, which real faces have nowhere."""
        if batch.mask is None:
            raise ContractError("clip_freq: detector.supervision needs masks; this recipe or data set gives none")
        border = border_of(batch.mask, self.backbone.grid) * batch.label.view(-1, 1, 1, 1)
        return F.binary_cross_entropy_with_logits(logit, border)
