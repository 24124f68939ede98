"""Which parameters of a backbone learn: ``full | frozen | layernorm | svd | lora | adapter``.

The last three add parameters to transformers: a trained residual of every attention projection, or a small network
behind every MLP. ``rank`` is the width of what is added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

from training.core.errors import ConfigError, did_you_mean


class SvdResidual(nn.Module):
    """A weight whose smallest singular components learn while the sum of the others stays (Effort, section 3.3).

    Args:
        weight: ``(parts * out, in)``, ``parts`` matrices on top of each other that are decomposed each by itself.
        rank: how many components of each learn.
    """

    def __init__(self, weight: Tensor, rank: int, parts: int) -> None:
        super().__init__()
        left, scale, right = torch.linalg.svd(weight.detach().unflatten(0, (parts, -1)), full_matrices=False)
        self.left = nn.Parameter(left[:, :, -rank:].clone())  # (parts, out, rank)
        self.scale = nn.Parameter(scale[:, -rank:].clone())  # (parts, rank)
        self.right = nn.Parameter(right[:, -rank:].clone())  # (parts, rank, in)
        self.register_buffer("left_start", self.left.detach().clone())
        self.register_buffer("right_start", self.right.detach().clone())
        self.register_buffer("energy", scale.square().sum(1))

    def forward(self, main: Tensor) -> Tensor:
        """The weight in use."""
        return main + self.residual().flatten(0, 1)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What stays of ``weight``."""
        return weight - self.residual().detach().flatten(0, 1)

    def residual(self) -> Tensor:
        """The learned components ``(parts, out, in)``."""
        return self.left * self.scale[:, None] @ self.right

    def orthogonality(self) -> Tensor:
        """How far kept and learned bases together are from orthonormal, ``(parts,)``: half of left plus right.

        ``|B'B - I|`` of all bases B of a square weight needs the learned ones only: what of them lies outside the
        space they started in lies in the kept one.
        """
        return 0.5 * (_departure(self.left.mT, self.left_start.mT) + _departure(self.right, self.right_start))

    def energy_change(self, main: Tensor) -> Tensor:
        """How far the sum of squared singular values of the weight has moved, ``(parts,)``."""
        weight = main.unflatten(0, (len(self.left), -1)) + self.residual()
        return (weight.square().sum((1, 2)) - self.energy).abs()


def _departure(bases: Tensor, start: Tensor) -> Tensor:
    """Frobenius norm of ``B'B - I`` for kept bases and the rows ``bases (parts, rank, n)`` that began as ``start``."""
    into_kept = bases.square().sum((1, 2)) - (bases @ start.mT).square().sum((1, 2))
    gram = bases @ bases.mT - torch.eye(bases.shape[1], device=bases.device)
    return (2 * into_kept.clamp_min(0) + gram.square().sum((1, 2)) + 1e-12).sqrt()


class LowRank(nn.Module):
    """A frozen weight plus a learned product of two thin matrices that starts at zero (Hu et al., ICLR 2022, eq. 3)."""

    def __init__(self, weight: Tensor, rank: int, parts: int) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(torch.randn(parts, rank, columns) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(parts, rows // parts, rank))

    def forward(self, main: Tensor) -> Tensor:
        """The weight in use."""
        return main + (self.up @ self.down).flatten(0, 1)


class Adapted(nn.Module):
    """A frozen layer followed by a bottleneck with a skip that starts as the identity (Houlsby et al., ICML 2019)."""

    def __init__(self, layer: nn.Module, dim: int, rank: int) -> None:
        super().__init__()
        self.layer = layer
        self.down, self.up = nn.Linear(dim, rank), nn.Linear(rank, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's answer, adapted."""
        x = self.layer(x)
        return x + self.up(nn.functional.gelu(self.down(x)))


def _full(network: nn.Module, rank: int) -> None:  # noqa: ARG001 - one signature for all kinds
    network.requires_grad_(True)


def _frozen(network: nn.Module, rank: int) -> None:  # noqa: ARG001
    network.requires_grad_(False)


def _layernorm(network: nn.Module, rank: int) -> None:  # noqa: ARG001
    network.requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.LayerNorm):
            module.requires_grad_(True)


def _residual(kind: type[SvdResidual | LowRank]) -> Callable[[nn.Module, int], None]:
    def tune(network: nn.Module, rank: int) -> None:
        network.requires_grad_(False)
        for module, name, parts in list(_projections(network)):
            parametrize.register_parametrization(module, name, kind(getattr(module, name), rank, parts))

    return tune


def _adapter(network: nn.Module, rank: int) -> None:
    network.requires_grad_(False)
    for block in _blocks(network):
        linear = [m for m in block.mlp.modules() if isinstance(m, nn.Linear)]
        block.mlp = Adapted(block.mlp, linear[-1].out_features, rank)


def _blocks(network: nn.Module) -> list[nn.Module]:
    """Of a transformer."""
    return [module for module in network.modules() if isinstance(getattr(module, "mlp", None), nn.Module)]


def _projections(network: nn.Module) -> Iterator[tuple[nn.Module, str, int]]:
    """Module and name of each attention weight, and how many matrices it stacks."""
    for module in network.modules():
        if isinstance(module, nn.MultiheadAttention):
            yield module, "in_proj_weight", 3
            yield module.out_proj, "weight", 1
        elif isinstance(getattr(module, "qkv", None), nn.Linear):
            yield module.qkv, "weight", 3
            yield module.proj, "weight", 1


KINDS: dict[str, tuple[Callable[[nn.Module, int], None], int]] = {
    "full": (_full, 0),
    "frozen": (_frozen, 0),
    "layernorm": (_layernorm, 0),
    "svd": (_residual(SvdResidual), 1),
    "lora": (_residual(LowRank), 8),
    "adapter": (_adapter, 64),
}
"""What each kind does, and its rank when none is given."""


def recompute(network: nn.Module) -> bool:
    """Keep no activations within the transformer blocks of ``network``, if it has any (Chen et al., 2016): they are
    computed again on the way back. Results stay; whether there are any blocks.
    """
    blocks = _blocks(network)
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    return bool(blocks)


def apply(network: nn.Module, kind: str, rank: int | None = None) -> None:
    """Release, freeze or extend the parameters of ``network`` as ``kind`` says.

    Raises:
        ConfigError: unknown kind, or one that has nothing to work on in this network.
    """
    if kind not in KINDS:
        raise ConfigError(f"backbone.tune is '{kind}'; {did_you_mean(kind, KINDS)}")
    tune, usual = KINDS[kind]
    tune(network, usual if rank is None else rank)
    if kind != "frozen" and not any(p.requires_grad for p in network.parameters()):
        raise ConfigError(
            f"backbone.tune: '{kind}' finds nothing to train in {type(network).__name__}; use full or frozen"
        )
