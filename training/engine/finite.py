"""Stops a run whose losses are not finite: at once on a CPU; on a GPU a step later, so that the host never waits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.core.errors import ContractError
from training.core.types import Losses


@dataclass(frozen=True)
class _Asked:
    """Of one pass: whether its loss is finite, on its way to the host until ``arrived``, and what to say if not."""

    finite: Tensor
    arrived: torch.cuda.Event | None
    losses: Losses


class FiniteLosses:
    """``check(losses)`` after each pass; :meth:`settle` before anything is kept of what it led to."""

    def __init__(self, who: str) -> None:
        self.who = who
        self._last: _Asked | None = None

    def check(self, losses: Losses) -> None:
        """Judge the losses of the pass before these on a GPU, these on a CPU.

        Raises:
            ContractError: they are not finite; names the detector and the parts.
        """
        self.settle()
        total = losses.total.detach()
        kept = Losses(total, {name: value.detach() for name, value in losses.parts.items()})
        if not total.is_cuda:
            self._judge(_Asked(torch.isfinite(total), None, kept))
            return
        finite, arrived = torch.isfinite(total).to("cpu", non_blocking=True), torch.cuda.Event()
        arrived.record()
        self._last = _Asked(finite, arrived, kept)

    def settle(self) -> None:
        """Judge what has not been judged yet.

        Raises:
            ContractError: see :meth:`check`.
        """
        last, self._last = self._last, None
        if last is not None:
            last.arrived.synchronize()
            self._judge(last)

    def _judge(self, asked: _Asked) -> None:
        if not asked.finite:
            losses = asked.losses
            parts = ", ".join(f"{k} {float(v):.4g}" for k, v in losses.parts.items())
            raise ContractError(
                f"{self.who}: the loss is {losses.total.item()}{f' ({parts})' if parts else ''}; "
                "try a lower learning rate or optim.clip_norm; the last good checkpoint is kept"
            )
