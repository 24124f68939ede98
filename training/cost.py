"""What a trained detector costs: how many parameters it has, how many of them learn, how much it computes, how fast.

``test.py --cost`` and ``ablation.py`` measure it and leave ``cost.json``; ``python -m analysis.figures.cost`` draws it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from training.assembly import network_input, prepare_of
from training.core.registry import RECIPES
from training.core.types import Batch, Identity
from training.data.runs import Shape
from training.data.select import Selected
from training.detectors.base import Detector
from training.engine import distributed
from training.engine.environment import describe
from training.engine.prepare import pick_device, pick_precision
from training.engine.results import COST, write_json
from training.loading import Trained

PASSES = 5


@dataclass(frozen=True)
class Cost:
    """What ``test.py --cost`` asks for."""

    trained: Trained

    def measure(self, chosen: list[Selected], folder: Path, device: torch.device) -> None:  # noqa: ARG002 - as others
        """Write ``cost.json`` into the results ``folder``; the process that writes does it."""
        if distributed.rank() == 0:
            write_json(folder / COST, cost_of(self.trained))


@torch.inference_mode()
def cost_of(trained: Trained) -> dict[str, Any]:
    """Counts of parameters and operations, and frames per second in prediction: the median of some passes over a batch.

    The pictures are there already; reading them is not timed.
    """
    cfg, detector = trained.cfg, trained.detector
    device = pick_device(cfg.device)
    precision = pick_precision(cfg.precision, device)
    batch = prepare_of(cfg, device)(_batch(trained))
    detector.to(device).eval()
    seconds = []
    for _ in range(1 + PASSES):
        start = _now(device)
        with torch.autocast(device.type, precision, enabled=precision is not None):
            detector.predict(batch)
        seconds.append(_now(device) - start)
    frames = batch.image.shape[:-3].numel()
    return {
        "parameters": sum(p.numel() for p in detector.parameters()),
        "learning": sum(p.numel() for p in detector.parameters() if p.requires_grad),
        "flops_per_frame": operations(detector, batch) / frames,
        "frames_per_second": frames / median(seconds[1:]),
        "batch": len(batch),
        "device": describe(device=device)["device"],
    }


def operations(detector: Detector, batch: Batch) -> int:
    """Floating-point operations of a prediction: those of convolutions, matrix products and attention.

    A multiplication and an addition are two. Others (norms, activations, Fourier transforms) are not counted.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the counter does not know its one kernel
    try:
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            detector.predict(batch)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return counter.get_total_flops()


def _batch(trained: Trained) -> Batch:
    """Gray pictures, or clips of them, as many as a test batch has."""
    data = trained.cfg.data
    side, rows = network_input(trained.cfg).resolution, data.batch_size_test
    length = (data.recipe.params.get("length", Shape.length),) if RECIPES.get(data.recipe.name).neighbors else ()
    image = torch.full((rows, *length, 3, side, side), 128, dtype=torch.uint8)
    label = torch.zeros(rows, dtype=torch.int64)
    return Batch(image, label, label, label == 0, label, [Identity("", "", row) for row in range(rows)])


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
