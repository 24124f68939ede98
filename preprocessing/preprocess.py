"""Entry: videos and pictures -> aligned faces, landmarks and masks.

``python preprocessing/preprocess.py --dataset FaceForensics++ --root /data/FaceForensics++``, from any folder. A run
that was stopped or killed goes on where it was when started again. Exits with 1 when a video came to nothing.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import TypeVar

from tqdm import tqdm

from preprocessing import cards, settings
from preprocessing.layouts.base import some
from preprocessing.lock import alone
from preprocessing.pipeline import Pipeline
from preprocessing.sidecar import Sidecar
from preprocessing.summary import coverage, problems, table
from training.core.cli import add_debug, run_entry
from training.core.paths import atomic, shown

SHOWN = 20
Result = TypeVar("Result")


def parse(argv: list[str]) -> argparse.Namespace:
    """The command line; flags that were not given are left out, so that config.yaml decides."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, argument_default=argparse.SUPPRESS
    )
    parser.add_argument("--config", type=Path, help="another file than preprocessing/config.yaml")
    parser.add_argument(
        "--list-datasets", action="store_true", help="print the known datasets, or all of one --dataset"
    )
    parser.add_argument("--dataset", help="which one, or a name of your own together with --layout folder")
    parser.add_argument("--layout", help="how the raw files lie; by default what the dataset comes in")
    parser.add_argument("--root", help="folder of the raw videos, or a CSV table")
    parser.add_argument("--output", help="where faces go; by default datasets/ of this checkout")
    parser.add_argument("--compression", help="raw, c23 or c40")
    parser.add_argument("--frames", type=int, help="per video, for --sampling even and first")
    parser.add_argument("--sampling", help="even, first, clips (runs of neighboring frames) or all")
    parser.add_argument("--clips", type=int, help="runs per video, for --sampling clips")
    parser.add_argument("--clip-length", type=int, help="frames of a run")
    parser.add_argument("--detector", help="hog, cnn, a chain of both (hog,cnn), or already-cropped for crops")
    parser.add_argument("--min-score", type=float, help="lowest score of a face")
    parser.add_argument(
        "--exact", dest="detection", action="store_const", const="exact", help="DeepfakeBench's crops to the bit; slow"
    )
    parser.add_argument(
        "--boxes", dest="detection", action="store_const", const="boxes", help="open-world attribution's upright boxes"
    )
    parser.add_argument("--landmarks", help="file of the 68- or 81-point predictor")
    parser.add_argument(
        "--no-landmarks", dest="landmarks", action="store_const", help="none, for --detector already-cropped"
    )
    parser.add_argument(
        "--forehead", action=argparse.BooleanOptionalAction, help="81 points where the predictor has 68: extrapolated"
    )
    parser.add_argument("--size", type=int, help="width and height of a crop in pixels")
    parser.add_argument("--scale", type=float, help="how much of the surroundings a crop shows")
    parser.add_argument("--margin", type=int, help="pixels kept on every side of a crop, beyond its size")
    parser.add_argument(
        "--paired", action=argparse.BooleanOptionalAction, help="cut the real picture that each fake was made from too"
    )
    parser.add_argument("--store", help="rgb, a folder of pictures, or lmdb")
    parser.add_argument("--codec", help="png, webp, qoi, lz4 or jpeg (lossy); by default png in rgb, qoi in lmdb")
    parser.add_argument("--quality", type=int, help="of jpeg, 1 to 100")
    parser.add_argument("--masks", action=argparse.BooleanOptionalAction, help="cut manipulation masks too")
    parser.add_argument("--picture-limit", type=float, help="megapixels; larger pictures are refused")
    parser.add_argument("--video-limit", type=int, help="frames; longer videos are refused")
    parser.add_argument("--time-limit", type=float, help="seconds per video")
    parser.add_argument("--workers", type=int, help="processes; 0 for none but this one")
    parser.add_argument("--executor", help="local (this machine) or dask")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of the Dask cluster; without it one is started here")
    add_debug(parser)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Do what is left to do and print a summary."""
    flags = vars(parse(argv))
    if flags.pop("list_datasets", False):
        print(cards.described(flags["dataset"]) if "dataset" in flags else cards.listing())
        return 0
    flags.pop("debug", None)
    if "min_score" in flags:
        name = {"name": flags["detector"]} if "detector" in flags else {}
        flags["detector"] = {**name, "min_score": flags.pop("min_score")}
    pipeline = Pipeline(settings.load(flags.pop("config", settings.CONFIG), flags))
    signal.signal(signal.SIGTERM, _interrupt)
    with alone(pipeline.root):
        return _report(pipeline, _run(pipeline))


def _run(pipeline: Pipeline) -> list[Sidecar]:
    plan = pipeline.plan()
    for reason, count in plan.again.items():
        print(f"{count} videos are done again: {reason}")
    done = _watched(pipeline.run(plan), len(plan.tasks), pipeline.settings.dataset)
    print(f"{len(plan.done)} videos were done before, {len(done)} now")
    notes = {note.video.video: note for note in (*plan.done, *done)}
    if pipeline.settings.paired:
        tasks = pipeline.plan_pairs(list(notes.values()))
        for fakes in _watched(pipeline.run_pairs(tasks), len(tasks), f"{pipeline.settings.dataset} pairs"):
            notes |= {note.video.video: note for note in fakes}
    return [note for _, note in sorted(notes.items())]


def _watched(results: Iterator[Result], total: int, what: str) -> list[Result]:
    done = []
    try:
        for result in tqdm(results, what, total, unit="video"):
            done.append(result)
    except KeyboardInterrupt:
        left = total - len(done)
        print(f"stopped with {left} videos left to do; the same command again goes on from here", file=sys.stderr)
        raise
    return done


def _report(pipeline: Pipeline, sidecars: list[Sidecar]) -> int:
    rows, amiss, remarks = coverage(sidecars), problems(sidecars), [*pipeline.remarks]
    if strangers := pipeline.strangers():
        remarks.append(f"{len(strangers)} videos have faces but no raw file any more: {some(strangers)}")
    path = pipeline.root / "preprocess_report.json"
    with atomic(path) as temporary:
        report = {"coverage": rows, "remarks": remarks, "problems": amiss}
        temporary.write_text(json.dumps(report, indent=1) + "\n")
    print(table(rows))
    for remark in remarks:
        print(f"remark: {remark}")
    for video, note in islice(amiss.items(), SHOWN):
        print(f"problem: {video}: {note}")
    failed = sum(sidecar.failed for sidecar in sidecars)
    print(f"{len(sidecars)} videos, {len(amiss)} with something amiss, {failed} of them failed; {shown(path)}")
    return 1 if failed else 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    run_entry(main)
