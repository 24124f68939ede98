"""Does bf16 cost accuracy? Losses after some steps in float32 with several seeds, and in bf16 with the same ones.

``python -m benchmarks.precision --device cuda --size full`` trains on filmed faces, of which every other one is a
blurred fake, and exits with 1 when the mean loss of bf16's last steps is further from float32's than its seeds are from
each other.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import fmean

import cv2
import torch

from benchmarks.faces import Stored, faces, stored
from benchmarks.machine import describe
from benchmarks.steps import RESULTS
from benchmarks.synthetic import CLASSES, Subject
from preprocessing.codecs import IN_LMDB
from preprocessing.manifest import Record
from training.assembly import network_input, prepare_of
from training.core.cli import add_debug, run_entry
from training.core.paths import atomic, shown
from training.data.recipe import Batches, Corpus
from training.data.recipes.frames import Frames
from training.data.transforms import Transform
from training.engine.prepare import pick_device
from training.engine.update import Update

LAST = 20
"""Steps whose losses are averaged."""


def main(argv: list[str]) -> int:
    """Train, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", nargs="+", default=["xception"], metavar="NAME", help="(xception)")
    parser.add_argument("--device", default="cpu", help="(cpu)")
    parser.add_argument("--size", default="tiny", choices=("tiny", "full"), help="of the networks (tiny)")
    parser.add_argument("--batch", type=int, default=8, help="(8)")
    parser.add_argument("--steps", type=int, default=200, help="(200)")
    parser.add_argument("--seeds", type=int, default=3, help="(3)")
    parser.add_argument("--workers", type=int, default=0, help="loader processes (0)")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    device = pick_device(arguments.device)
    result = {"machine": describe("torch"), "steps": arguments.steps, "size": arguments.size, "detectors": {}}
    with tempfile.TemporaryDirectory() as folder:
        pictures = faces(None, 256)
        pictures[1::2] = [cv2.GaussianBlur(picture, (5, 5), 0) for picture in pictures[1::2]]
        records, source = stored(pictures, IN_LMDB, Path(folder))
        for name in arguments.detectors:
            result["detectors"][name] = {
                kind: [
                    last_loss(Subject(name, arguments.size), records, source, seed, precision, device, arguments)
                    for seed in range(arguments.seeds)
                ]
                for kind, precision in (("float32", None), ("bf16", torch.bfloat16))
            }
            print(f"{name}: {result['detectors'][name]}", flush=True)
    output = RESULTS / f"precision_{device.type}.json"
    with atomic(output) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    print(shown(output))
    return int(not all(_within(found) for found in result["detectors"].values()))


def last_loss(
    subject: Subject,
    records: list[Record],
    source: Stored,
    seed: int,
    precision: torch.dtype | None,
    device: torch.device,
    arguments: argparse.Namespace,
) -> float:
    """The mean loss of the last steps of one training."""
    cfg = subject.config()
    detector = subject.detector(cfg, device, seed).train()
    update, prepare = Update(detector, cfg.optim, subject.name, precision), prepare_of(cfg, device)
    corpus = Corpus(records, source, Transform(network_input(cfg).resolution), seed, CLASSES, training=True)
    batches, losses = Batches(Frames(corpus), arguments.batch, arguments.workers, True), []
    per_epoch = batches.steps()
    for step in range(arguments.steps):
        if step % per_epoch == 0:
            drawn = iter(batches(step // per_epoch))
        batch = prepare(next(drawn))
        update.begin(step, arguments.steps, per_epoch, len(batch))
        losses.append(float(detector.training_step(batch, update).total.detach()))
    return round(fmean(losses[-LAST:]), 5)


def _within(found: dict[str, list[float]]) -> bool:
    """Whether the means lie no further apart than float32's seeds, or than a hundredth."""
    spread = max(found["float32"]) - min(found["float32"])
    return abs(fmean(found["bf16"]) - fmean(found["float32"])) <= max(spread, 0.01)


if __name__ == "__main__":
    run_entry(main)
