"""Pictures per second of each detector in training and in prediction, against DeepfakeBench's recipe.

``python -m benchmarks.steps`` measures tiny networks on the CPU, in pictures per CPU second of one thread;
``--device cuda --size full`` the real ones on a GPU, in pictures per second of the clock, with the memory they take.

``incumbent``: float32, eager, channels first, Adam as it comes. ``ours``: what ``train.py`` does on this device;
``bf16`` and ``compiled``: that with one thing more. Batches lie on the device already, but for ``fed``: there they come
out of an LMDB through the loaders of either side. ``fed / ours`` is the share of its speed that a network keeps.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import torch

from benchmarks.fed import Fed
from benchmarks.machine import describe
from benchmarks.synthetic import CLASSES, Subject, batch_of, frames_of
from training.core.cli import add_debug, run_entry
from training.core.errors import BenchError
from training.core.paths import ROOT, atomic, shown
from training.core.types import Batch
from training.detectors.base import Detector
from training.engine.compiling import compile_networks
from training.engine.prepare import pick_device, pick_precision
from training.engine.update import Update

RESULTS = ROOT / "benchmarks" / "results"
TARGETS = ("xception", "efficientnetb4", "gend")
"""Those that issue and paper plan are about: two convolutional networks, CLIP ViT-L/14 with tuned layer norms."""
USUAL = (*TARGETS, "meso4", "resnet34", "f3net", "srm", "ucf", "recce", "clip", "clip_freq", "effort", "tall", "i3d")
WARM = 2
ENOUGH = 1_000_000
"""Steps of a run so long that compiling pays."""

Rates = dict[str, Any]


def main(argv: list[str]) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", nargs="+", metavar="NAME", help="(cpu: some of all kinds, cuda: the targets)")
    parser.add_argument("--device", default="cpu", help="(cpu)")
    parser.add_argument("--size", default="tiny", choices=("tiny", "full"), help="of the networks (tiny)")
    parser.add_argument("--batch", type=int, help="pictures or clips per batch (8 on a CPU, 64 on a GPU)")
    parser.add_argument("--seconds", type=float, default=2.0, help="to spend on each figure at least (2)")
    parser.add_argument("--workers", type=int, default=2, help="loader processes of the fed figures (2)")
    parser.add_argument("--faces", type=int, default=512, help="of the fed figures (512); 0: none of these")
    parser.add_argument("--output", type=Path, help="(benchmarks/results/steps_<device>.json)")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    device = pick_device(arguments.device)
    cv2.setNumThreads(1)
    if device.type == "cpu":
        torch.set_num_threads(1)
    names = arguments.detectors or (USUAL if device.type == "cpu" else TARGETS)
    rows: dict[str, Rates] = {}
    result = {"machine": _machine(device), "size": arguments.size, "detectors": rows}
    with tempfile.TemporaryDirectory() as folder:
        fed = Fed(arguments.faces, arguments.workers, Path(folder)) if arguments.faces else None
        for name in names:
            bench = Bench(Subject(name, arguments.size), device, arguments.batch, arguments.seconds)
            rows[name] = bench.measure(fed)
            print(line(name, rows[name]), flush=True)
    output = arguments.output or RESULTS / f"steps_{device.type}.json"
    with atomic(output) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    print(shown(output))


class Bench:
    """One detector on one device."""

    def __init__(self, subject: Subject, device: torch.device, batch: int | None, seconds: float) -> None:
        self.subject, self.device, self.seconds = subject, device, seconds
        self.cfg = subject.config()
        self.frames = frames_of(self.cfg)
        self.rows = batch or ((8 if device.type == "cpu" else 64) // (4 if self.frames else 1))
        self.precision = pick_precision(self.cfg.precision, device)

    def measure(self, fed: Fed | None) -> Rates:
        """Pictures per second by what is done and how; or why not."""
        try:
            found = {"batch": self.rows, "frames": self.frames, "train": self._train(), "test": self._test()}
            if fed is not None and self.subject.name in TARGETS:
                found["fed"] = self._fed(fed)
        except BenchError as error:
            return {"not measured": str(error)}
        return found

    def _train(self) -> Rates:
        ways = {"incumbent": self._incumbent_step, "ours": self._step()}
        if self.device.type == "cpu":
            ways["bf16"] = self._step(torch.bfloat16)
        else:
            ways["compiled"] = self._step(self.precision, compiled=True)
        return {way: self._rate(make) for way, make in ways.items()}

    def _test(self) -> Rates:
        return {"incumbent": self._rate(self._incumbent_prediction), "ours": self._rate(self._prediction)}

    def _incumbent_step(self) -> Callable[[], object]:
        detector = self.subject.detector(self.cfg, self.device).train()
        batch = _contiguous(batch_of(self.cfg, self.rows, self.device, self.frames))
        rule = torch.optim.Adam([p for p in detector.parameters() if p.requires_grad], 2e-4, weight_decay=5e-4)

        def step() -> None:
            rule.zero_grad()
            detector.loss(batch).total.backward()
            rule.step()

        return step

    def _step(self, precision: torch.dtype | None = None, compiled: bool = False) -> Callable[[], Callable[[], object]]:
        def make() -> Callable[[], object]:
            detector, update = self._trained(precision or self.precision)
            if compiled:
                compile_networks(detector, "always", self.device, ENOUGH)
            batch = batch_of(self.cfg, self.rows, self.device, self.frames)
            return lambda: detector.training_step(batch, update)

        return make

    def _trained(self, precision: torch.dtype | None) -> tuple[Detector, Update]:
        detector = self.subject.detector(self.cfg, self.device).train()
        update = Update(detector, self.cfg.optim, self.subject.name, precision)
        update.begin(1, ENOUGH, ENOUGH, self.rows)
        return detector, update

    def _incumbent_prediction(self) -> Callable[[], object]:
        detector = self.subject.detector(self.cfg, self.device).eval()
        batch = _contiguous(batch_of(self.cfg, self.rows, self.device, self.frames))
        return torch.no_grad()(lambda: detector.predict(batch).fake_prob.cpu())

    def _prediction(self) -> Callable[[], object]:
        detector = self.subject.detector(self.cfg, self.device).eval()
        batch = batch_of(self.cfg, self.rows, self.device, self.frames)

        def predict() -> None:
            with torch.autocast(self.device.type, self.precision, enabled=self.precision is not None):
                detector.predict(batch).fake_prob.double().cpu()

        return torch.inference_mode()(predict)

    def _fed(self, fed: Fed) -> Rates:
        """Through the loaders: ours, and the incumbent's with its step."""
        rest = (self.cfg, self.device, self.rows)
        detector, update = self._trained(self.precision)
        theirs, tested = (self.subject.detector(self.cfg, self.device) for _ in range(2))
        return {
            "train": fed.training(detector, update, CLASSES, *rest),
            "incumbent_train": fed.incumbent_training(theirs, *rest),
            "test": fed.testing(tested, self.precision, CLASSES, *rest),
            "incumbent_test": fed.incumbent_testing(tested, *rest),
        }

    def _rate(self, make: Callable[[], Callable[[], object]]) -> dict[str, float]:
        """Pictures per second, and on a GPU the most memory it took."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        step = make()
        took = sorted(_durations(step, self.device, self.seconds))
        found = {"pictures_per_second": round(self.rows * (self.frames or 1) / took[len(took) // 4], 2)}
        if self.device.type == "cuda":
            found["peak_mib"] = round(torch.cuda.max_memory_allocated(self.device) / 2**20)
        return found


def _durations(step: Callable[[], object], device: torch.device, seconds: float) -> Iterator[float]:
    """Of each step after some that warm up: CPU seconds, or seconds of the clock on a GPU."""
    for _ in range(WARM):
        step()
    now = time.process_time if device.type == "cpu" else time.perf_counter
    begin = now()
    while now() - begin < seconds:
        start = now()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        yield now() - start


def _contiguous(batch: Batch) -> Batch:
    batch.image = batch.image.contiguous(memory_format=torch.contiguous_format)
    return batch


def _machine(device: torch.device) -> dict[str, Any]:
    found = describe("torch", "torchvision", "timm", "open_clip_torch")
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def line(name: str, found: Rates) -> str:
    """One detector's figures."""
    if "not measured" in found:
        return f"{name}: not measured ({found['not measured']})"
    parts = []
    for what in ("train", "test"):
        base = found[what]["incumbent"]["pictures_per_second"]
        for way, rate in found[what].items():
            value = rate["pictures_per_second"]
            parts.append(f"{what} {way} {value:.1f}" + (f" ({value / base:.2f}x)" if way != "incumbent" else ""))
    for what, value in found.get("fed", {}).items():
        best = found[what.removeprefix("incumbent_")]["ours"]["pictures_per_second"]
        parts.append(f"fed {what} {value:.1f} ({value / best:.2f} of ours)")
    return f"{name}: " + ", ".join(parts)


if __name__ == "__main__":
    run_entry(main)
