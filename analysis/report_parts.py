"""What a report shows beside its tables: figures, bounds, errors, robustness, costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis import style
from analysis.attribution_section import AttributionSection, Picture, attribution_section
from analysis.beside import on, sets_of
from analysis.collect import Result, TestSet
from analysis.explained import Explained, explained_errors
from analysis.figures.reliability import reliability
from analysis.figures.robustness import robustness
from analysis.figures.roc import roc
from analysis.figures.score_histogram import score_histogram
from analysis.figures.training_curves import training_curves
from analysis.robustness import Drops, drops, of_results
from analysis.tested import load
from analysis.uncovered import covered
from training.core.coverage import faceless_path
from training.engine.evaluators.calibration import per_level
from training.engine.evaluators.settings import Settings
from training.engine.results import COST, Scores, read_json, scores_path

LISTED = 10
"""Most certain errors listed per run and test set."""
Frames = Mapping[str, Mapping[str, Scores]]
"""By run and test set, scores of frames."""


def frames_of(results: Sequence[Result]) -> dict[str, dict[str, Scores]]:
    """The scores of every run on every test set that tells real from fake.

    Raises:
        DataError: they are missing or damaged.
    """
    return {r.label: {name: s.scores() for name, s in r.sets.items() if s.tells_fakes} for r in results}


def pictures(results: Sequence[Result], frames: Frames, folder: Path) -> dict[str, list[Picture]]:
    """Per kind of figure: description and file of each that could be drawn into ``folder``."""
    kinds: dict[str, list[tuple[str, Path | None]]] = {"rocs": [], "histograms": [], "reliabilities": [], "curves": []}
    for index, name in enumerate(dict.fromkeys(name for result in results for name in frames[result.label])):
        on_set = [result for result in results if name in frames[result.label]]
        runs, title = {result.label: frames[result.label][name] for result in on_set}, style.dataset_name(name)
        kinds["rocs"].append((f"ROC curves on {title}", roc(runs, title, folder / f"roc_{index}.png")))
        both = {label: prob for result in on_set for label, prob in _scaled(result, name, frames)}
        drawn = reliability(both, title, folder / f"reliability_{index}.png")
        kinds["reliabilities"].append((f"Reliability on {title}", drawn))
        for number, (label, scores) in enumerate(runs.items()):
            path = folder / f"scores_{number}_{index}.png"
            drawn = score_histogram(scores, f"{label}: {title}", path)
            kinds["histograms"].append((f"Scores of {label} on {title}", drawn))
    for number, result in enumerate(results):
        path = folder / f"training_{number}.png"
        kinds["curves"].append((f"Training of {result.label}", training_curves(result.log, result.label, path)))
    return {kind: [(text, path) for text, path in drawn if path] for kind, drawn in kinds.items()}


def _scaled(result: Result, name: str, frames: Frames) -> Iterator[tuple[str, Scores]]:
    """A run's scores as predicted and, where its checkpoint brought a temperature along, scaled by it."""
    scores, found = frames[result.label][name], per_level(result.sets[name].calibration).get("frame")
    yield result.label, scores
    if found:
        yield f"{result.label}, scaled", replace(scores, fake_prob=found.scaled(scores.fake_prob))


def attribution_sections(results: Sequence[Result], folder: Path) -> Iterator[AttributionSection]:
    """Of each run on each test set where makers are told."""
    for number, result in enumerate(results):
        for index, test_set in enumerate(result.sets.values()):
            if test_set.tells_makers:
                yield attribution_section(result, test_set, folder, f"{number}_{index}")


@dataclass(frozen=True)
class Errors:
    """The videos on the wrong side of 0.5 of one run on one test set, the most certain first.

    Where makers are told, wrongly named pictures that were drawn.
    """

    label: str
    test_set: str
    listed: list[dict[str, Any]]
    """``video``, ``method`` and ``score``."""
    explained: list[Explained]


def errors(results: Sequence[Result], frames: Frames) -> list[Errors]:
    """Of each run on each test set; with pictures where ``test.py --explain`` drew some."""
    found = []
    for result in results:
        drawn, of_run = explained_errors(result), frames[result.label]
        for name in dict.fromkeys((*of_run, *drawn)):
            listed = list(_wrong(of_run[name].by_video())) if name in of_run else []
            found.append(Errors(result.label, name, listed, drawn.get(name, [])))
    return found


def _wrong(videos: Scores) -> Iterator[dict[str, Any]]:
    distance = np.abs(videos.fake_prob - 0.5)
    wrong = np.flatnonzero((videos.fake_prob > 0.5) != (videos.label == 1))
    for row in wrong[np.argsort(-distance[wrong], kind="stable")][:LISTED]:
        yield {"video": videos.video[row], "method": videos.method[row], "score": float(videos.fake_prob[row])}


def bounds_of_coverage(results: Sequence[Result]) -> dict[tuple[str, str, str], dict[str, dict[str, Any]]]:
    """By test set, run and level what frames without a face could change: AUC by how they are taken."""
    known = [replace(r, sets={n: s for n, s in r.sets.items() if _lists_faceless(s)}) for r in results]
    table: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}
    for line in covered(load(known, Settings(resamples=0))):
        figure = {key: line[key] for key in ("low", "high") if line[key] is not None}
        figure |= {"value": line["value"], "undefined": line["note"]}
        table.setdefault((line["test_set"], line["run"], line["level"]), {})[line["faceless"]] = figure
    return table


def _lists_faceless(test_set: TestSet) -> bool:
    return test_set.table is None and faceless_path(scores_path(test_set.folder, test_set.name)).is_file()


def robust(results: Sequence[Result], folder: Path) -> list[tuple[Picture, list[Drops]]]:
    """Per test set that was corrupted: the figure, and the drops of each run."""
    runs, found = of_results(results), []
    for index, name in enumerate(sets_of(runs)):
        title = style.dataset_name(name)
        picture = robustness(on(runs, name), title, folder / f"robustness_{index}.png")
        found.append(((f"AUC on {title} under corruption", picture), [d for d in drops(runs) if d.test_set == name]))
    return found


def costs(results: Sequence[Result]) -> dict[str, dict[str, Any]]:
    """What runs cost, by display name, of those of which it was measured."""
    return {result.label: read_json(files[-1]) for result in results if (files := result.left(COST))}
