"""Update rules by name. All take a closure, so that rules with several passes need no special case."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimization on SGD (Foret et al., ICLR 2021, algorithm 1).

    Climbs to the worst point within ``rho`` of the weights, steps back with the gradient found there.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        rho: float = 0.05,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "momentum": momentum, "weight_decay": weight_decay})
        self._sgd = torch.optim.SGD(self.param_groups, lr=lr, momentum=momentum, weight_decay=weight_decay)
        self.state = self._sgd.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> None:
        """One update; ``closure`` is called twice."""
        closure = torch.enable_grad()(closure)
        closure()
        grads = [(p, p.grad, g["rho"]) for g in self.param_groups for p in g["params"] if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for _, g, _ in grads])) + 1e-12
        climbs = [(p, g * (rho / norm)) for p, g, rho in grads]
        for p, climb in climbs:
            p.add_(climb)
        closure()
        for p, climb in climbs:
            p.sub_(climb)
        self._sgd.step()

    def load_state_dict(self, state_dict: dict) -> None:
        """Restore; the inner rule shares groups and state."""
        super().load_state_dict(state_dict)
        self._sgd.param_groups, self._sgd.state = self.param_groups, self.state


def adamw(
    params: list[nn.Parameter],
    lr: float,
    weight_decay: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.999),
    decay_norms: bool = False,
) -> torch.optim.AdamW:
    """AdamW; vectors (biases, norms) are not decayed unless ``decay_norms``."""
    vectors = [] if decay_norms else [p for p in params if p.ndim < 2]
    others = [p for p in params if decay_norms or p.ndim >= 2]
    groups = [{"params": others, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, betas=betas, fused=_fused(params))


def adam(
    params: list[nn.Parameter],
    lr: float,
    weight_decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    amsgrad: bool = False,
) -> torch.optim.Adam:
    """Adam with L2 regularization, as most methods of the field were published."""
    return torch.optim.Adam(params, lr, betas, weight_decay=weight_decay, amsgrad=amsgrad, fused=_fused(params))


def sgd(
    params: list[nn.Parameter], lr: float, momentum: float = 0.9, weight_decay: float = 0.0, nesterov: bool = False
) -> torch.optim.SGD:
    """SGD with momentum. Not fused, which fails where a parameter gets its first gradient after others did."""
    return torch.optim.SGD(params, lr, momentum, weight_decay=weight_decay, nesterov=nesterov)


RULES: dict[str, Callable[..., torch.optim.Optimizer]] = {"adamw": adamw, "adam": adam, "sgd": sgd, "sam": SAM}


def _fused(params: list[nn.Parameter]) -> bool:
    return params[0].is_cuda
