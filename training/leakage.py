"""Does a detector know people? ``test.py --leakage``: a linear probe on its features, beside face recognition.

Reads what testing wrote into its results folder and adds ``leakage.json`` and ``leakage.csv``.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from preprocessing.manifest import Record
from training.core.errors import ConfigError, DataError, ManifestError
from training.core.paths import atomic, shown
from training.core.schema import Config
from training.data.recognition import Recognition
from training.data.select import Faces, Selected, select
from training.engine.results import LEAKAGE, METRICS, Scores, codes, load_features, read_json, scores_path, write_json
from training.metrics.leakage import Told, recognizable, told_by

REFERENCE = "dlib"
COLUMNS = ("test_set", "features", "accuracy", "low", "high", "chance", "video_auc", "persons", "recordings", "frames")


class Leakage:
    """What is needed to measure it, asked for before hours are spent on scoring.

    Args:
        cfg: of the test.
        recognition: tells faces apart; dlib's network by default.

    Raises:
        ConfigError: features are not to be kept.
        ManifestError: a test set does not show two persons in two recordings each.
        WeightsError: the face-recognition network is not in ``weights/``.
    """

    def __init__(self, cfg: Config, recognition: Recognition | None = None) -> None:
        if not cfg.log.save_feat:
            raise ConfigError("--leakage probes features: leave --no-save_feat (log.save_feat) out")
        self.cfg, self.recognition, data = cfg, recognition or Recognition(), cfg.data
        self.chosen = {one.name: one for one in select(data.test, "test", data.frames_test, data)}
        for one in self.chosen.values():
            _check(one)

    def measure(self, folder: Path) -> dict[str, Any]:
        """The tree of ``leakage.json``, which is written into the results ``folder`` with its table.

        Raises:
            DataError: the detector gave no features, or a face has no landmarks.
        """
        summary = read_json(folder / METRICS)
        sets = {name: self._of_set(folder, one, summary["sets"][name]) for name, one in self.chosen.items()}
        tree = {"detector": summary["detector"], "run": summary["run"], "reference": REFERENCE, "sets": sets}
        write_json(folder / LEAKAGE, tree)
        _write_table(folder / Path(LEAKAGE).with_suffix(".csv"), tree)
        return tree

    def _of_set(self, folder: Path, one: Selected, tested: dict[str, Any]) -> dict[str, Any]:
        scores = Scores.load(scores_path(folder, one.name))
        records = _records(scores, one)
        person, recording = _people(records)
        rows = recognizable(person, recording)
        path = scores_path(folder, one.name).with_suffix(".npz")
        if not path.is_file():
            raise DataError(f"{shown(path)}: not there; the detector gives no features ('embedding') to probe")
        shown_rows = [record for record, fair in zip(records, rows, strict=True) if fair]
        vectors = {"features": load_features(path, scores)[rows], "reference": self._reference(one.name, shown_rows)}
        found = {kind: self._told(v, person[rows], recording[rows]) for kind, v in vectors.items()}
        counts = {
            "persons": len(np.unique(person[rows])),
            "recordings": len(np.unique(recording[rows])),
            "frames": found["features"].rows,
            "frames_left_out": len(records) - found["features"].rows,
        }
        figures = {kind: told.figure for kind, told in found.items()}
        counts |= {"protocol": tested["protocol"]} if "protocol" in tested else {}
        return {**figures, "chance": found["features"].chance, "auc": tested["metrics"].get("video/auc"), **counts}

    def _told(self, vectors: np.ndarray, person: np.ndarray, recording: np.ndarray) -> Told:
        return told_by(vectors, person, recording, self.cfg.evaluate.resamples, self.cfg.seed)

    def _reference(self, name: str, records: list[Record]) -> np.ndarray:
        faces = Faces(self.cfg.data)
        each = tqdm(records, desc=f"recognizing {name}", unit="face", leave=False)
        return np.stack([self.recognition.of(record, faces.of(record)).numpy() for record in each])


def _check(one: Selected) -> None:
    person, recording = _people(one.records)
    count = len(np.unique(person[recognizable(person, recording)]))
    if count < 2:
        known = len({record.person for record in one.records} - {None})
        raise ManifestError(
            f"{one.name}: leakage needs two persons who are seen in two recordings (source videos) each; its manifest "
            f"names {known} persons, of whom {count} are"
        )


def _people(records: list[Record]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the visible person (-1 unknown) and of the recording, per record."""
    known = np.array([record.person or "" for record in records], dtype=object)
    person, _ = codes(known)
    sources = (np.array([getattr(record, name) for record in records], dtype=object) for name in ("dataset", "source"))
    return np.where(known == "", -1, person), codes(*sources)[0]


def _records(scores: Scores, one: Selected) -> list[Record]:
    by_identity = {(r.dataset, r.video, r.frame): r for r in one.records}
    rows = zip(scores.dataset, scores.video, scores.frame.tolist(), strict=True)
    return [by_identity[row] for row in rows]


def _write_table(path: Path, tree: dict[str, Any]) -> None:
    lines = []
    for name, found in tree["sets"].items():
        auc = (found["auc"] or {}).get("value")
        counts = [found[key] for key in ("persons", "recordings", "frames")]
        for kind, label in (("features", tree["detector"]), ("reference", tree["reference"])):
            bounds = [found[kind][key] for key in ("value", "low", "high")]
            lines.append([name, label, *bounds, found["chance"], auc if kind == "features" else None, *counts])
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *lines])
