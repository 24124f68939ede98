"""How many training frames a core loads, against DeepfakeBench's way of doing it, and where the time goes.

``python -m benchmarks.loading`` stores the same faces as PNG for :mod:`benchmarks.incumbent_loading` and as our LMDBs
hold them, and reads them in random order. ``workers`` augments in the loader and normalizes on the CPU, as a run
without a GPU does; ``device`` leaves both to the GPU, whose part is measured too (on ``--device``). Frames per CPU
second, so that a busy machine matters little: of the loading alone, and with the loader processes of a whole run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch

from benchmarks import incumbent_loading as incumbent
from benchmarks.faces import faces, stored
from benchmarks.machine import describe
from benchmarks.timing import profiled, seconds, with_children
from preprocessing.codecs import IN_LMDB
from preprocessing.store import Lmdb
from training.core.cli import add_debug, run_entry
from training.core.paths import ROOT, atomic, shown
from training.core.schema import AugmentConfig
from training.core.types import Batch
from training.data.recipe import Batches, Corpus
from training.data.recipes.frames import Frames
from training.data.transforms import Transform
from training.engine.prepare import Prepare, pick_device

RESULT = ROOT / "benchmarks" / "results" / "loading.json"
BATCH, TIMES = 32, 8
"""Frames of a batch; how often a whole run reads each face, in one epoch."""
HALF = (0.5, 0.5, 0.5)
LEARNING = ("incumbent", "workers", "device", "device_lz4")
TESTING = ("incumbent_test", "test")
WAYS = (*LEARNING, *TESTING)
STEPS = {
    "incumbent_loading": {
        "decoded": "decode", "swapped": "swap, resize, Pillow", "resized": "swap, resize, Pillow",
        "through_pillow": "swap, resize, Pillow", "augment": "augment", "to_tensor": "to float",
        "normalized": "to float",
    },
    "store": {"get": "read"},
    "codecs": {"decode": "decode"},
    "transforms": {"apply": "augment", "deferred": "draw numbers"},
    "types": {"collate": "collate"},
    "prepare": {"normalize": "to float"},
}  # fmt: skip


def main(argv: list[str]) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, help="folder of pictures, in place of those filmed here")
    parser.add_argument("--count", type=int, default=512, help="faces to store (512)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (3)")
    parser.add_argument("--workers", type=int, default=2, help="loader processes of the whole runs (2)")
    parser.add_argument("--device", default="auto", help="where batches go (auto)")
    parser.add_argument("--output", type=Path, default=RESULT)
    add_debug(parser)
    arguments = parser.parse_args(argv)
    device = pick_device(arguments.device)
    machine = describe("torch", "opencv-python-headless", "qoi", "imagecodecs", "lmdb")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = Benchmark(arguments.faces, arguments.count, Path(folder))
        result = {"machine": machine, "faces": arguments.count, "codec": IN_LMDB, **found.measure(arguments.rounds)}
        result["runs"] = found.runs(arguments.workers)
        result["device"] = found.device(device)
    with atomic(arguments.output) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    print(report(result))
    print(shown(arguments.output))


class Benchmark:
    """Faces in an LMDB per codec, and each way's batches of them."""

    def __init__(self, folder: Path | None, count: int, home: Path) -> None:
        pictures = faces(folder, count)
        self.stores = {codec: stored(pictures, codec, home / codec) for codec in ("png", IN_LMDB, "lz4")}
        self.roots = {codec: home / codec for codec in self.stores}
        self.count = len(pictures)
        self.cpu = Prepare(HALF, HALF, torch.device("cpu"))

    def batches(self, way: str, workers: int, times: int = 1) -> Callable[[int], Iterable[Any]]:
        """``batches(epoch)``, in which each face comes some ``times``."""
        if way.startswith("incumbent"):
            records, lmdb = times * self.stores["png"][0], Lmdb(self.roots["png"])
            theirs = incumbent.loader(records, lmdb, BATCH, workers, augmented=way == "incumbent")
            return lambda epoch: theirs  # noqa: ARG005 - it shuffles by itself
        records, source = self.stores["lz4" if way == "device_lz4" else IN_LMDB]
        learning = way in LEARNING
        transform = Transform(incumbent.SIZE, AugmentConfig() if learning else None)
        corpus = Corpus(times * records, source, transform, training=learning, put_off=way.startswith("device"))
        return Batches(Frames(corpus), BATCH, workers, learning)

    def load(self, way: str, batches: Callable[[int], Iterable[Any]]) -> None:
        """All frames of an epoch, as far as a CPU takes them."""
        for batch in batches(0):
            if way == "workers":
                self.cpu(batch)
            elif way == "test":
                self.cpu(batch.batch)

    def measure(self, rounds: int) -> dict[str, Any]:
        """Per way frames per CPU second in one process, and milliseconds per frame of each step."""
        work = {way: partial(self.load, way, self.batches(way, 0)) for way in WAYS}
        best = {way: min(seconds(function) for _ in range(rounds)) for way, function in work.items()}
        spent = {way: profiled(function, STEPS)[1] for way, function in work.items()}
        rates = {way: round(self.count / took, 1) for way, took in best.items()}
        return {
            "frames_per_cpu_second": rates,
            "times_faster": _ratios(rates),
            "milliseconds": {
                way: {step: round(took / self.count * 1e3, 3) for step, took in steps.items()}
                for way, steps in spent.items()
            },
        }

    def runs(self, workers: int) -> dict[str, Any]:
        """Per way frames per second of an epoch with loader processes: of the clock, and of all their CPU time."""
        rates: dict[str, dict[str, float]] = {"clock": {}, "cpu": {}}
        for way in LEARNING:
            start = time.perf_counter()
            cpu = with_children(lambda way=way: self._run(way, workers))
            rates["clock"][way] = round(TIMES * self.count / (time.perf_counter() - start), 1)
            rates["cpu"][way] = round(TIMES * self.count / cpu, 1)
        return {"workers": workers, "frames": TIMES * self.count, **rates, "times_faster": _ratios(rates["cpu"])}

    def _run(self, way: str, workers: int) -> None:
        """The loader ends with this call, and with it its processes."""
        self.load(way, self.batches(way, workers, TIMES))

    def device(self, device: torch.device) -> dict[str, Any]:
        """Milliseconds per frame that ``device`` takes to normalize a batch, and to augment it too."""
        batches: dict[str, Batch] = {way: next(iter(self.batches(way, 0)(0))) for way in ("workers", "device")}
        prepare = Prepare(HALF, HALF, device)
        took = {}
        for what, way in (("normalize", "workers"), ("augment and normalize", "device")):
            prepare(batches[way])
            took[what] = round(min(_clock(partial(prepare, batches[way]), device) for _ in range(5)) / BATCH * 1e3, 4)
        return {"name": str(device), "milliseconds": took}


def _ratios(rates: dict[str, float]) -> dict[str, float]:
    measure = {way: "incumbent_test" if way in TESTING else "incumbent" for way in rates}
    return {way: round(rate / rates[measure[way]], 2) for way, rate in rates.items()}


def _clock(function: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def report(result: dict[str, Any]) -> str:
    """All of it as text."""
    lines = [f"{'':16}{'frames per CPU s':>18}{'':>8}   milliseconds per frame"]
    for way, rate in result["frames_per_cpu_second"].items():
        steps = ", ".join(f"{step} {took:.2f}" for step, took in result["milliseconds"][way].items())
        lines.append(f"{way:16}{rate:18.0f}{result['times_faster'][way]:7.2f}x   {steps}")
    runs = result["runs"]
    for way, rate in runs["cpu"].items():
        lines.append(
            f"{runs['frames']} frames by {runs['workers']} processes, {way}: {rate:.0f} per CPU second "
            f"({runs['times_faster'][way]:.2f}x), {runs['clock'][way]:.0f} per second of the clock"
        )
    took = ", ".join(f"{what} {value:.3f}" for what, value in result["device"]["milliseconds"].items())
    lines.append(f"what is left to the device ({result['device']['name']}), milliseconds per frame: {took}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_entry(main)
