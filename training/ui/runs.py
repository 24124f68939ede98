"""Tested runs: which there are, their figures side by side, and the report about some."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analysis import style
from analysis.collect import Result, collect
from analysis.facts import caveats
from analysis.rows import cross_table, metric_names
from training.core.errors import DataError
from training.core.paths import ROOT
from training.engine.results import METRICS


def find_runs(root: Path) -> tuple[dict[str, Result], list[str]]:
    """Tested runs by the name of their folder below ``root``, and a line on each that cannot be read."""
    found, broken = {}, []
    for file in sorted(root.rglob(METRICS)):
        try:
            [result] = collect([file.parent])
            found[result.folder.relative_to(root).as_posix()] = result
        except DataError as error:
            broken.append(str(error))
    return found, broken


def listed(runs: dict[str, Result]) -> list[dict[str, Any]]:
    """What a list of runs says of each."""
    return [
        {
            "name": name,
            "label": result.label,
            "trained_on": [style.dataset_name(each) for each in result.trained_on],
            "tested_on": [style.dataset_name(each) for each in result.sets],
        }
        for name, result in runs.items()
    ]


def compared(folders: Iterable[Path]) -> dict[str, Any]:
    """The figures of some runs: the metrics' names, a row per run and test set, and what a reader must know."""
    results = collect(folders)
    rows = cross_table(results)
    return {
        "metrics": {name: style.metric_name(name) for name in metric_names(rows)},
        "rows": [{"run": row.name, "set": style.dataset_name(row.test_set), "figures": row.metrics} for row in rows],
        "notes": [f"{sentence} ({where})" if where else sentence for sentence, where in caveats(results)],
    }


async def report(folders: Sequence[Path]) -> str:
    """The HTML report about some runs, made by ``python -m analysis.report``.

    Raises:
        DataError: it could not be made.
    """
    with TemporaryDirectory(prefix="assay-report-") as scratch:
        output = Path(scratch) / "report.html"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "analysis.report", *map(str, folders), "--output", str(output)),
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:  # nobody waits for it any more
                process.kill()
        if process.returncode:
            lines = said.decode(errors="replace").strip().splitlines() or ["the report could not be made"]
            raise DataError(lines[-1].removeprefix("error: "))
        return output.read_text(encoding="utf-8")
