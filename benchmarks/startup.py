"""How long it takes until something happens, and how much memory: the entries' help, the first step of training, runs.

``python -m benchmarks.startup`` starts each command as a process of its own, on filmed faces of 256 pixels: clock and
CPU seconds, the best of several rounds, and peak memory. Without a GPU, whatever the machine has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faces import faces
from benchmarks.machine import describe
from preprocessing.codecs import encode
from preprocessing.manifest import REAL, Frame, Manifest, Video
from preprocessing.store import rgb_root
from training.core.cli import add_debug, run_entry
from training.core.paths import ROOT, atomic, shown

RESULT = ROOT / "benchmarks" / "results" / "startup.json"
HELP, STEP = 1.0, 15.0
"""Seconds that ``--help`` and the first step may take."""
ENTRIES = (
    "training/train.py", "training/test.py", "training/predict.py", "preprocessing/preprocess.py",
    "preprocessing/rearrange.py", "preprocessing/to_lmdb.py", "preprocessing/check.py",
)  # fmt: skip
SPLITS = ("train", "val", "test")
DEMO = ["--detector_path", "clip_freq", "--protocol", "demo", "--set", "detector.head=arc"]
"""The demo's network, as ``make demo`` trains it."""


def main(argv: list[str]) -> int:
    """Measure, print and write; 1 when something takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (3)")
    parser.add_argument("--output", type=Path, default=RESULT)
    add_debug(parser)
    arguments = parser.parse_args(argv)
    result: dict[str, Any] = {"machine": describe("torch", "numpy"), "help": {}}
    for entry in ENTRIES:
        found = _best(lambda entry=entry: measured([entry, "--help"]), arguments.rounds)
        del found["peak_mib"]  # so small that it is that of this process
        result["help"][entry] = found
    with tempfile.TemporaryDirectory() as name:
        result |= runs(Path(name), arguments.rounds)
    with atomic(arguments.output) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    for what, found in {**result["help"], **{what: result[what] for what in ("first_step", "train", "test")}}.items():
        memory = f", {found['peak_mib']:5} MiB" if "peak_mib" in found else ""
        print(f"{what:32} {found['seconds']:7.2f} s, {found['cpu_seconds']:7.2f} s of CPU{memory}")
    print(shown(arguments.output))
    slow = max(found["seconds"] for found in result["help"].values()) > HELP
    return int(slow or result["first_step"]["seconds"] > STEP)


def runs(home: Path, rounds: int) -> dict[str, dict[str, float]]:
    """From the start to the first step; a whole run of 20 steps; a test of what it kept."""
    write_sets(home)
    places = ["--set", f"data.root={home}", "--set", f"data.manifests={home}", "--set", "device=cpu"]
    train = ["training/train.py", *DEMO, *places, "--set", "log.every=1", "--set", "epochs=20", "--output"]
    first = _best(lambda: measured([*train, tempfile.mkdtemp(dir=home) + "/run"], first_step), rounds)
    whole = measured([*train, f"{home}/run"])
    best = ["--weights_path", f"{home}/run/best.safetensors", "--test_dataset", "FaceForensics++"]
    return {
        "first_step": first,
        "train": whole,
        "test": measured(["training/test.py", *best, *places, "--output", f"{home}/test"]),
    }


def measured(words: list[str], until: Callable[[subprocess.Popen, Path], None] | None = None) -> dict[str, float]:
    """Seconds, CPU seconds and peak memory of a command, or of its beginning up to what ``until`` waits for.

    Raises:
        CalledProcessError: it fails.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=log, stderr=log)
        if until is not None:
            until(process, Path(words[-1]))
            took = time.perf_counter() - start
            process.terminate()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise subprocess.CalledProcessError(process.returncode, words, log.read())
    if until is None:
        took = time.perf_counter() - start
    cpu = used.ru_utime + used.ru_stime
    return {"seconds": round(took, 2), "cpu_seconds": round(cpu, 2), "peak_mib": used.ru_maxrss // 1024}


def first_step(process: subprocess.Popen, run: Path) -> None:
    """Wait until the log of ``run`` has its first line."""
    log = run / "log.jsonl"
    while process.poll() is None and not (log.is_file() and log.stat().st_size):
        time.sleep(0.01)


def write_sets(home: Path) -> None:
    """The demo's two sets below ``home``: four filmed videos of each split, every other one fake, 8 frames each."""
    pictures = faces(None, 4 * len(SPLITS) * 8)
    for name in ("FaceForensics++", "Celeb-DF-v2"):
        entries = []
        for number in range(4 * len(SPLITS)):
            method = (REAL, "Deepfakes")[number % 2]
            path, source = f"{method}/c23/{number // 2:03d}", f"{number // 2:03d}"
            video = Video(name, path, number % 2, method, source, SPLITS[number // 4], compression="c23")
            frames = []
            for i in range(8):
                image = f"frames/{path}/{i:05d}.png"
                file = rgb_root(home, name) / image
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(encode(pictures[8 * number + i], "png"))
                frames.append(Frame(frame=i, image=image))
            entries.append((video, frames))
        Manifest(name, entries, {"crop": {"size": 256}, "detector": "none: filmed"}).write(home / f"{name}.json")


def _best(function: Callable[[], dict[str, float]], rounds: int) -> dict[str, float]:
    return min((function() for _ in range(rounds)), key=lambda found: found["seconds"])


if __name__ == "__main__":
    run_entry(main)
