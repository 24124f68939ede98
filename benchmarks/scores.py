"""How long ``python -m analysis.statistics`` takes and how much memory it needs, for a million frame scores by default.

``python -m benchmarks.scores`` draws scores of two runs that differ in their seed on two test sets (32 frames per
video, four methods, two compressions, groups, frames without a face, a source's threshold and temperature), runs the
command on their files as a process of its own, with 1,000 resamples of videos at both levels, and writes
``benchmarks/results/scores.json``. What was measured with another number of scores stays in that file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.machine import describe
from training.core.cli import add_debug, run_entry
from training.core.coverage import Faceless, faceless_path, write_faceless
from training.core.paths import ROOT, atomic, shown
from training.engine.evaluators.calibration import fitted
from training.engine.evaluators.settings import Settings
from training.engine.results import CONFIG, METRICS, Scores, scores_path, write_json

RESULT = ROOT / "benchmarks" / "results" / "scores.json"
METHODS = ("real", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
SETS = ("FaceForensics++", "Celeb-DF-v2")
SEEDS = (1, 2)
FRAMES = 32
"""Per video."""
SECONDS, MEBIBYTES = 30, 2048
"""What a million scores with 1,000 resamples may take."""
PROGRAM = """
import sys
from analysis.statistics import main
from benchmarks.machine import peak_mib
main(sys.argv[1:])
print(peak_mib())
"""


def main(argv: list[str]) -> int:
    """Measure, print and write; 1 when a million scores take more than they may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", type=int, default=1_000_000, metavar="N", help="frame scores of all runs and sets")
    parser.add_argument("--resamples", type=int, default=1000, metavar="N", help="(1000)")
    parser.add_argument("--output", type=Path, default=RESULT)
    add_debug(parser)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        written = draw(Path(folder), args.scores)
        found = {"scores": written, "resamples": args.resamples, **measure(Path(folder), args.resamples)}
    found["machine"] = describe("numpy", "scipy")
    known = json.loads(args.output.read_text()) if args.output.is_file() else []
    kept = [one for one in known if (one["scores"], one["resamples"]) != (written, args.resamples)]
    with atomic(args.output) as temporary:
        temporary.write_text(json.dumps(sorted([*kept, found], key=lambda one: one["scores"]), indent=1) + "\n")
    print(f"{written:,} frame scores, {args.resamples:,} resamples, everything: {found['seconds']:.1f} s")
    print(f"({found['processor_seconds']:.1f} s of one processor), {found['peak_mib']} MiB; {shown(args.output)}")
    too_much = found["processor_seconds"] > SECONDS or found["peak_mib"] > MEBIBYTES
    return int(written <= 1_000_000 and too_much)


def draw(folder: Path, count: int) -> int:
    """Write the runs' files and a list of groups; how many scores there are."""
    videos, total = count // (FRAMES * len(SETS) * len(SEEDS)), 0
    for seed in SEEDS:
        run = folder / f"seed_{seed}"
        for number, name in enumerate(SETS):
            table = scores(name, videos, np.random.default_rng([seed, number]), 1.0 - 0.4 * number)
            table.save(scores_path(run, name))
            write_faceless(faceless_path(scores_path(run, name)), faceless(table))
            total += len(table)
        source = scores("validation", 500, np.random.default_rng([seed, len(SETS)]), 1.2)
        known = {"metrics": {"video/auc": {"value": None, "undefined": "not asked for"}}}
        tree = {"detector": "xception", "sets": dict.fromkeys(SETS, known)}
        write_json(run / METRICS, tree | {"calibration": fitted({"validation": source}, Settings())})
        (run / CONFIG).write_text(yaml.safe_dump({"detector": {"name": "xception"}, "seed": seed}))
    groups = (f"{source},{'fm'[number % 2]}\n" for number, source in enumerate(sorted(set(table.source))))
    (folder / "groups.csv").write_text("source,gender\n" + "".join(groups))
    return total


def scores(dataset: str, videos: int, rng: np.random.Generator, separation: float) -> Scores:
    """Scores whose videos differ by as much as the frames of one."""
    kind = np.arange(videos) % len(METHODS)
    level = np.array(["c23", "c40"], dtype=object)[np.arange(videos) // len(METHODS) % 2]
    method = np.array(METHODS, dtype=object)[kind]
    source = np.array([f"{number // len(METHODS):06d}" for number in range(videos)], dtype=object)
    path = method + "/" + level + "/" + source
    row = np.repeat(np.arange(videos), FRAMES)
    label = (kind > 0).astype(np.int64)[row]
    logit = separation * (2 * label - 1) + rng.normal(0, 1, videos)[row] + rng.normal(0, 1, len(row))
    return Scores(
        dataset=np.full(len(row), dataset, dtype=object),
        video=path[row],
        frame=np.tile(np.arange(FRAMES) * 10, videos),
        label=label,
        method=method[row],
        source=source[row],
        compression=level[row],
        fake_prob=1 / (1 + np.exp(-logit)),
    )


def faceless(table: Scores) -> list[Faceless]:
    """Every hundredth video has half as many frames without a face as with one."""
    facts = ("dataset", "video", "label", "method", "source", "compression")
    rows = range(0, len(table), 100 * FRAMES)
    return [Faceless(*(getattr(table, name)[row] for name in facts), FRAMES, FRAMES // 2) for row in rows]


def measure(folder: Path, resamples: int) -> dict[str, Any]:
    """Seconds and peak memory of the command with one thread."""
    words = [str(folder), "--resamples", str(resamples), "--groups", str(folder / "groups.csv")]
    words += ["--output", str(folder / "out")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    start = time.perf_counter()
    call = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(call, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": int(done.stdout.split()[-1]),
    }


if __name__ == "__main__":
    run_entry(main)
