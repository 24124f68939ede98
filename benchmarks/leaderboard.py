"""The demo's leaderboard: every detector and every method of attribution, tiny, on drawn faces, with three seeds.

``python -m benchmarks.leaderboard`` after ``make demo-data`` trains and tests what is not done yet, run by run, in
runs/leaderboard, then records scores and figures in benchmarks/results/leaderboard. ``--rebuild FOLDER`` makes tables
and reports from what is recorded, without any run. Its order says nothing about how good the methods are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Measured, write_figures
from benchmarks.packed import RUNS, pack, unpack
from training.core.cli import add_debug, run_entry
from training.core.paths import ROOT, atomic, shown
from training.engine.results import METRICS, read_json

RESULTS = ROOT / "benchmarks" / "results" / "leaderboard"
RECORDED = ("video/auc", "frame/auc", "frame/all_acc", "frame/known_acc", "frame/novel_acc")
"""Figures, of detection and of attribution, that ``reproduce.py`` compares with."""


def main(argv: list[str]) -> int:
    """Run what is left to do and record it, or rebuild from the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", nargs="+", metavar="NAME", help="these only; all that is done is recorded")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="N", help="(1 2 3)")
    parser.add_argument("--record", action="store_true", help="run nothing, record what is done")
    parser.add_argument("--rebuild", type=Path, metavar="FOLDER", help="tables and reports from the record alone")
    add_debug(parser)
    args = parser.parse_args(argv)
    if args.rebuild is not None:
        for path in rebuild(RESULTS, args.rebuild):
            print(shown(path))
        return 0
    failed = 0 if args.record else run(args.detectors, tuple(args.seeds))
    print("\n".join(shown(path) for path in record(RESULTS)))
    return int(failed > 0)


def run(detectors: list[str] | None, seeds: tuple[int, ...]) -> int:
    """Do the runs that are left; how many failed, which are told and passed over."""
    from training.core.errors import BenchError
    from training.engine.run import Stopped
    from training.leaderboard import entries

    failed = 0
    for entry in (todo := list(entries(detectors, seeds))):
        try:
            said = "done" if entry.run() else "was done before"
        except Stopped:
            raise
        except BenchError as error:
            said, failed = f"failed: {error}", failed + 1
        print(f"{entry.detector}, seed {entry.seed}: {said} ({todo.index(entry) + 1} of {len(todo)})", flush=True)
    return failed


def record(output: Path) -> list[Path]:
    """Pack all runs that are done, and write tables and figures of what was packed."""
    from tempfile import TemporaryDirectory

    from analysis.ablation import write_table
    from training.leaderboard import HOME, entries

    pack(HOME, entries(), output)
    with TemporaryDirectory() as scratch:
        boards = unpack(output, Path(scratch))
        for board in boards:
            with atomic(output / f"{board.name}.md") as temporary:
                temporary.write_text(write_table(board), encoding="utf-8")
        _write_figures(output, boards)
    return sorted(output.iterdir())


def rebuild(source: Path, output: Path, detectors: Sequence[str] | None = None) -> list[Path]:
    """Tables and reports, the latter of the first seed's runs, from the record ``source``, of all methods or some."""
    from analysis.ablation import write_table
    from analysis.collect import collect
    from analysis.report import write_report

    written = []
    for board in unpack(source, output, detectors):
        write_table(board)
        runs = sorted(board.glob("*/seed_1"))
        write_report(collect(runs), board / "report.html")
        written += [board / "table.md", board / "report.html"]
    return written


def _write_figures(output: Path, boards: list[Path]) -> None:
    """What ``reproduce.py`` reads, per task."""
    recorded = read_json(output / RUNS)
    measured = []
    for run in recorded["runs"]:
        board = next(path for path in boards if path.name == run["task"])
        sets = read_json(board / run["detector"] / f"seed_{run['seed']}" / METRICS)["sets"]
        name = run["detector"] if run["seed"] == 1 else f"{run['detector']}/seed_{run['seed']}"
        measured.append(Measured(name, run["detector"], run["seed"], sets))
    write_figures(output, measured, RECORDED, {"conditions": recorded["conditions"]})


if __name__ == "__main__":
    run_entry(main)
