"""Learning-rate schedules: pure functions of ``(step, steps, ...)`` that give the factor on the configured rate.

``steps`` is the length of the whole run and ``epoch`` that of one epoch, in steps.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable

from training.core.errors import ConfigError

Schedule = Callable[..., float]


def constant(step: int, steps: int, epoch: int, warmup_epochs: float = 0.0) -> float:
    """1, after an optional linear warm-up."""
    return _warmed(step, epoch, warmup_epochs, 0.0)


def cosine(
    step: int,
    steps: int,
    epoch: int,
    warmup_epochs: float = 0.0,
    start: float = 0.0,
    floor: float = 0.0,
    restart_epochs: float | None = None,
) -> float:
    """Linear warm-up from ``start``, then a cosine from 1 to ``floor``, again every ``restart_epochs``."""
    warm = int(warmup_epochs * epoch)
    if step < warm:
        return _warmed(step, epoch, warmup_epochs, start)
    period = int(restart_epochs * epoch) if restart_epochs else max(1, steps - warm)
    share = ((step - warm) % period) / period
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share))


def step_decay(step: int, steps: int, epoch: int, every_epochs: float = 1.0, gamma: float = 0.1) -> float:
    """Times ``gamma`` every ``every_epochs``."""
    return gamma ** int(step / (every_epochs * epoch))


def levels(
    step: int, steps: int, epoch: int, until: tuple[float, ...] = (), factors: tuple[float, ...] = (1.0,)
) -> float:
    """``factors[i]`` before epoch ``until[i]``, the last one after all.

    Raises:
        ConfigError: there is not one factor more than epochs.
    """
    if len(factors) != len(until) + 1:
        raise ConfigError(f"optim.schedule: {len(until)} epochs in 'until' need {len(until) + 1} 'factors'")
    return factors[bisect_right([int(bound * epoch) for bound in until], step)]


def linear(step: int, steps: int, epoch: int, hold: float = 0.0, floor: float = 0.0) -> float:
    """1 for the share ``hold`` of the run, then straight down to ``floor``."""
    share = (step / max(1, steps) - hold) / max(1e-9, 1 - hold)
    return 1 - (1 - floor) * min(1.0, max(0.0, share))


def _warmed(step: int, epoch: int, warmup_epochs: float, start: float) -> float:
    warm = warmup_epochs * epoch
    return start + (1 - start) * (step + 1) / warm if step + 1 < warm else 1.0


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "cosine": cosine,
    "step": step_decay,
    "levels": levels,
    "linear": linear,
}
