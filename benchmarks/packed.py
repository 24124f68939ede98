"""Runs of the leaderboard in two small files, and back: scores, and what tables and reports say of where they are from.

Probabilities are kept as float32 and logits as float16, so figures are those of the kept scores, not of the run's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from training.core.config import read_yaml
from training.core.paths import atomic
from training.engine.evaluate import summarize
from training.engine.evaluators.settings import Settings
from training.engine.results import (
    CONFIG,
    COST,
    ENVIRONMENT,
    METRICS,
    PLAN,
    Scores,
    read_json,
    scores_path,
    write_json,
)
from training.leaderboard import Entry

SCORES, RUNS = "scores.npz", "runs.json"
IDENTITY = ("dataset", "video", "frame", "label", "method", "source", "compression")
KEPT = {
    "detector": None,
    "backbone": ("name", "size", "weights"),
    "data": ("train", "val", "test", "compression", "frames_train", "frames_test", "recipe"),
    "evaluate": ("select", "monitor", "metric", "resamples", "cluster", "video_key"),
    "seed": None,
    "max_steps": None,
}
"""What of a run's configuration tables and reports read; None: all of it."""
UNSCORED = ("frames_without_face", "unreadable", "padded_clips")
"""Counts that scores do not tell."""
MADE_WITH = ("git", "seed", "device", "machine", "python", "versions")


def pack(home: Path, entries: Iterable[Entry], output: Path) -> list[Entry]:
    """Write what the runs below ``home`` left into ``output``; those that are done."""
    done = [entry for entry in entries if (home / entry.folder / METRICS).is_file()]
    arrays: dict[str, np.ndarray] = {}
    tables: dict[bytes, int] = {}
    runs = [_packed(home, entry, arrays, tables) for entry in done]
    conditions = {hashed: tree for run in runs for hashed, tree in run.pop("conditions").items()}
    with atomic(output / SCORES) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    write_json(output / RUNS, {"conditions": conditions, "runs": runs})
    return done


def _packed(home: Path, entry: Entry, arrays: dict[str, np.ndarray], tables: dict[bytes, int]) -> dict[str, Any]:
    folder, key = home / entry.folder, f"{entry.detector}/{entry.seed}"
    tree, config, sets = read_json(folder / METRICS), read_yaml(folder / CONFIG), {}
    for name, found in tree["sets"].items():
        scores = Scores.load(scores_path(folder, name))
        table = _table(scores, arrays, tables)
        arrays[f"{key}/{name}/prob"] = scores.fake_prob.astype(np.float32)
        if scores.logits is not None:
            arrays[f"{key}/{name}/logits"] = scores.logits.astype(np.float16)
        missing = {key: count for key, count in found["counts"].items() if key in UNSCORED}
        sets[name] = {"table": table, "classes": scores.classes, "coverage": missing, "protocol": found["protocol"]}
    kept = {name: _part(config.get(name), parts) for name, parts in KEPT.items()}
    made_with = read_json(folder / ENVIRONMENT)
    return {
        "detector": entry.detector,
        "seed": entry.seed,
        "task": entry.task.value,
        "config": kept,
        "environment": {name: made_with.get(name) for name in MADE_WITH},
        "notes": tree["notes"],
        "compat": tree["compat"],
        "sets": sets,
        "conditions": {found["protocol"]: found["conditions"] for found in tree["sets"].values()},
    }


def _part(block: Any, parts: tuple[str, ...] | None) -> Any:
    return {name: block[name] for name in parts if name in block} if parts and isinstance(block, dict) else block


def _table(scores: Scores, arrays: dict[str, np.ndarray], tables: dict[bytes, int]) -> int:
    """The number under which the identities of the rows are kept, each list of rows once."""
    columns = {name: getattr(scores, name) for name in IDENTITY}
    columns = {name: column.astype(str) if column.dtype == object else column for name, column in columns.items()}
    number = tables.setdefault(b"".join(column.tobytes() for column in columns.values()), len(tables))
    arrays |= {f"table/{number}/{name}": column for name, column in columns.items()}
    return number


def unpack(source: Path, home: Path, detectors: Sequence[str] | None = None) -> list[Path]:
    """Write the packed runs of all or some detectors below ``home``, as run folders with figures anew; the boards."""
    tree = read_json(source / RUNS)
    runs = [run for run in tree["runs"] if detectors is None or run["detector"] in detectors]
    with np.load(source / SCORES, allow_pickle=False) as arrays:
        for run in runs:
            _unpacked(run, tree["conditions"], arrays, home / run["task"] / run["detector"] / f"seed_{run['seed']}")
    boards = []
    for task in dict.fromkeys(run["task"] for run in runs):
        names = dict.fromkeys(run["detector"] for run in runs if run["task"] == task)
        write_json(home / task / PLAN, {"variants": [{"name": n, "folder": n, "settings": []} for n in names]})
        boards.append(home / task)
    return boards


def _unpacked(run: dict[str, Any], conditions: dict[str, Any], arrays: np.lib.npyio.NpzFile, folder: Path) -> None:
    key, scores = f"{run['detector']}/{run['seed']}", dict(_scores(run, arrays))
    evaluate = run["config"]["evaluate"]
    settings = Settings(evaluate["video_key"], evaluate["resamples"], cluster=evaluate["cluster"], seed=run["seed"])
    under = {name: conditions[found["protocol"]] for name, found in run["sets"].items()}
    coverage = {name: found["coverage"] for name, found in run["sets"].items()}
    told = (run["task"],), settings, coverage, run["notes"], run["compat"], None, under
    write_json(folder / METRICS, summarize(scores, run["detector"], key, *told))
    for name, table in scores.items():
        table.save(scores_path(folder, name), run["compat"], run["sets"][name]["protocol"])
    (folder / CONFIG).write_text(yaml.safe_dump(run["config"]))
    write_json(folder / ENVIRONMENT, run["environment"])
    write_json(folder / COST, {})


def _scores(run: dict[str, Any], arrays: np.lib.npyio.NpzFile) -> Iterator[tuple[str, Scores]]:
    for name, found in run["sets"].items():
        key = f"{run['detector']}/{run['seed']}/{name}"
        identity = {column: arrays[f"table/{found['table']}/{column}"] for column in IDENTITY}
        logits = arrays.get(f"{key}/logits")
        yield name, Scores(**identity, fake_prob=arrays[f"{key}/prob"], logits=logits, classes=tuple(found["classes"]))
