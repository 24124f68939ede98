"""Which unlabelled pictures learn from their own prediction: the rules of four semi-supervised methods.

Each rule is a module: ``rule(logits, index)`` says for each row (N, C) whether to trust its most probable class.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOTS = 1 << 20
"""Pictures that FlexMatch can remember; with more, some share a slot."""


class Every(nn.Module):
    """All of them (pseudo-labels, Lee, ICML Workshops 2013)."""

    def forward(self, logits: Tensor, index: Tensor) -> Tensor:  # noqa: ARG002 - all rules are asked alike
        """``(N,)`` booleans."""
        return torch.ones(len(logits), dtype=torch.bool, device=logits.device)


class Confident(nn.Module):
    """Those above a fixed confidence (FixMatch, Sohn et al., NeurIPS 2020)."""

    def __init__(self, cutoff: float = 0.95) -> None:
        super().__init__()
        self.cutoff = cutoff

    def forward(self, logits: Tensor, index: Tensor) -> Tensor:  # noqa: ARG002
        """``(N,)`` booleans."""
        return logits.detach().softmax(1).amax(1) >= self.cutoff


class Curriculum(nn.Module):
    """A lower confidence for classes that are learned less (FlexMatch, Zhang et al., NeurIPS 2021).

    Args:
        classes: outputs of the network.
        cutoff: confidence that the best learned class needs.
        warmup: compare with the number of pictures without a confident class too, while that is the largest.
        pictures: how many unlabelled ones there are; by default as many as the largest number seen says.
    """

    def __init__(self, classes: int, cutoff: float = 0.95, warmup: bool = True, pictures: int | None = None) -> None:
        super().__init__()
        self.cutoff, self.warmup = cutoff, warmup
        self.register_buffer("status", torch.zeros(classes))
        """Per class how many pictures are confidently of it, relative to the largest such number."""
        self.register_buffer("chosen", torch.full((SLOTS,), -1, dtype=torch.int16))
        """Per picture the class it was last confidently of; -1 for none."""
        self.register_buffer("pictures", torch.tensor(pictures or 0))

    @torch.no_grad()
    def forward(self, logits: Tensor, index: Tensor) -> Tensor:
        """``(N,)`` booleans, by the status before these rows; then they count."""
        confidence, label = logits.softmax(1).max(1)
        status = self.status[label]
        trusted = confidence >= self.cutoff * status / (2 - status)
        self._remember(confidence, label, index)
        return trusted

    def _remember(self, confidence: Tensor, label: Tensor, index: Tensor) -> None:
        if not len(index):
            return
        sure = (confidence >= self.cutoff).nonzero().flatten()
        self.chosen[index[sure] % SLOTS] = label[sure].short()
        self.pictures.clamp_(min=index.max() + 1)
        counts = torch.bincount(self.chosen.long() + 1, minlength=len(self.status) + 1)[1:]
        largest = counts.max()
        if self.warmup:
            largest = torch.maximum(largest, self.pictures - counts.sum())
        self.status.copy_(torch.where(counts.any(), counts / largest, self.status))


class Adaptive(nn.Module):
    """A confidence that follows the network's own, by class (FreeMatch, Wang et al., ICLR 2023).

    Args:
        classes: outputs of the network.
        momentum: of the running means, which start at 1.
    """

    def __init__(self, classes: int, momentum: float = 0.999) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("level", torch.ones(()))
        """Running 0.8 quantile of confidence."""
        self.register_buffer("mean", torch.ones(classes))
        """Running mean prediction."""

    @torch.no_grad()
    def forward(self, logits: Tensor, index: Tensor) -> Tensor:  # noqa: ARG002
        """``(N,)`` booleans; these rows have already moved the means."""
        probs = logits.softmax(1)
        confidence, label = probs.max(1)
        self.level.lerp_(confidence.quantile(0.8), 1 - self.momentum)
        self.mean.lerp_(probs.mean(0), 1 - self.momentum)
        return confidence >= self.level * (self.mean / self.mean.max())[label]


def pseudo_label_loss(logits: Tensor, judged: Tensor, trusted: Tensor) -> Tensor:
    """Cross-entropy of the trusted rows of ``logits`` (N, C) with the class of ``judged`` (N, C), over all rows.

    Zero where there is no row.
    """
    loss = F.cross_entropy(logits, judged.detach().argmax(1), reduction="none") * trusted
    return loss.sum() / max(len(logits), 1)
