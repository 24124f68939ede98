"""Entry: draws the demo videos, offline, in the folder layouts of FaceForensics++ and Celeb-DF-v2.

With ``--attribution``, draws aligned faces for attribution instead: real, and forged in eight ways. Nobody in them
exists. The same seed gives the same bytes, whatever the number of workers; a second run draws only what is missing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import cv2
from tqdm import tqdm

from preprocessing.demo.film import film
from preprocessing.demo.plan import CELEB, FORENSICS, SIZES, Footage, make_plan
from preprocessing.demo.portraits import DATASET, Portrait, make_portraits, portray
from training.core.cli import add_debug, run_entry
from training.core.errors import ConfigError
from training.core.paths import atomic, shown

DRAWING = 3
"""Raised when the same size and seed draw other pictures: finished files of an older drawing are not mixed with new."""
STAMP, PORTRAITS_STAMP = "demo.json", "attribution.json"


def draw(output: Path, size: str = "small", seed: int = 0, workers: int = 2) -> int:
    """Draw a demo into `output` and say how many video files were missing there.

    Raises ConfigError when the folder holds another demo, or data that no demo drew.
    """
    plan = make_plan(SIZES[size], seed)
    _claim(output, STAMP, (FORENSICS, CELEB), {"size": size, "seed": seed, "drawing": DRAWING})
    for name, text in plan.texts.items():
        _write_text(output / name, text)
    return _spread(plan.footage, partial(film, output=output, seed=seed), workers, "video")


def draw_portraits(output: Path, size: str = "small", seed: int = 0, workers: int = 2) -> int:
    """Draw the attribution demo into `output` and say how many pictures were missing there; raises as :func:`draw`."""
    _claim(output, PORTRAITS_STAMP, (DATASET,), {"size": size, "seed": seed, "drawing": DRAWING})
    return _spread(make_portraits(size), partial(portray, output=output, seed=seed), workers, "picture")


def _spread(units: Sequence[Footage] | Sequence[Portrait], job: partial[int], workers: int, what: str) -> int:
    drawn = 0
    # Spawned, not forked: PyAV and OpenCV hold threads that do not survive a fork.
    with (
        tqdm(total=sum(len(unit.files) for unit in units), unit=what, desc="demo") as bar,
        ProcessPoolExecutor(workers, get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as pool,
    ):
        pending = {pool.submit(job, unit): unit for unit in units}
        for done in as_completed(pending):
            drawn += done.result()
            bar.update(len(pending[done].files))
    return drawn


def _claim(output: Path, name: str, datasets: Iterable[str], stamp: dict[str, str | int]) -> None:
    """Mark the folder as this demo's, unless it belongs to something else."""
    path = output / name
    if path.exists():
        found = json.loads(path.read_text())
        if found != stamp:
            raise ConfigError(f"{shown(output)} holds a demo drawn with {found}, not {stamp}; give another --output")
        return
    for dataset in datasets:
        if (output / dataset).exists():
            raise ConfigError(f"{shown(output / dataset)} was not drawn by the demo; give another --output")
    _write_text(path, json.dumps(stamp))


def _write_text(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return value


def main(argv: list[str]) -> None:
    """Parse the command line, draw, and say what was done."""
    parser = argparse.ArgumentParser(prog="python -m preprocessing.demo.draw", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder to hold the data sets")
    parser.add_argument("--attribution", action="store_true", help="pictures of eight kinds of forgery, no videos")
    parser.add_argument(
        "--size", choices=SIZES, default="small", help="how much to draw (default: small); long: few, longer videos"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other people (default: 0)")
    parser.add_argument("--workers", type=_positive, default=2, help="processes (default: 2)")
    add_debug(parser)
    options = parser.parse_args(argv)
    if options.attribution and options.size == "long":
        parser.error("--size long is of videos; --attribution draws pictures")
    start = perf_counter()
    how = draw_portraits if options.attribution else draw
    drawn = how(options.output, options.size, options.seed, options.workers)
    what = "pictures" if options.attribution else "videos"
    print(f"{drawn} {what} drawn in {perf_counter() - start:.0f} s; the demo is in {shown(options.output)}")


if __name__ == "__main__":
    run_entry(main)
