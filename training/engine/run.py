"""A training run's folder: logs, curves, checkpoints, and what is needed to continue after a stop or a kill."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import yaml
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from training.core.errors import BenchError, ContractError
from training.core.paths import atomic, shown
from training.core.schema import LogConfig
from training.core.types import Batch, Losses
from training.data.recipe import Batches
from training.detectors.base import Detector, Progress
from training.engine import checkpoint, distributed
from training.engine.evaluate import is_better
from training.engine.trainer import Position
from training.engine.update import Update
from training.networks.weights import load_strict

STATE, BEST, LAST = "state.pt", "best.safetensors", "last.safetensors"


class Stopped(BenchError):  # noqa: N818 - nothing went wrong
    """The run was asked to stop and has saved its state. Not a failure."""

    exit_code = 0


def new_folder(runs: Path, detector: str) -> Path:
    """A fresh ``runs/<detector>/<time>`` that all processes agree on."""
    name = time.strftime("%Y-%m-%d_%H-%M-%S")
    folder = runs / detector / name
    for number in range(2, 1000):
        if not folder.exists():
            break
        folder = runs / detector / f"{name}_{number}"
    return Path(distributed.agreed(str(folder)))


class RunFolder:
    """Implements :class:`training.engine.trainer.Run` in one folder; only rank 0 writes."""

    def __init__(
        self, folder: Path, detector: Detector, update: Update, card: checkpoint.Card, log: LogConfig, monitor: str
    ) -> None:
        self.folder, self.detector, self.update, self.card = folder, detector, update, card
        self.every, self.save_every, self.save_ckpt = log.every, log.save_every, log.save_ckpt
        self.monitor, self.best = monitor, math.nan
        self.position = Position()
        self.writes = distributed.rank() == 0
        self._pending: dict[str, Any] | None = None
        self._stop: int | None = None
        self._stopping = self._due = False
        self._draws = 0
        self._bar: tqdm | None = None
        if self.writes:
            self._open()

    def resume(self, batches: Batches) -> None:
        """Continue where the folder's state stands; from the first step when it was killed before it saved any.

        With another number of processes, or other batches, steps are counted anew and as many draws left out.

        Raises:
            WeightsError: the state is damaged.
        """
        if not (self.folder / STATE).exists():
            if self.writes:
                self._cut_log()
            return
        self._pending = checkpoint.load_state(self.folder / STATE)
        self.position = Position(**self._pending["position"])
        self.best = self._pending["best"]
        if self.writes:
            self._cut_log()
        if self._pending.get("draws", batches.draws) != batches.draws:
            self.position.within = self.position.within * self._pending["draws"] // batches.draws
            self.position.step = self.position.epoch * batches.steps() + self.position.within

    def enter_epoch(self) -> None:
        """Restore the saved state, the first time after :meth:`resume`."""
        if self._pending is None:
            return
        state, self._pending = self._pending, None
        load_strict(self.detector, state["detector"], shown(self.folder / STATE))
        self.update.load_state_dict(state["update"])
        kept = state["rng"] if isinstance(state["rng"], list) else [[state["rng"]]]  # older states: of one process
        if distributed.rank() < len(kept):
            _set_randomness(kept[distributed.rank()])

    def watch(self, batches: Batches, progress: Progress, skip: int) -> Iterator[Batch]:
        """The epoch's batches behind a progress bar."""
        self._draws = batches.draws
        title = f"epoch {progress.epoch + 1}/{progress.epochs}"
        steps = batches.steps(progress.epoch)
        self._bar = tqdm(total=steps, initial=skip, desc=title, unit="step", disable=not self.writes)
        with self._bar:
            yield from batches(progress.epoch, skip)

    def stepped(self, update: Update, losses: Losses) -> None:
        """Log every few steps, save now and then, and stop when a signal asked for it.

        Raises:
            Stopped: after saving.
        """
        self.position.step += 1
        self.position.within += 1
        if self._bar is not None:
            self._bar.update()
        if self.position.step % self.every == 0 or self.position.step == 1:
            self._log_step(update, losses)
        self._stopping = self._stopping or self._stop_asked()
        self._due = self._due or self._stopping or self.position.step % self.save_every == 0
        if self._due and not update.pending:  # gradients that are held are in no saved state
            self._save_state()
            self._due = False
        if self._stopping and not self._due:
            raise Stopped(f"stopped at step {self.position.step}; continue with --resume {shown(self.folder)}")

    def epoch_done(self, metrics: dict[str, float | None]) -> None:
        """Log the validation, save the state, and the weights as last and, when they are, as best."""
        self.position.epoch += 1
        self.position.within = 0
        self.card.epoch, self.card.step, self.card.metrics = self.position.epoch, self.position.step, metrics
        value = metrics.get(self.monitor)
        improved = value is None or self._better(value)
        if value is not None and improved:
            self.best = value
        if self.writes:
            self._record(metrics, improved)
        self._save_state()

    def _record(self, metrics: dict[str, float | None], improved: bool) -> None:
        self._check_finite()
        self._append({"step": self.position.step, "epoch": self.position.epoch, "val": metrics})
        for name, number in metrics.items():
            if number is not None:
                self._board.add_scalar(f"val/{name}", number, self.position.step)
        if self.save_ckpt:
            checkpoint.save_weights(self.folder / LAST, self.detector, self.card)
            if improved:
                checkpoint.save_weights(self.folder / BEST, self.detector, self.card)

    def listen(self) -> None:
        """From now on Ctrl-C and SIGTERM save before they stop."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)

    def close(self) -> None:
        """Flush the curves and give the signals back."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
        if self.writes:
            self._board.close()

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signature of a handler
        self._stop = number

    def _stop_asked(self) -> bool:
        if distributed.world() == 1:
            return self._stop is not None
        # All processes must stop at the same step, or the others would wait for this one forever.
        return self.position.step % self.every == 0 and any(distributed.gather(self._stop is not None))

    def _better(self, value: float) -> bool:
        return is_better(self.monitor, value, None if math.isnan(self.best) else self.best)

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic(self.folder / "config.yaml") as temporary:
            temporary.write_text(yaml.safe_dump(self.card.config, sort_keys=False))
        with atomic(self.folder / "environment.json") as temporary:
            temporary.write_text(json.dumps(self.card.environment, indent=1) + "\n")
        self._board = SummaryWriter(self.folder / "tensorboard")

    def _log_step(self, update: Update, losses: Losses) -> None:
        total = float(distributed.mean(losses.total.detach(), 1))
        if not self.writes:
            return
        parts = {k: float(v.detach()) for k, v in losses.parts.items()}
        row = {"step": self.position.step, "epoch": self.position.epoch, "lr": update.lr, "loss": total, "parts": parts}
        self._append(row)
        self._board.add_scalar("train/loss", total, self.position.step)
        self._board.add_scalar("train/lr", update.lr, self.position.step)
        for name, value in parts.items():
            self._board.add_scalar(f"train/{name}", value, self.position.step)
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{total:.4f}", refresh=False)

    def _append(self, row: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def _cut_log(self) -> None:
        """Drop rows written after the state that is resumed from: those steps will be taken again."""
        log = self.folder / "log.jsonl"
        if log.is_file():
            kept = [line for line in log.read_text().splitlines() if self._is_past(line)]
            with atomic(log) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in kept))

    def _is_past(self, line: str) -> bool:
        try:
            row = json.loads(line)
        except ValueError:
            return False  # cut off by a kill
        # A state within an epoch was saved before that epoch was validated.
        repeated = "val" in row and self.position.within > 0
        return row["step"] < self.position.step + (not repeated)

    def _check_finite(self) -> None:
        """A step may spoil the weights before any loss shows it; what was saved before must not be replaced by that.

        Raises:
            ContractError: some parameter is not finite.
        """
        bad = [name for name, value in self.detector.named_parameters() if not torch.isfinite(value).all()]
        if bad:
            raise ContractError(
                f"step {self.position.step}: {len(bad)} parameters are not finite ({', '.join(bad[:3])}); try a lower "
                "learning rate or optim.clip_norm; the last good checkpoint is kept"
            )

    def _save_state(self) -> None:
        """Called by all processes, since each draws its own dropout."""
        self.update.finite.settle()
        if not self.save_ckpt:
            return
        randomness = distributed.gather(_randomness())
        if not self.writes:
            return
        self._check_finite()
        state = {
            "detector": checkpoint.to_cpu(self.detector.state_dict()),
            "update": self.update.state_dict(),
            "position": vars(self.position).copy(),
            "best": self.best,
            "draws": self._draws,
            "rng": randomness,
        }
        checkpoint.save_state(self.folder / STATE, state)


def _randomness() -> list[torch.Tensor]:
    """The state of this process's generators: the CPU's, and its GPU's where it has one."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if torch.cuda.is_available() else [])]


def _set_randomness(states: list[torch.Tensor]) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1 and torch.cuda.is_available():
        torch.cuda.set_rng_state(states[1])
