"""A Gaussian of features that arrive batch by batch, with Ledoit and Wolf's shrunk covariance."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RunningGaussian(nn.Module):
    """Sums of what came since the last :meth:`fit`, and the Gaussian of what came before. All are buffers."""

    SUMS = ("count", "first", "second", "third", "fourth")
    """Names of the buffers that hold sums over rows."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        for name, shape in (
            ("count", ()),
            ("first", (dim,)),
            ("second", (dim, dim)),
            ("third", (dim,)),
            ("fourth", ()),
        ):
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("precision", torch.eye(dim))
        self.register_buffer("fitted", torch.tensor(False))

    @torch.no_grad()
    def add(self, x: Tensor) -> None:
        """Take in the rows of ``x`` (n, dim)."""
        x = x.detach().double()
        square = x.square().sum(1)
        self.count += len(x)
        self.first += x.sum(0)
        self.second += x.T @ x
        self.third += square @ x
        self.fourth += square.square().sum()

    @torch.no_grad()
    def fit(self) -> None:
        """Take mean and precision from the sums and start new ones; without any row, nothing changes.

        The shrinkage (Ledoit & Wolf, Journal of Multivariate Analysis 2004, eq. 14) needs the mean fourth power of
        centered rows' length, which expands into the sums.
        """
        if not self.count:
            return
        n, dim = self.count, len(self.first)
        mean = self.first / n
        scatter = self.second / n - torch.outer(mean, mean)
        size = mean.square().sum()
        fourth = (
            self.fourth
            + 4 * mean @ self.second @ mean
            + n * size**2
            - 4 * mean @ self.third
            + 2 * size * self.second.trace()
            - 4 * size * (mean @ self.first)
        )
        level = scatter.trace() / dim
        off = (scatter.square().sum() - dim * level**2) / dim
        error = ((fourth / n - scatter.square().sum()) / (n * dim)).clamp_max(off)
        shrink = error / off if off > 0 else 0.0
        shrunk = (1 - shrink) * scatter + shrink * level * torch.eye(dim, device=scatter.device)
        self.mean.copy_(mean)
        self.precision.copy_(torch.linalg.inv(shrunk))
        self.fitted.fill_(True)
        for name in self.SUMS:
            getattr(self, name).zero_()

    def distance(self, x: Tensor) -> Tensor:
        """Mahalanobis distance of ``x`` (..., dim) from the mean."""
        centered = x - self.mean
        return (centered @ self.precision * centered).sum(-1).clamp_min(0).sqrt()
