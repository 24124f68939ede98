"""The training loop. It knows batches, steps and epochs, and no method by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from training.core.types import Batch, Losses
from training.data.recipe import Batches
from training.detectors.base import Detector, Progress
from training.engine import distributed
from training.engine.update import Update


@dataclass
class Position:
    """Where training stands: the next step to take is ``step``, the ``within``-th of epoch ``epoch``."""

    epoch: int = 0
    within: int = 0
    step: int = 0


class Run(Protocol):
    """Where a run writes: logs, checkpoints, scores."""

    position: Position

    def enter_epoch(self) -> None:
        """After ``on_epoch_start``: when resuming, restore what was saved, in mid-epoch too."""

    def watch(self, batches: Batches, progress: Progress, skip: int) -> object:
        """The epoch's batches without the first ``skip``, behind a progress bar."""

    def stepped(self, update: Update, losses: Losses) -> None:
        """After a step: log, save now and then, stop when asked to."""

    def epoch_done(self, metrics: dict[str, float | None]) -> None:
        """After an epoch and its validation: log, save, remember the best."""


def fit(
    detector: Detector,
    batches: Batches,
    update: Update,
    prepare: Callable[[Batch], Batch],
    validate: Callable[[Detector], dict[str, float | None]],
    run: Run,
    epochs: int,
    max_steps: int | None = None,
) -> None:
    """Train from ``run.position`` to the end of epoch ``epochs``, or until ``max_steps`` steps are taken."""
    per_epoch = batches.steps()
    total = min(epochs * per_epoch, max_steps or epochs * per_epoch)
    while run.position.epoch < epochs and run.position.step < total:
        progress = Progress(run.position.epoch, epochs)
        detector.train()
        detector.on_epoch_start(progress)
        run.enter_epoch()
        for batch in run.watch(batches, progress, run.position.within):
            update.begin(run.position.step, total, per_epoch, len(batch))
            losses = detector.training_step(prepare(batch), update)
            run.stepped(update, losses)
            if run.position.step >= total:
                break
        update.finite.settle()
        distributed.add_up(detector, detector.added_up)
        distributed.share_statistics(detector)
        detector.on_epoch_end(progress)
        run.epoch_done(validate(detector))
