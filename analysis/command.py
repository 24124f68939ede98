"""Figures from the command line: ``python -m analysis.figures.<name> RUN [RUN ...] [--output FOLDER]``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from analysis import style
from analysis.collect import Result, collect
from training.core.cli import add_debug
from training.core.errors import DataError
from training.core.paths import shown
from training.engine.results import Scores

Main = Callable[[list[str]], None]


def command(draw: Callable[[list[Result], Path], Iterable[Path | None]], name: str, about: str) -> Main:
    """The entry of a figure that ``draw`` draws of runs into a folder; it prints the pictures' paths."""

    def main(argv: list[str]) -> None:
        parser = argparse.ArgumentParser(prog=f"python -m analysis.figures.{name}", description=about)
        parser.add_argument(
            "runs", nargs="+", type=Path, metavar="RUN", help="run folder, or a folder above some; DETECTOR@SET.csv"
        )
        parser.add_argument("--output", type=Path, default=Path("figures"), metavar="FOLDER", help="(figures)")
        add_debug(parser)
        args = parser.parse_args(argv)
        show(draw(collect(args.runs), args.output))

    return main


def show(paths: Iterable[Path | None]) -> None:
    """Print where the pictures are.

    Raises:
        DataError: there is none.
    """
    drawn = [path for path in paths if path]
    for path in drawn:
        print(shown(path))
    if not drawn:
        raise DataError("nothing to draw: the runs have none of what the figure shows")


def per_test_set(figure: Callable[[dict[str, Scores], str, Path], Path | None]) -> Main:
    """The entry of ``figure(score tables by run, title, path)``: one picture per test set, with all runs."""

    def draw(results: Sequence[Result], folder: Path) -> Iterator[Path | None]:
        for name, runs in scores_by_set(results).items():
            yield figure(runs, style.dataset_name(name), picture(folder, figure.__name__, name))

    return command(draw, figure.__name__, f"Draw {figure.__name__} per test set.")


def per_run_and_set(figure: Callable[[Scores, str, Path], Path | None]) -> Main:
    """The entry of ``figure(score table, title, path)``: one picture per run and test set."""

    def draw(results: Sequence[Result], folder: Path) -> Iterator[Path | None]:
        for name, runs in scores_by_set(results).items():
            for label, scores in runs.items():
                title = f"{label}: {style.dataset_name(name)}"
                yield figure(scores, title, picture(folder, figure.__name__, label, name))

    return command(draw, figure.__name__, f"Draw {figure.__name__} per run and test set.")


def scores_by_set(results: Sequence[Result]) -> dict[str, dict[str, Scores]]:
    """By test set and run, the scores of those with figures of real against fake; at most as many runs as colors."""
    few = results[: len(style.COLORS)]
    names = dict.fromkeys(name for result in few for name, test_set in result.sets.items() if test_set.tells_fakes)
    return {
        name: {
            result.label: result.sets[name].scores()
            for result in few
            if name in result.sets and result.sets[name].tells_fakes
        }
        for name in names
    }


def picture(folder: Path, *words: str) -> Path:
    """A file in ``folder`` called after some words, free of what file systems do not take."""
    return folder / f"{re.sub(r'[^A-Za-z0-9.+-]+', '_', '_'.join(words))}.png"
