"""Every detector learns: steps of its own optimizer on one batch of its own recipe lower its loss.

Batch and randomness (dropout, noise, erasing) are the same in every pass, so that what moves the loss is learning; SAM
would otherwise learn from its second pass alone what the loss of the first does not show.
Adversarial methods are judged by the detector's part.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.contract.test_detectors import parts_of
from training.core.registry import DETECTORS
from training.core.types import Losses
from training.detectors.base import LossFn, Progress
from training.engine.update import Update

STEPS, ENDS = 30, 5


def losses_on_one_batch(name: str, toy: Path) -> list[float]:
    """The main loss of each step, in mid-run: some methods hold a part back in their first epoch."""
    cfg, detector, batch = parts_of(name, toy)
    update = Update(detector, cfg.optim, name)
    seen: list[float] = []

    def noted(loss_fn: LossFn, *groups: str) -> Losses:
        losses = update(repeatably(loss_fn), *groups)
        if "main" in (groups or ("main",)):
            seen.append(losses.total.item())
        return losses

    detector.train()
    detector.on_epoch_start(Progress(cfg.epochs // 2, cfg.epochs))
    for step in range(STEPS):
        update.begin(step, STEPS, epoch=STEPS, rows=len(batch))
        detector.training_step(batch, noted)
    return seen


def repeatably(loss_fn: LossFn) -> LossFn:
    """``loss_fn`` with the same random draws in each call."""

    def seeded() -> Losses:
        torch.manual_seed(0)
        return loss_fn()

    return seeded


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS.names())
def test_steps_on_one_batch_lower_its_loss(name: str, toy: Path) -> None:
    seen = losses_on_one_batch(name, toy)
    first, last = sum(seen[:ENDS]) / ENDS, sum(seen[-ENDS:]) / ENDS
    assert last < first, f"{first:.4f} -> {last:.4f}: {[round(v, 4) for v in seen]}"
