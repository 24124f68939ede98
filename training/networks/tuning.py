"""Which parameters of a backbone learn: ``full | frozen | layernorm``; further kinds are added to ``KINDS``."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from training.core.errors import ConfigError, did_you_mean


def _full(network: nn.Module) -> None:
    network.requires_grad_(True)


def _frozen(network: nn.Module) -> None:
    network.requires_grad_(False)


def _layernorm(network: nn.Module) -> None:
    network.requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.LayerNorm):
            module.requires_grad_(True)


KINDS: dict[str, Callable[[nn.Module], None]] = {"full": _full, "frozen": _frozen, "layernorm": _layernorm}


def apply(network: nn.Module, kind: str) -> None:
    """Release or freeze the parameters of ``network`` as ``kind`` says.

    Raises:
        ConfigError: unknown kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"backbone.tune is '{kind}'; {did_you_mean(kind, KINDS)}")
    KINDS[kind](network)
