"""What it costs to cut the faces of a video, and whether they are the same, against DeepfakeBench's way of doing it.

``python -m benchmarks.preprocess`` films its own videos; ``--videos FOLDER`` takes yours. Each is done in turn by
:mod:`benchmarks.incumbent`, by ``preprocess.py --exact`` and by ``preprocess.py``, on one core. Figures are seconds of
CPU, so that a busy machine matters little; only those for one and two workers are wall time and want a quiet one.
Prints a table and where the time goes, and writes ``benchmarks/results/preprocess.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from tqdm import tqdm

from benchmarks import incumbent
from benchmarks.film import film
from benchmarks.machine import describe, peak_mib
from benchmarks.timing import profiled, seconds
from preprocessing.executors import Work, run
from preprocessing.faces.align import FIVE_POINTS, carry
from preprocessing.faces.models import LANDMARKS
from preprocessing.faces.video import VIDEO_SUFFIXES, open_media
from preprocessing.job import Task, models, process
from preprocessing.layouts.base import SourceVideo, files_below
from preprocessing.manifest import REAL, Frame, Video
from preprocessing.settings import Settings
from preprocessing.sidecar import Sidecar
from preprocessing.sinks import FolderSink
from training.core.cli import add_debug, run_entry
from training.core.errors import ConfigError
from training.core.paths import ROOT, atomic, shown

RESULT = ROOT / "benchmarks" / "results" / "preprocess.json"
SIZES = ((640, 480), (1920, 1080))
MODES = ("incumbent", "exact", "fast")
STEPS = {
    "incumbent": {
        "load": "load models", "decode": "decode", "first_pass": "find", "second_pass": "second pass",
        "landmarks": "landmarks", "align": "cut", "write": "write",
    },
    "video": {"read": "decode", "rgb": "cut"},
    "detect": {"__call__": "find", "confirm": "second pass"},
    "landmarks": {"finely": "landmarks"},
    "align": {"warp": "cut"},
    "codecs": {"encode": "write"},
    "sinks": {"put": "write"},
}  # fmt: skip
"""Module -> function -> the step that its time counts for. With --exact both passes are one function: ``find``."""
DFDC_VIDEOS, DFDC_FRAMES = 128_154, 300
"""DFDC (Dolhansky et al., 2020): its videos take 10 s, and almost all are 1920 x 1080."""
EYES = (slice(36, 42), slice(42, 48))

Row = dict[str, Any]


def main(argv: list[str]) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="folder of videos, in place of those filmed here")
    parser.add_argument("--rounds", type=int, default=2, help="of which the best counts")
    parser.add_argument(
        "--copies", type=int, default=24, help="how often the first video is done by one and two workers"
    )
    parser.add_argument("--output", type=Path, default=RESULT)
    add_debug(parser)
    arguments = parser.parse_args(argv)
    if arguments.copies < 3:
        parser.error(f"--copies {arguments.copies}: two workers are timed from their second video on; give 3 or more")
    machine = describe("dlib-bin", "opencv-python-headless", "av", "numpy")
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = _filmed(folder) if arguments.videos is None else files_below(arguments.videos, VIDEO_SUFFIXES)
        if not videos:
            raise ConfigError(f"--videos {arguments.videos}: holds no videos")
        rows = {video.name: measure(video, folder, arguments.rounds) for video in tqdm(videos, unit="video")}
        workers = [at_work(count, videos[0], folder, arguments.copies) for count in (1, 2)]
    result = {"machine": machine, "videos": rows, "workers": workers}
    if arguments.videos is None:
        result["dfdc_core_hours"] = {mode: dfdc(rows[videos[-1].name], mode) for mode in MODES}
    with atomic(arguments.output) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    print(report(result))
    print(shown(arguments.output))


def measure(video: Path, folder: Path, rounds: int) -> Row:
    """What each mode costs on ``video``, and how its faces compare with the incumbent's."""
    work: dict[str, Callable[[], Any]] = {
        "incumbent": lambda: incumbent.preprocess(video, LANDMARKS, _made(folder / "incumbent")),
        "exact": lambda: process(_task(video, "exact", folder / "exact")).note.frames,
        "fast": lambda: process(_task(video, "fast", folder / "fast")).note.frames,
    }
    faces, spent, cpu = {}, {}, {}
    for mode, function in work.items():
        if mode != "incumbent":
            models(Settings(detection=mode))  # loaded now, as by a worker for all its videos
        faces[mode], took = profiled(function, STEPS)
        spent[mode] = {step: round(value, 3) for step, value in took.items()}
        cpu[mode] = min(seconds(function) for _ in range(rounds))
    media = open_media(video)
    return {
        "frames": media.total,
        "size": [media.facts["width"], media.facts["height"]],
        "decode_all": round(min(seconds(lambda: _decode(video)) for _ in range(rounds)), 3),
        "cpu_seconds": {mode: round(value, 3) for mode, value in cpu.items()},
        "times_faster": {mode: round(cpu["incumbent"] / value, 2) for mode, value in cpu.items()},
        "steps": spent,
        "exact": same(faces["incumbent"], faces["exact"], folder / "exact"),
        "fast": alike(faces["incumbent"], faces["fast"], folder / "fast"),
    }


def same(theirs: dict[int, incumbent.Face], ours: list[Frame], root: Path) -> Row:
    """How many frames have the same crop, or none in both, to the last bit."""
    crops = {frame.frame: cv2.imread(str(root / frame.image)) for frame in ours if frame.image is not None}
    equal = [i for i in theirs if i in crops and np.array_equal(theirs[i].crop, crops[i])]
    neither = [frame.frame for frame in ours if frame.frame not in theirs and frame.frame not in crops]
    return {"frames": len(ours), "identical": len(equal) + len(neither)}


def alike(theirs: dict[int, incumbent.Face], ours: list[Frame], root: Path) -> Row:
    """Which of the incumbent's faces are found, and by how much of the eyes' distance the five points are off."""
    found = {frame.frame: frame for frame in ours if frame.face_found}
    off = []
    for index in sorted(theirs.keys() & found.keys()):
        frame, points = found[index], theirs[index].landmarks
        back = cv2.invertAffineTransform(np.array(frame.matrix).reshape(2, 3))
        five = carry(np.load(root / frame.landmarks)[list(FIVE_POINTS)], back)
        eyes = np.linalg.norm(points[EYES[0]].mean(0) - points[EYES[1]].mean(0))
        off.append(np.linalg.norm(five - points[list(FIVE_POINTS)], axis=1) / eyes * 100)
    return {
        "theirs": len(theirs),
        "found": len(off),
        "lost": sorted(theirs.keys() - found.keys()),
        "more": len(found.keys() - theirs.keys()),
        "points_off_percent": {
            name: round(float(np.quantile(off, q)), 2) for name, q in (("median", 0.5), ("p95", 0.95))
        }
        if off
        else None,
    }


def at_work(count: int, video: Path, folder: Path, copies: int) -> Row:
    """Videos per minute (wall) of ``count`` workers once all are under way, and the memory of the largest."""
    ends, peaks = [], []
    tasks = [_task(video, "fast", folder / "copies", f"{i}") for i in range(copies)]
    for _, result in run(Work(_work), tasks, count):
        if isinstance(result, Exception):
            raise result
        ends.append(time.perf_counter())
        peaks.append(result)
    rate = (copies - count) / (ends[-1] - ends[count - 1]) * 60
    return {"workers": count, "videos_per_minute": round(rate, 1), "peak_mib": max(peaks)}


def _work(task: Task) -> int:
    """Do it, and say how much memory this worker has taken so far."""
    process(task)
    return peak_mib()


def dfdc(row: Row, mode: str) -> int:
    """Core hours for all of DFDC, from a video of its size whose frames are more."""
    decode = row["steps"][mode]["decode"]
    cost = row["cpu_seconds"][mode] - decode * (1 - DFDC_FRAMES / row["frames"])
    return round(DFDC_VIDEOS * cost / 3600)


def report(result: Row) -> str:
    """All of it as text."""
    lines = []
    for name, row in result["videos"].items():
        width, height = row["size"]
        lines.append(f"{name}: {row['frames']} frames of {width} x {height}; to decode all: {row['decode_all']:.2f} s")
        for mode in MODES:
            parts = ", ".join(f"{step} {value:.2f}" for step, value in row["steps"][mode].items())
            lines.append(f"  {mode:9} {row['cpu_seconds'][mode]:6.2f} s  {row['times_faster'][mode]:5.2f}x  ({parts})")
        exact, fast = row["exact"], row["fast"]
        lines.append(f"  exact: {exact['identical']} of {exact['frames']} frames identical to the bit")
        lines.append(
            f"  fast: {fast['found']} of {fast['theirs']} faces, lost at {fast['lost']}, {fast['more']} more; "
            f"five points off by {fast['points_off_percent']} % of the distance of the eyes"
        )
    one, two = result["workers"]
    ratio = two["videos_per_minute"] / one["videos_per_minute"]
    lines.append(
        f"two workers: {ratio:.2f}x one ({two['videos_per_minute']} and {one['videos_per_minute']} videos a minute, "
        f"load before: {result['machine']['load'][0]}); the largest took {two['peak_mib']} MiB"
    )
    for mode, hours in result.get("dfdc_core_hours", {}).items():
        lines.append(f"all of DFDC, {mode}: {hours} core hours")
    return "\n".join(lines)


def _filmed(folder: Path) -> list[Path]:
    sizes = tqdm(SIZES, "filming", unit="video")
    return [film(folder / f"{width}x{height}.mp4", width, height, seed=i) for i, (width, height) in enumerate(sizes)]


def _decode(video: Path) -> None:
    with av.open(str(video)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            continue


def _task(video: Path, detection: str, root: Path, name: str = "") -> Task:
    facts = Video("benchmark", f"{video.stem}{name}", 0, REAL, video.stem, "test")
    settings = Settings(detection=detection)
    return Task(SourceVideo(facts, video), FolderSink(root), settings, Sidecar(facts, [], {}, {}, {}))


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


if __name__ == "__main__":
    run_entry(main)
