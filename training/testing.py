"""Scores a detector on test sets and writes what every metric, table and figure reads: score files and metrics.json."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from preprocessing.names import subset
from training.assembly import batches_of, prepare_of, recipe_of
from training.caching import check_cacheable, faces_of
from training.conditions import of_test
from training.core.conditions import protocol_hash
from training.core.config import to_tree
from training.core.coverage import faceless_path, write_faceless
from training.core.errors import ConfigError
from training.core.paths import atomic, shown
from training.core.registry import RECIPES
from training.core.schema import Config
from training.data.select import FaceSource, Selected, select
from training.detectors.base import Detector
from training.engine import distributed
from training.engine.checkpoint import Card
from training.engine.environment import describe
from training.engine.evaluate import summarize
from training.engine.evaluators.settings import Settings
from training.engine.inference import Scored, score
from training.engine.prepare import pick_device, pick_precision
from training.engine.results import CONFIG, ENVIRONMENT, METRICS, save_features, scores_path, write_json
from training.loading import Trained

Also = Callable[[list[Selected], Path, torch.device], None]
"""What else to find out about a detector on the test sets, beside the results in a folder; called by all processes."""


def evaluate_checkpoint(trained: Trained, weights: Path, output: Path | None, also: Sequence[Also] = ()) -> Path | None:
    """Test a loaded checkpoint on ``data.test``, then do what is ``also`` asked for.

    Returns:
        The results' folder, in the one process that writes.

    Raises:
        ConfigError: no test sets.
        ManifestError: a test set is missing or empty.
    """
    cfg = trained.cfg
    if not cfg.data.test:
        raise ConfigError("nothing to test on: give --test_dataset NAME ... (data.test)")
    device = pick_device(cfg.device)
    distributed.start(device)
    try:
        chosen = select(cfg.data.test, "test", cfg.data.frames_test, cfg.data)
        check_drawable(cfg, chosen)
        check_cacheable(cfg, trained.detector, training=False)
        folder = Path(distributed.agreed(str(output or weights.parent / "test" / time.strftime("%Y-%m-%d_%H-%M-%S"))))
        trained.detector.to(device)
        environment = describe(cfg.seed, device)
        evaluate_sets(trained.detector, cfg, trained.card, chosen, folder, device, environment)
        for each in also:
            each(chosen, folder, device)
        return folder if distributed.rank() == 0 else None
    finally:
        distributed.stop()


def score_set(
    detector: Detector,
    cfg: Config,
    chosen: Selected,
    classes: list[str],
    device: torch.device,
    features: Path | None = None,
    faces: FaceSource | None = None,
) -> Scored:
    """One pass over a data set, whose pictures ``faces`` may hold; all processes get all rows.

    Where ``features`` names a file, feature vectors are kept in others beside it, which the caller removes.
    """
    batches = batches_of(cfg, chosen.records, classes, [], device, train=False, faces=faces)
    found = score(
        detector,
        batches(),
        prepare_of(cfg, device),
        chosen.records,
        classes,
        pick_precision(cfg.precision, device),
        f"scoring {chosen.name}",
        features,
    )
    found.coverage, found.notes = batches.recipe.coverage, batches.recipe.notes
    return found


def evaluate_sets(
    detector: Detector,
    cfg: Config,
    card: Card,
    chosen: list[Selected],
    folder: Path,
    device: torch.device,
    environment: dict[str, Any],
) -> dict[str, Any]:
    """Score every set, write scores, features and metrics into ``folder``; the tree of ``metrics.json``."""
    scores, coverage, drawing = {}, {}, []
    conditions = {one.name: of_test(cfg, card.conditions, one) for one in chosen}
    faces = faces_of(cfg, detector, chosen, device)
    for one in chosen:
        features = scores_path(folder, one.name).with_suffix(".npz") if cfg.log.save_feat else None
        found = score_set(detector, cfg, one, card.classes, device, features, faces)
        scores[one.name] = found.scores
        missing = {"frames_without_face": one.without_face, "unreadable": len(found.unreadable)}
        coverage[one.name], drawing = missing | found.coverage, drawing + found.notes
        if distributed.rank() == 0:
            _write_set(folder, one, found, compat(cfg), conditions[one.name])
    notes = [*card.notes, *cfg.notes, *drawing]
    notes += [note for one in chosen for note in (*one.notes, *leaks(one, card.config))]
    tasks = [task.value for task in detector.tasks]
    summary = summarize(
        scores,
        cfg.detector.name,
        shown(folder),
        tasks,
        settings_of(cfg),
        coverage,
        notes,
        compat(cfg),
        card.calibration,
        conditions,
    )
    if distributed.rank() == 0:
        write_json(folder / METRICS, summary)
        if not (folder / CONFIG).exists():
            with atomic(folder / CONFIG) as temporary:
                temporary.write_text(yaml.safe_dump(to_tree(cfg), sort_keys=False))
            write_json(folder / ENVIRONMENT, environment)
    return summary


def settings_of(cfg: Config) -> Settings:
    """How the configuration wants figures to be taken from scores."""
    wanted = cfg.evaluate
    return Settings(video_key=wanted.video_key, resamples=wanted.resamples, cluster=wanted.cluster, seed=cfg.seed)


def compat(cfg: Config) -> dict[str, str]:
    """The switches in ``cfg`` that reproduce DeepfakeBench's habits, beside ``video_key``; part of every result."""
    switches = {"select": (cfg.evaluate.select, "test"), "sampling": (cfg.data.sampling, "first")}
    marks = {name: value for name, (value, habit) in switches.items() if value == habit}
    sparse = cfg.data.allow_sparse and RECIPES.get(cfg.data.recipe.name).neighbors
    return marks | ({"allow_sparse": "true"} if sparse else {})


def check_drawable(cfg: Config, chosen: list[Selected]) -> None:
    """Ask the recipe of every test set whether it can draw, so that none is refused after hours of work.

    Raises:
        ConfigError, ManifestError, DataError: what the recipe says.
    """
    for one in chosen:
        recipe_of(cfg, one.records, [], [], train=False)


def leaks(tested: Selected, trained: dict[str, Any]) -> Iterator[str]:
    """What a test set shares with the data behind a checkpoint, whose configuration is ``trained``."""
    data, select_by = trained.get("data", {}), trained.get("evaluate", {}).get("select")
    uses = {"train": (data.get("train"), "the detector has seen them")}
    if select_by == "best":
        uses["val"] = (data.get("val") or data.get("train"), "the checkpoint was chosen on them")
    videos = len({record.video for record in tested.records})
    for split, (names, meaning) in uses.items():
        ours = {subset(name).dataset for name in names or ()}
        if tested.shared.get(split) and subset(tested.name).dataset in ours:
            count = f"{tested.shared[split]} of {videos}"
            yield f"{tested.name}: {count} test videos are in the {split} split of its manifest too: {meaning}"


def _write_set(
    folder: Path, tested: Selected, found: Scored, marks: dict[str, str], conditions: dict[str, Any] | None
) -> None:
    path = scores_path(folder, tested.name)
    found.scores.save(path, marks, conditions and protocol_hash(conditions))
    if tested.faceless:
        write_faceless(faceless_path(path), tested.faceless)
    if found.features is not None:
        save_features(path.with_suffix(".npz"), found.scores, found.features)
        found.features.remove()
    if found.unreadable:
        with atomic(path.with_suffix(".unreadable.json")) as temporary:
            temporary.write_text(json.dumps(found.unreadable, indent=1) + "\n")
