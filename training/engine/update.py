"""The only code that touches gradients: autocast, backward, averaging over processes, clipping, stepping."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from training.engine.finite import FiniteLosses
from training.engine.optimizers import RULES
from training.engine.schedules import SCHEDULES


class Update:
    """``update(loss_fn, *groups)`` performs one optimizer step and returns the losses of its first pass.

    The loop calls :meth:`begin` before each batch: it sets the learning rate, a pure function of the step.
    """

    def __init__(self, detector: Detector, cfg: OptimConfig, who: str, precision: torch.dtype | None = None) -> None:
        self.detector, self.precision, self.who = detector, precision, who
        self.clip_norm, self.clip_value = cfg.clip_norm, cfg.clip_value
        self.finite = FiniteLosses(who)
        self.params = detector.param_groups()
        for name in cfg.groups:
            if name not in self.params:
                raise ConfigError(f"optim.groups: {who} has no group '{name}'; {did_you_mean(name, self.params)}")
        self.optimizers = {name: self._optimizer(name, cfg) for name in self.params}
        self._rates = {name: [g["lr"] for g in o.param_groups] for name, o in self.optimizers.items()}
        self._schedule = _schedule(cfg.schedule)
        self._rows, self._last = 1, True
        self._every = _checked_accumulation(cfg)
        self._held: dict[tuple[str, ...], _Held] = {}

    def begin(self, step: int, steps: int, epoch: int, rows: int) -> None:
        """Prepare for step ``step`` of ``steps`` (``epoch`` of them per epoch) on a batch of ``rows``."""
        self._rows, self._last = rows, step + 1 in (steps, (step // epoch + 1) * epoch)
        factor = self._schedule(step, steps, epoch)
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self._rates[name], strict=True):
                group["lr"] = rate * factor

    @property
    def pending(self) -> bool:
        """Whether gradients of batches are held that the weights have not yet followed (``optim.accumulate``)."""
        return any(held.batches for held in self._held.values())

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
        groups = groups or ("main",)
        optimizer, *others = [self._named(group) for group in groups]
        params, passes = [p for group in groups for p in self.params[group]], []
        if self._every > 1:
            return self._accumulated(loss_fn, groups, params)
        randomness = _Randomness(params[0].device)

        def closure() -> Tensor:
            for each in (optimizer, *others):
                each.zero_grad(set_to_none=True)
            if passes:
                randomness.repeat()
            with self._autocast(params[0].device), _frozen_running_stats(self.detector, bool(passes)):
                losses = loss_fn()
            losses.total.backward()
            self.finite.check(losses)  # only now: on a CPU the loss is known, on a GPU there is work to go on with
            self._finish(params, self._rows)
            passes.append(losses)
            return losses.total

        optimizer.step(closure)
        if others and len(passes) > 1:
            raise ContractError(f"{self.who}: this optim.rule cannot step {', '.join(groups)} at once; use adamw")
        for other in others:
            other.step()
        return passes[0]

    def _accumulated(self, loss_fn: Callable[[], Losses], groups: tuple[str, ...], params: list) -> Losses:
        """Hold the gradients of this batch; after ``optim.accumulate`` of them, or an epoch's last, one step."""
        held = self._held.setdefault(groups, _Held())
        if not held.batches:
            for group in groups:
                self.optimizers[group].zero_grad(set_to_none=True)
        with self._autocast(params[0].device):
            losses = loss_fn()
        # Gradients of other groups, whose steps come at other times, must not grow.
        (losses.total * self._rows).backward(inputs=params)
        self.finite.check(losses)
        held.batches, held.rows = held.batches + 1, held.rows + self._rows
        if held.batches == self._every or self._last:
            for p in params:
                if p.grad is not None:
                    p.grad /= held.rows
            self._finish(params, held.rows)
            for group in groups:
                self.optimizers[group].step()
            self._held[groups] = _Held()
        return losses

    def _finish(self, params: list[nn.Parameter], rows: int) -> None:
        """Make gradients, means over ``rows``, those of all processes, and no larger than allowed."""
        average_gradients(params, rows)
        if self.clip_value is not None:
            nn.utils.clip_grad_value_(params, self.clip_value)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(params, self.clip_norm)

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

    def _autocast(self, device: torch.device) -> contextlib.AbstractContextManager:
        return torch.autocast(device.type, self.precision) if self.precision else contextlib.nullcontext()


@dataclass
class _Held:
    """How many batches, of how many rows, have added to the gradients."""

    batches: int = 0
    rows: int = 0


def _checked_accumulation(cfg: OptimConfig) -> int:
    if cfg.accumulate < 1:
        raise ConfigError(f"optim.accumulate is {cfg.accumulate}; expected 1 or more batches")
    if cfg.accumulate > 1 and cfg.rule.name == "sam":
        raise ConfigError("optim.accumulate: sam passes twice over each batch; use a larger data.batch_size")
    return cfg.accumulate


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
