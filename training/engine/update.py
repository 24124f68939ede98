"""The only code that touches gradients: autocast, backward, averaging over processes, clipping, stepping."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from training.core.config import At, Spec, instantiate
from training.core.errors import ConfigError, ContractError, WeightsError, did_you_mean
from training.core.schema import OptimConfig
from training.core.types import Losses
from training.detectors.base import Detector
from training.engine.distributed import average_gradients
from training.engine.optimizers import RULES
from training.engine.schedules import SCHEDULES


class Update:
    """``update(loss_fn, *groups)`` performs one optimizer step and returns the losses of its first pass.

    The loop calls :meth:`begin` before each batch: it sets the learning rate, a pure function of the step.
    """

    def __init__(self, detector: Detector, cfg: OptimConfig, who: str, precision: torch.dtype | None = None) -> None:
        self.detector, self.precision, self.who = detector, precision, who
        self.clip_norm, self.clip_value = cfg.clip_norm, cfg.clip_value
        self.params = detector.param_groups()
        for name in cfg.groups:
            if name not in self.params:
                raise ConfigError(f"optim.groups: {who} has no group '{name}'; {did_you_mean(name, self.params)}")
        self.optimizers = {name: self._optimizer(name, cfg) for name in self.params}
        self._rates = {name: [g["lr"] for g in o.param_groups] for name, o in self.optimizers.items()}
        self._schedule = _schedule(cfg.schedule)
        self._rows = 1

    def begin(self, step: int, steps: int, epoch: int, rows: int) -> None:
        """Prepare for step ``step`` of ``steps`` (``epoch`` of them per epoch) on a batch of ``rows``."""
        self._rows = rows
        factor = self._schedule(step, steps, epoch)
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self._rates[name], strict=True):
                group["lr"] = rate * factor

    @property
    def lr(self) -> float:
        """The learning rate now in force in the first group."""
        return next(iter(self.optimizers.values())).param_groups[0]["lr"]

    def __call__(self, loss_fn: Callable[[], Losses], *groups: str) -> Losses:
        """One step of ``groups``, ``main`` when none is named, on ``loss_fn()``; several share its gradients.

        Raises:
            ContractError: no such group, the loss is not finite (names its parts), or the rule needs the loss twice and
                cannot step several groups at once.
        """
        optimizer, *others = [self._named(group) for group in groups or ("main",)]
        params, passes = [p for group in groups or ("main",) for p in self.params[group]], []
        randomness = _Randomness(params[0].device)

        def closure() -> Tensor:
            for each in (optimizer, *others):
                each.zero_grad(set_to_none=True)
            if passes:
                randomness.repeat()
            with self._autocast(params[0].device), _frozen_running_stats(self.detector, bool(passes)):
                losses = loss_fn()
            self._check(losses)
            losses.total.backward()
            average_gradients(params, self._rows)
            if self.clip_value is not None:
                nn.utils.clip_grad_value_(params, self.clip_value)
            if self.clip_norm is not None:
                nn.utils.clip_grad_norm_(params, self.clip_norm)
            passes.append(losses)
            return losses.total

        optimizer.step(closure)
        if others and len(passes) > 1:
            raise ContractError(f"{self.who}: this optim.rule cannot step {', '.join(groups)} at once; use adamw")
        for other in others:
            other.step()
        return passes[0]

    def state_dict(self) -> dict[str, Any]:
        """The optimizers' state, by group."""
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave.

        Raises:
            WeightsError: another rule or other groups gave it.
        """
        try:
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state[name])
        except (KeyError, ValueError) as error:
            raise WeightsError(
                f"{self.who}: the saved state is not of this optim.rule ({error}); resume with the rule it began with"
            ) from error

    def _named(self, group: str) -> torch.optim.Optimizer:
        if group not in self.optimizers:
            raise ContractError(
                f"{self.who}: update group '{group}' is not in param_groups(); {did_you_mean(group, self.optimizers)}"
            )
        return self.optimizers[group]

    def _optimizer(self, name: str, cfg: OptimConfig) -> torch.optim.Optimizer:
        if cfg.rule.name not in RULES:
            raise ConfigError(f"optim.rule: unknown '{cfg.rule.name}'; {did_you_mean(cfg.rule.name, RULES)}")
        if not self.params[name]:
            raise ContractError(f"{self.who}: parameter group '{name}' is empty: nothing would learn")
        params = {**cfg.rule.params, **cfg.groups.get(name, {})}
        return instantiate(RULES[cfg.rule.name], params, {"params": self.params[name]}, cfg.rule.at)

    def _check(self, losses: Losses) -> None:
        if not torch.isfinite(losses.total):
            parts = ", ".join(f"{k} {float(v):.4g}" for k, v in losses.parts.items())
            raise ContractError(
                f"{self.who}: the loss is {losses.total.item()}{f' ({parts})' if parts else ''}; "
                "try a lower learning rate or optim.clip_norm; the last good checkpoint is kept"
            )

    def _autocast(self, device: torch.device) -> contextlib.AbstractContextManager:
        return torch.autocast(device.type, self.precision) if self.precision else contextlib.nullcontext()


def _schedule(spec: Spec) -> Callable[[int, int, int], float]:
    if spec.name not in SCHEDULES:
        raise ConfigError(f"optim.schedule: unknown '{spec.name}'; {did_you_mean(spec.name, SCHEDULES)}")
    # Called once here, so that a wrong parameter is found before training starts.
    checked = partial(instantiate, SCHEDULES[spec.name], spec.params, at=spec.at or At("optim.schedule"))
    checked(provided={"step": 0, "steps": 1, "epoch": 1})
    return lambda step, steps, epoch: checked(provided={"step": step, "steps": steps, "epoch": epoch})


class _Randomness:
    """The random state at its making. A rule's second pass must see the same network, dropout and noise included:
    SAM's algorithm compares two places of one loss.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._cpu = device, torch.get_rng_state()
        self._own = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def repeat(self) -> None:
        """Go back to it."""
        torch.set_rng_state(self._cpu)
        if self._own is not None:
            torch.cuda.set_rng_state(self._own, self._device)


@contextlib.contextmanager
def _frozen_running_stats(module: nn.Module, frozen: bool) -> Iterator[None]:
    """A second pass over the same batch must not count twice in the batch-norm statistics."""
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)] if frozen else []
    kept = [m.momentum for m in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, kept, strict=True):
            norm.momentum = momentum
