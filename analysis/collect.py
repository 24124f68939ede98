"""Finds what runs left on disk and reads it: metrics, configuration, environment, log; scores when asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis import protocols, style
from analysis.foreign import NOTE, read_foreign
from training.core.config import read_yaml
from training.core.errors import DataError
from training.core.paths import shown
from training.engine.evaluate import summarize
from training.engine.results import (
    CONFIG,
    ENVIRONMENT,
    LOG,
    METRICS,
    Scores,
    load_features,
    read_json,
    read_log,
    scores_path,
)

TEST = "test"
"""Folder inside a run; later tests write to it, or to folders in it that are called after the time."""


@dataclass(frozen=True)
class TestSet:
    """One test set of a run: its part of ``metrics.json``, and where its scores lie."""

    __test__ = False  # no test class

    name: str
    folder: Path
    metrics: dict[str, dict[str, Any]]
    counts: dict[str, int]
    interval: dict[str, Any]
    compat: dict[str, str]
    calibration: dict[str, Any] = field(default_factory=dict)
    """What the checkpoint brought along of its validation data; empty where nothing."""
    protocol: str | None = None
    """The hash of its conditions; figures of equal hash compare. None where it is not known."""
    conditions: dict[str, Any] = field(default_factory=dict)
    """See :mod:`training.core.conditions`."""
    table: Scores | None = None
    """The scores, where they lie in no run folder."""

    def scores(self) -> Scores:
        """The score table behind the metrics.

        Raises:
            DataError: it is missing or damaged.
        """
        return Scores.load(scores_path(self.folder, self.name)) if self.table is None else self.table

    def features(self, scores: Scores) -> np.ndarray | None:
        """The features of the rows of ``scores``, None where none were kept.

        Raises:
            DataError: the file is damaged, or lacks a row.
        """
        path = scores_path(self.folder, self.name).with_suffix(".npz")
        return load_features(path, scores) if self.table is None and path.is_file() else None

    @property
    def tells_fakes(self) -> bool:
        """Whether there are figures of real against fake."""
        return any(name.rpartition("/")[2] not in style.ATTRIBUTION for name in self.metrics)

    @property
    def tells_makers(self) -> bool:
        """Whether there are figures of who made a picture."""
        return any(name.rpartition("/")[2] in style.ATTRIBUTION for name in self.metrics)


@dataclass(frozen=True)
class Result:
    """A tested detector: a run folder with what was tested during training and later."""

    folder: Path
    detector: str
    label: str
    """Display name, with the run's folder where several runs of one detector are compared, and a letter where runs were
    measured under several protocols."""
    sets: dict[str, TestSet]
    notes: list[str]
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)

    def left(self, name: str) -> list[Path]:
        """The files of that name which training and tests left in the run, the latest last."""
        return sorted(self.folder.rglob(name)) if self.folder.is_dir() else []

    @property
    def trained_on(self) -> list[str]:
        """Names of the training sets; empty where no configuration was kept."""
        return (self.config.get("data") or {}).get("train") or []

    @property
    def hashes(self) -> dict[str, str | None]:
        """The protocol's hash by test set."""
        return {name: test_set.protocol for name, test_set in self.sets.items()}

    def with_switches(self, test_set: str) -> str:
        """The display name with the compatibility switches of a test set."""
        return with_switches(self.label, self.sets[test_set].compat)

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe's name and arguments; empty where no configuration was kept."""
        said = (self.config.get("data") or {}).get("recipe") or {}
        return {"name": said} if isinstance(said, str) else said


def with_switches(label: str, compat: Mapping[str, str]) -> str:
    """``Xception [video_key=folder]``: switches that change what figures mean are part of a run's name."""
    marks = ", ".join(f"{key}={value}" for key, value in compat.items())
    return f"{label} [{marks}]" if marks else label


def collect(paths: Iterable[Path]) -> list[Result]:
    """The results in run or test folders, or in any folder above them; in the order given, each once.

    A path may also be a CSV file with the scores of a detector of others, see :mod:`analysis.foreign`.

    Raises:
        DataError: a folder holds no results, or a file is damaged.
    """
    places = dict.fromkeys(place for path in paths for place in _places(path))
    results = [_foreign(place) if place.is_file() else _read(place) for place in places]
    often = Counter(result.detector for result in results)
    named = [_named(result, often[result.detector] > 1) for result in results]
    found = protocols.letters([result.hashes for result in named])
    return [replace(r, label=r.label + protocols.mark(letter)) for r, letter in zip(named, found, strict=True)]


def _places(path: Path) -> list[Path]:
    """Run folders at or below ``path``, a test folder stands for its run; or ``path``, a file of others."""
    if path.is_file() and path.name != METRICS:
        return [path]
    at = path.parent if path.name == METRICS else path
    if (at / METRICS).is_file():
        return [_run_of(at, at)]
    found = sorted(at.rglob(METRICS))
    if not found:
        raise DataError(f"{shown(path)}: no {METRICS} there or below; test first: python training/test.py --help")
    of_runs = (_run_of(at, at.parent if at.parent.name == TEST else at) for at in (file.parent for file in found))
    return list(dict.fromkeys(of_runs))


def _run_of(folder: Path, tests: Path) -> Path:
    """The run whose ``tests`` the results in ``folder`` belong to, else ``folder`` itself."""
    return tests.parent if tests.name == TEST and (tests.parent / CONFIG).is_file() else folder


def _read(folder: Path) -> Result:
    tests = (folder, folder / TEST, *sorted((folder / TEST).glob("*")))
    trees = {at: _tree(at / METRICS) for at in tests if (at / METRICS).is_file()}
    sets, apart = _latest([_sets(at, tree) for at, tree in trees.items()])
    config, environment, log = folder / CONFIG, folder / ENVIRONMENT, folder / LOG
    known = read_json(environment) if environment.is_file() else {}
    notes = [note for tree in (*trees.values(), known) for note in tree.get("notes", [])]
    detector = next(iter(trees.values()))["detector"]
    return Result(
        folder=folder,
        detector=detector,
        label=style.detector_name(detector),
        sets=sets,
        notes=list(dict.fromkeys((*notes, *apart))),
        config=read_yaml(config) if config.is_file() else {},
        environment=known,
        log=read_log(log) if log.is_file() else [],
    )


def _latest(tests: Sequence[dict[str, TestSet]]) -> tuple[dict[str, TestSet], list[str]]:
    """Of each test set the latest test under the protocol of the first, and a note on every other one."""
    sets: dict[str, TestSet] = {}
    notes = []
    for name, test_set in (item for test in tests for item in test.items()):
        if sets.setdefault(name, test_set).protocol == test_set.protocol:
            sets[name] = test_set
        else:
            where = shown(test_set.folder)
            notes.append(f"{name} was tested under another protocol too, whose figures are not here: see {where}")
    return sets, notes


def _foreign(path: Path) -> Result:
    detector, scores = read_foreign(path)
    sets = _sets(path.parent, summarize(scores, detector, shown(path)))
    sets = {name: replace(test_set, table=scores[name]) for name, test_set in sets.items()}
    return Result(folder=path, detector=detector, label=style.detector_name(detector), sets=sets, notes=[NOTE])


def _tree(path: Path) -> dict[str, Any]:
    tree = read_json(path)
    if not isinstance(tree.get("detector"), str) or not isinstance(tree.get("sets"), dict):
        raise DataError(f"{shown(path)}: not a metrics file; expected 'detector' and 'sets'")
    return tree


def _sets(folder: Path, tree: dict[str, Any]) -> dict[str, TestSet]:
    sets = {}
    for name, found in tree["sets"].items():
        if not isinstance(found, dict) or "metrics" not in found:
            raise DataError(f"{shown(folder / METRICS)}: sets.{name} has no 'metrics'")
        parts = {key: found.get(key) or {} for key in ("metrics", "counts", "interval")}
        sets[name] = TestSet(
            name,
            folder,
            **parts,
            compat=tree.get("compat") or {},
            calibration=tree.get("calibration") or {},
            protocol=found.get("protocol"),
            conditions=found.get("conditions") or {},
        )
    return sets


def _named(result: Result, shared: bool) -> Result:
    label = f"{result.label} ({result.folder.resolve().name})" if shared else result.label
    return replace(result, label=label)
