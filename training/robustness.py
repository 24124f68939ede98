"""Does a detector bear what happens to pictures on their way? ``test.py --robustness``: AUC under graded corruptions.

Every test set is scored again under each corruption and level. The scores stay in the results folder, below
``robustness/``: what is there is not done again. Adds ``robustness.json`` and ``robustness.csv``.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from training.conditions import of_test
from training.core.conditions import protocol_hash
from training.core.config import to_tree
from training.core.errors import ConfigError, DataError
from training.core.paths import atomic, shown
from training.core.types import Task
from training.data.corrupted import CorruptedFaces
from training.data.corruptions import CORRUPTIONS, Corruption, Picked, pick
from training.data.select import Faces, Selected
from training.engine import distributed
from training.engine.evaluators.settings import Figure, Settings, clusters, levels
from training.engine.inference import Scored
from training.engine.results import ROBUSTNESS, Scores, read_json, scores_path, write_json
from training.loading import Trained
from training.metrics.ranking import METRICS
from training.metrics.statistics import percentiles, resample, too_few
from training.raw_faces import RawFaces, RawFiles
from training.testing import score_set, settings_of

AUC = METRICS["auc"]
AFTER, BEFORE = "after the crop", "before the crop"
"""Where on a picture's way it is corrupted."""
ABOUT = "about.json"
"""Beside the scores: what they were made with."""
SCORED = ("detector", "backbone", "seed", "precision")
"""What of the configuration decides the scores, beside its data."""
FIGURES = ("auc", "low", "high", "drop", "drop_low", "drop_high")
COLUMNS = ("test_set", "applied", "corruption", "level", "value", "unit", "metric", *FIGURES, "note")


class Robustness:
    """What is to be measured, asked for before hours are spent on scoring.

    Args:
        trained: the detector.
        weights: the file it was loaded from.
        wanted: ``jpeg``, ``h264:1,5``, ...; empty: everything.
        raw: folder that the data sets' raw files lie below; given, frames are corrupted before faces are cut.

    Raises:
        ConfigError: ``wanted`` names something unknown, or the detector does not tell fakes.
        ManifestError, DataError: the raw files cannot be found by what preprocessing left.
    """

    def __init__(self, trained: Trained, weights: Path, wanted: list[str], raw: Path | None = None) -> None:
        if Task.DETECTION not in trained.detector.tasks:
            raise ConfigError(f"--robustness is about real and fake; {trained.cfg.detector.name} tells methods apart")
        self.trained, self.weights, self.raw, self.picked = trained, weights, raw, pick(wanted)

    def measure(self, chosen: list[Selected], folder: Path, device: torch.device) -> None:
        """Score, compare with the scores in the results ``folder``, write into it; called by all processes.

        Raises:
            ManifestError: raw files are not where they were when faces were cut.
            DataError: the folder holds scores of something else, or nothing could be read.
        """
        self._check_same(folder)
        raw = {one.name: self.raw and RawFiles(self.raw, self.trained.cfg.data, one.records) for one in chosen}
        todo = [(one, *which) for one in chosen for which in self.picked]
        for one, name, level in tqdm(todo, "robustness", unit="pass", leave=False, disable=distributed.rank() != 0):
            path = corrupted_path(folder, one.name, name, level)
            if not distributed.agreed(path.is_file()):
                found = self._score(one, raw[one.name], name, level, device)
                if distributed.rank() == 0:
                    found.scores.save(path)
        if distributed.rank() == 0:
            self._summarize(chosen, folder)

    def _score(self, one: Selected, raw: RawFiles | None, name: str, level: int, device: torch.device) -> Scored:
        cfg = self.trained.cfg
        how = (Faces(cfg.data), name, level, cfg.seed, one.records)
        faces = CorruptedFaces(*how) if raw is None else RawFaces(raw, *how)
        return score_set(self.trained.detector, cfg, one, self.trained.card.classes, device, faces=faces)

    def _check_same(self, folder: Path) -> None:
        """Refuse scores of other weights or data: what is there is not done again."""
        cfg, path = to_tree(self.trained.cfg), folder / "robustness" / ABOUT
        data = {key: value for key, value in cfg["data"].items() if key not in ("test", "workers", "batch_size_test")}
        about = {
            "weights": hashlib.sha256(self.weights.read_bytes()).hexdigest(),
            "raw": self.raw and str(self.raw.resolve()),
            "data": data,
            **{key: cfg[key] for key in SCORED},
        }
        known = distributed.agreed(read_json(path) if path.is_file() else None)
        # As JSON keeps it: tuples are lists there.
        if known is not None and known != json.loads(json.dumps(about)):
            where = shown(path.parent)
            raise DataError(f"{where}: holds scores of other weights, data or settings; take another --output")
        if known is None and distributed.rank() == 0:
            write_json(path, about)

    def _protocol(self, one: Selected) -> dict[str, str]:
        """The hash of what a test set's figures are taken under, but for corruptions; nothing where it is unknown."""
        conditions = of_test(self.trained.cfg, self.trained.card.conditions, one)
        return {"protocol": protocol_hash(conditions)} if conditions else {}

    def _summarize(self, chosen: list[Selected], folder: Path) -> None:
        cfg, settings = self.trained.cfg, settings_of(self.trained.cfg)
        applied = AFTER if self.raw is None else BEFORE
        tree = {
            "detector": cfg.detector.name,
            "run": shown(folder),
            "corruptions": {name: _described(CORRUPTIONS[name]) for name, _ in self.picked},
            "sets": {
                o.name: {"applied": applied, **self._protocol(o), **_compared(folder, o.name, self.picked, settings)}
                for o in chosen
            },
        }
        write_json(folder / ROBUSTNESS, tree)
        _write_table(folder / Path(ROBUSTNESS).with_suffix(".csv"), tree)


def corrupted_path(folder: Path, test_set: str, corruption: str, level: int) -> Path:
    """Where the scores of a test set under a corruption lie in a results folder."""
    return scores_path(folder / "robustness" / f"{corruption}_{level}", test_set)


def drops(clean: Scores, other: Scores, settings: Settings) -> dict[str, Figure]:
    """AUC of ``other``, scores of the same frames corrupted, and its drop from ``clean``: ``video/auc``, ...

    Both intervals come of the same resampled clusters as those of the clean AUC.
    """
    found: dict[str, Figure] = {}
    for level, rows in levels(clean, settings).items():
        worse = levels(other, settings)[level]
        if reason := AUC.undefined(rows.label, f"{level}s"):
            found |= dict.fromkeys((f"{level}/auc", f"{level}/drop"), {"value": None, "undefined": reason})
            continue
        auc = AUC(rows.label, worse.fake_prob)
        figures: tuple[Figure, Figure] = {"value": auc}, {"value": AUC(rows.label, rows.fake_prob) - auc}
        cluster = clusters(rows, settings)
        if settings.resamples and (reason := too_few(rows.label, cluster, f"{settings.cluster}s")):
            figures = tuple(figure | {"no_interval": reason} for figure in figures)
        elif settings.resamples:
            drawn = [_resampled(rows.label, each.fake_prob, cluster, settings) for each in (rows, worse)]
            bounds = percentiles(np.stack([drawn[1], drawn[0] - drawn[1]], 1), ["auc", "drop"], settings.confidence)
            pairs = zip(figures, bounds.values(), strict=True)
            figures = tuple(figure | {"low": low, "high": high} for figure, (low, high) in pairs)
        found |= dict(zip((f"{level}/auc", f"{level}/drop"), figures, strict=True))
    return found


def _resampled(label: np.ndarray, score: np.ndarray, cluster: np.ndarray, settings: Settings) -> np.ndarray:
    """The AUC of each resample, the same ones for the same rows: ``(R,)``."""
    return resample(label, score, cluster, [AUC], settings.resamples, settings.seed)[:, 0]


def _compared(folder: Path, name: str, picked: Picked, settings: Settings) -> dict[str, Any]:
    """The clean AUC of a test set, then per corruption and level what :func:`drops` finds."""
    clean = Scores.load(scores_path(folder, name))
    found: dict[str, dict[str, Any]] = {}
    for corruption, level in sorted(picked, key=lambda which: (list(CORRUPTIONS).index(which[0]), which[1])):
        path = corrupted_path(folder, name, corruption, level)
        other = Scores.load(path)
        if not all(np.array_equal(getattr(clean, key), getattr(other, key)) for key in ("dataset", "video", "frame")):
            raise DataError(f"{shown(path)}: holds other frames than {shown(scores_path(folder, name))}; remove it")
        found.setdefault(corruption, {})[str(level)] = drops(clean, other, settings)
    same = {key: figure for key, figure in drops(clean, clean, settings).items() if key.endswith("/auc")}
    return {"clean": same, "corruptions": found}


def _described(kind: Corruption) -> dict[str, Any]:
    return {"levels": kind.levels, "unit": kind.unit, "source": kind.source}


def _write_table(path: Path, tree: dict[str, Any]) -> None:
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *_lines(tree)])


def _lines(tree: dict[str, Any]) -> Iterator[list[Any]]:
    for name, one in tree["sets"].items():
        clean = {"none": {"0": one["clean"]}}
        for corruption, by_level in (clean | one["corruptions"]).items():
            kind = tree["corruptions"].get(corruption)
            for level, figures in by_level.items():
                about = [kind["levels"][int(level) - 1], kind["unit"]] if kind else [None, None]
                for metric in ("video", "frame"):
                    auc, drop = figures[f"{metric}/auc"], figures.get(f"{metric}/drop", {})
                    numbers = [each.get(key) for each in (auc, drop) for key in ("value", "low", "high")]
                    note = auc.get("undefined") or auc.get("no_interval")
                    yield [name, one["applied"], corruption, level, *about, f"{metric}/auc", *numbers, note]
