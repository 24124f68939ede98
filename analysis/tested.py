"""Scores of runs, frame by frame and video by video, with what every statistic of them needs beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.collect import Result, TestSet
from training.core.coverage import Faceless, faceless_path, read_faceless
from training.core.errors import DataError
from training.engine.evaluators.calibration import calibration, per_level
from training.engine.evaluators.detection import Ranked, ranked
from training.engine.evaluators.settings import Settings, clusters, levels
from training.engine.results import Scores, scores_path
from training.metrics.influence import area, lacking
from training.metrics.ranking import THRESHOLD


@dataclass(frozen=True, eq=False)
class Tested:
    """One run's scores of one test set, as frames or as videos."""

    run: str
    """The run's display name, with its compatibility switches."""
    test_set: str
    level: str
    rows: Scores
    cluster: np.ndarray
    """``(N,)``, what is resampled as a whole."""
    settings: Settings
    ranked: Ranked
    figures: dict[str, dict[str, Any]]
    """Those of ``ranked`` and the errors of calibration."""
    faceless: Sequence[Faceless] = ()
    """Videos of the test set with frames that have no face, as far as they were recorded."""

    @property
    def named(self) -> dict[str, str]:
        """The columns that say whose figures a line holds."""
        return {"run": self.run, "test_set": self.test_set, "level": self.level}

    @property
    def threshold(self) -> float:
        """The one that the checkpoint brought along, else 0.5."""
        found = self.settings.fitted.get(self.level)
        return found.threshold if found else THRESHOLD


def load(results: Sequence[Result], settings: Settings) -> list[Tested]:
    """Every run on every test set that tells real from fake, at both levels.

    Raises:
        DataError: a score file is missing or damaged.
    """
    return [
        one for result in results for test_set in result.sets.values() for one in _levels(result, test_set, settings)
    ]


def _levels(result: Result, test_set: TestSet, settings: Settings) -> Iterator[Tested]:
    if not test_set.tells_fakes:
        return
    marks = {"video_key": test_set.compat["video_key"]} if "video_key" in test_set.compat else {}
    own = replace(settings, fitted=per_level(test_set.calibration), **marks)
    path = faceless_path(scores_path(test_set.folder, test_set.name))
    faceless = read_faceless(path) if test_set.table is None and path.is_file() else []
    for level, rows in levels(test_set.scores(), own).items():
        found = measured(result.with_switches(test_set.name), test_set.name, level, rows, own)
        yield replace(found, faceless=faceless)


def measured(run: str, test_set: str, level: str, rows: Scores, settings: Settings) -> Tested:
    """The rows with their figures."""
    found = ranked(rows, level, settings)
    figures = found.figures | calibration(rows, level, settings)
    return Tested(run, test_set, level, rows, clusters(rows, settings), settings, found, figures)


def grouped(every: Sequence[Tested], *by: str) -> dict[tuple[str, ...], list[Tested]]:
    """The entries that agree in the attributes ``by``, in their order."""
    groups: dict[tuple[str, ...], list[Tested]] = {}
    for one in every:
        groups.setdefault(tuple(getattr(one, name) for name in by), []).append(one)
    return groups


def on_common_rows(first: Tested, second: Tested) -> tuple[Tested, Tested] | None:
    """Both on the rows that both have, None where there are none; as they are where their rows are the same.

    Raises:
        DataError: they differ on whether a row is real.
    """
    pair = first, second
    if not _same(first.rows, second.rows):
        numbers = [{key: row for row, key in enumerate(_keys(one.rows))} for one in pair]
        common = [key for key in numbers[0] if key in numbers[1]]
        if not common:
            return None
        rows = [
            one.rows.select(np.array([number[key] for key in common]))
            for one, number in zip(pair, numbers, strict=True)
        ]
        first, second = (replace_rows(one, own) for one, own in zip(pair, rows, strict=True))
    if (first.rows.label != second.rows.label).any():
        row = int(np.flatnonzero(first.rows.label != second.rows.label)[0])
        key = "/".join(map(str, _keys(first.rows.select(np.array([row])))[0]))
        raise DataError(
            f"{first.run} and {second.run} on {first.test_set}: {key} is real for one and fake for the other"
        )
    return first, second


def replace_rows(one: Tested, rows: Scores) -> Tested:
    """The same run judged on other rows."""
    return measured(one.run, one.test_set, one.level, rows, one.settings)


def _same(first: Scores, second: Scores) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in ("dataset", "video", "frame", "source")
    )


def _keys(rows: Scores) -> list[tuple[str, str, int]]:
    frame = rows.frame.tolist()
    return list(zip(rows.dataset.tolist(), rows.video.tolist(), frame, strict=True))


def figure_columns(figure: Mapping[str, Any]) -> dict[str, Any]:
    """Value, bounds and what is to be said of them, as columns."""
    note = figure.get("undefined") or figure.get("no_interval")
    return {"value": figure["value"], "low": figure.get("low"), "high": figure.get("high"), "note": note}


def auc_columns(
    label: np.ndarray, score: np.ndarray, cluster: np.ndarray, level: str, settings: Settings
) -> dict[str, Any]:
    """The AUC of ``(N,)`` rows of one level with bounds by DeLong's method, or why there is none, as columns."""
    if reason := lacking(label, cluster, f"{level}s", f"{settings.cluster}s"):
        return {"value": None, "low": None, "high": None, "note": reason}
    found = area(label, score, cluster, int(cluster.max()) + 1)
    low, high = found.bounds(settings.confidence)
    return {"value": found.value, "low": low, "high": high, "note": None}
