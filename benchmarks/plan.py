"""An estimate: how long the full matrix takes, forty detectors trained on FaceForensics++ and tested on ten sets.

``python -m benchmarks.plan`` counts the operations of every detector at full size (no weights, no data, no device) and
divides them by what a GPU does in a second: as ``benchmarks/results/steps_cuda.json`` measured it for a convolutional
network and a transformer, or, where that file is missing, by assumed rates, which the table then says.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.steps import RESULTS
from benchmarks.synthetic import CLASSES, Subject, batch_of, frames_of
from training.assembly import build
from training.core.cli import add_debug, run_entry
from training.core.paths import atomic, shown
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.core.types import Task
from training.cost import operations

MEASURED = RESULTS / "steps_cuda.json"
FRAMES = 32
VIDEOS = {"real": 720, "fake": 4 * 720}
"""The training split of FaceForensics++."""
TESTS = {
    "FaceForensics++": 700, "FaceShifter": 280, "DeepFakeDetection": 3431, "DeeperForensics-1.0": 280, "DFDCP": 780,
    "DFDC": 5000, "Celeb-DF-v1": 100, "Celeb-DF-v2": 518, "Celeb-DF++": 5418, "UADFV": 98,
}  # fmt: skip
"""Videos of each test split."""
ASSUMED = {"convolutional": 25e12, "transformer": 200e12}
"""Operations per second of an H200 in training: a guess, far below the 989e12 of its data sheet (dense, bf16)."""
STANDS_FOR = {"convolutional": "xception", "transformer": "gend"}
TRANSFORMERS = ("vit", "swin", "former", "videomae", "clip")
"""What is in the names of their backbones."""
BACKWARD = 3
"""Operations of a training step per operation of a prediction."""
TOGETHER = 0.9
"""Share of their speed that GPUs keep together: a guess."""
GPUS = (1, 8, 64)


@dataclass(frozen=True)
class Job:
    """One detector's part of the matrix."""

    name: str
    kind: str
    per_picture: float
    trained: int
    """Pictures of the whole training, validation left out."""

    def hours(self, rates: dict[str, float]) -> tuple[float, float]:
        """Of training and of testing on one GPU."""
        tested = sum(TESTS.values()) * FRAMES
        seconds = self.per_picture / rates[self.kind]
        return BACKWARD * self.trained * seconds / 3600, tested * seconds / 3600


def main(argv: list[str]) -> None:
    """Count, divide, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--price", type=float, default=3.0, help="dollars per GPU and hour, assumed (3)")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    found, missing = [], []
    for name in DETECTORS.names():
        if Task.DETECTION in DETECTORS.get(name).tasks:
            job = job_of(name)
            found, missing = ([*found, job], missing) if job else (found, [*missing, name])
    rates, source = rates_of()
    tree = {
        "estimate": True, "operations_per_second": rates, "from": source, "dollars_per_hour": arguments.price,
        "not_counted": missing, "table": table(found, rates, arguments.price),
        "detectors": {job.name: {"giga_operations_per_picture": round(job.per_picture / 1e9, 1), "kind": job.kind,
                                 "pictures_trained": job.trained, "hours": [round(h, 2) for h in job.hours(rates)]}
                      for job in found},
    }  # fmt: skip
    output = RESULTS / "plan.json"
    with atomic(output) as temporary:
        temporary.write_text(json.dumps(tree, indent=1) + "\n")
    print("\n".join(report(tree)))
    print(shown(output))


def job_of(name: str) -> Job | None:
    """What a detector computes per picture and how many it is trained on; None where it cannot be counted like this."""
    subject = Subject(name)
    cfg = subject.config()
    if cfg.backbone is not None and cfg.backbone.params.get("tune") == "svd":
        cfg = Subject(name, overrides=("backbone.tune=full",)).config()  # the decomposition would take minutes
    frames = frames_of(cfg)
    try:
        with torch.device("meta"):
            detector = build(cfg, CLASSES, ["a", "b"]).eval()
            count = operations(detector, batch_of(cfg, 1, torch.device("meta"), frames))
    except (RuntimeError, NotImplementedError):  # it looks at values, of which there are none
        return None
    name_of = cfg.backbone.name if cfg.backbone else ""
    kind = "transformer" if any(word in name_of for word in TRANSFORMERS) else "convolutional"
    return Job(name, kind, count / (frames or 1), pictures(cfg))


def pictures(cfg: Config) -> int:
    """How many a training sees, by its recipe; clips lie side by side, so that they see as many."""
    real, fake = (VIDEOS[kind] * min(FRAMES, cfg.data.frames_train or FRAMES) for kind in ("real", "fake"))
    made = ("self_blended", "face_xray", "inconsistency", "face_warp")
    by_recipe = {"pairs": 2 * fake, "grouped": 5 * VIDEOS["real"], **dict.fromkeys(made, 2 * real)}
    epoch = by_recipe.get(cfg.data.recipe.name, real + fake)
    return epoch * cfg.epochs


def rates_of() -> tuple[dict[str, float], str]:
    """Operations per second of training by kind of network, and where that is known from."""
    if not MEASURED.is_file():
        return ASSUMED, "assumed, not measured"
    tree = json.loads(MEASURED.read_text())
    rates = {}
    for kind, name in STANDS_FOR.items():
        ways = tree["detectors"][name]["train"]
        best = max(ways[way]["pictures_per_second"] for way in ways if way != "incumbent")
        rates[kind] = BACKWARD * best * job_of(name).per_picture
    return rates, f"{tree['machine']['gpu']}, {shown(MEASURED)}"


def table(jobs: list[Job], rates: dict[str, float], price: float) -> dict[str, dict[str, float]]:
    """Hours and dollars by number of GPUs; up to eight share one detector."""
    both = [sum(job.hours(rates)) for job in jobs]
    found = {}
    for count in GPUS:
        share = TOGETHER if count > 1 else 1
        hours = max(sum(both) / count / share, max(both) / min(count, 8) / share)
        found[str(count)] = {"hours": round(hours, 1), "dollars": round(hours * count * price)}
    return found


def report(tree: dict[str, Any]) -> Iterator[str]:
    """Markdown."""
    rates = ", ".join(f"{kind} {rate / 1e12:.0f}" for kind, rate in tree["operations_per_second"].items())
    yield f"Estimate. Rates in Tera operations per second: {rates} ({tree['from']})."
    yield f"{len(tree['detectors'])} detectors; not counted: {', '.join(tree['not_counted']) or 'none'}."
    yield f"\n| GPUs | hours | dollars at {tree['dollars_per_hour']:g} per GPU and hour |\n|---|---|---|"
    for count, row in tree["table"].items():
        yield f"| {count} | {row['hours']:g} | {row['dollars']:,} |"


if __name__ == "__main__":
    run_entry(main)
