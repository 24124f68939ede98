"""A training run from its command line to its results: select, build, fit, test what was kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from training.assembly import (
    Asked,
    add_method,
    batches_of,
    build,
    classes_of,
    make_repeatable,
    prepare_of,
)
from training.caching import check_cacheable, faces_of
from training.conditions import of_training
from training.core.config import Layers, to_tree
from training.core.errors import ConfigError, ContractError, DataError, ManifestError
from training.core.paths import CONFIG, RUNS, shown
from training.core.registry import RECIPES
from training.core.schema import Config
from training.core.types import Task
from training.data.held_out import held_out
from training.data.select import FaceSource, Selected, person_names, select
from training.detectors.base import Detector
from training.engine import distributed
from training.engine.checkpoint import Card, read_card
from training.engine.compiling import compile_networks
from training.engine.environment import describe
from training.engine.evaluate import evaluate, is_better
from training.engine.evaluators.calibration import fitted
from training.engine.prepare import pick_device, pick_precision
from training.engine.results import CONFIG as CONFIG_FILE
from training.engine.results import Scores
from training.engine.run import BEST, LAST, RunFolder, new_folder
from training.engine.trainer import fit
from training.engine.update import Update
from training.networks.weights import load_strict, read_state
from training.testing import check_drawable, evaluate_sets, score_set, settings_of


@dataclass(frozen=True)
class Places:
    """Where a run begins and writes."""

    output: Path | None = None
    """A new folder; None: ``runs/<detector>/<time>``."""
    resume: Path | None = None
    """The folder of a run to continue."""
    weights: Path | None = None
    """A checkpoint to start from."""
    label: str | None = None
    """A word for the new folder's name."""


@dataclass(frozen=True)
class Finished:
    """What a run left: its folder, and the metrics of its test sets where it had any."""

    folder: Path
    summary: dict[str, Any] | None
    writes: bool
    """Whether this process is the one that speaks and writes."""


def configure(detector_path: str | None, resume: str | None, asked: Asked) -> Config:
    """The configuration of a new run, or of the one that is resumed.

    Raises:
        ConfigError: neither or both are given, or a file or key is wrong.
    """
    layers = Layers().add_file(CONFIG / "train_config.yaml")
    if resume is not None:
        saved = Path(resume) / CONFIG_FILE
        if not saved.is_file():
            raise ConfigError(f"--resume {resume}: no run there (expected {saved})")
        return asked.over(layers.add_file(saved))
    if detector_path is None:
        raise ConfigError("--detector_path is missing; --list shows what there is")
    return asked.over(add_method(layers, detector_path))


def train(cfg: Config, places: Places) -> Finished:
    """Train as ``cfg`` says, then test what was kept on ``data.test``."""
    is_better(cfg.evaluate.monitor, None, None)  # a wrong name should not cost an epoch
    device = pick_device(cfg.device)
    distributed.start(device)
    try:
        return _train(cfg, device, places)
    finally:
        distributed.stop()


def _train(cfg: Config, device: torch.device, places: Places) -> Finished:
    trained_on, validated_on, tested_on = _datasets(cfg)
    records = [r for one in trained_on for r in one.records]
    classes, persons = classes_of(cfg, records), person_names(records)
    make_repeatable(cfg.seed, device)
    detector = build(cfg, classes, persons)
    if places.weights is not None:
        load_strict(detector, read_state(places.weights), shown(places.weights))
    detector.to(device)
    distributed.broadcast(detector)
    check_cacheable(cfg, detector, training=True)
    check_drawable(cfg, validated_on + tested_on)
    faces = faces_of(cfg, detector, trained_on + validated_on, device)
    batches = batches_of(cfg, records, classes, persons, device, train=True, faces=faces)
    update = Update(detector, cfg.optim, cfg.detector.name, pick_precision(cfg.precision, device))
    compile_networks(detector, cfg.compile, device, min(cfg.epochs * batches.steps(), cfg.max_steps or sys.maxsize))
    # Ranks draw their own dropout; what all must share was broadcast above.
    torch.manual_seed(cfg.seed + distributed.rank())
    folder = _folder(cfg, places)
    card = _card(cfg, trained_on, validated_on, classes, persons, device)
    card.notes += batches.recipe.notes
    run = RunFolder(folder, detector, update, card, cfg.log, cfg.evaluate.monitor)
    if places.resume is not None:
        run.resume(batches)
    run.listen()
    try:
        validate = _validator(cfg, validated_on, card, device, faces)
        fit(detector, batches, update, prepare_of(cfg, device), validate, run, cfg.epochs, cfg.max_steps)
    finally:
        run.close()
    if not tested_on:
        return Finished(folder, None, run.writes)
    _load_kept(detector, card, folder, cfg, validated_on)
    summary = evaluate_sets(detector, cfg, card, tested_on, folder, device, card.environment)
    return Finished(folder, summary, run.writes)


def _datasets(cfg: Config) -> tuple[list[Selected], list[Selected], list[Selected]]:
    """Training, validation and test sets.

    Raises:
        ConfigError: nothing to train on, or validation on a test set.
        ManifestError: a set is missing or empty.
    """
    data = cfg.data
    if not data.train:
        raise ConfigError("nothing to train on: give --train_dataset NAME ... (data.train)")
    if leaked := sorted(set(data.val) & set(data.test) - set(data.train)):
        raise ConfigError(f"data.val: {', '.join(leaked)} is a test set; a checkpoint must not be chosen on it")
    if cfg.evaluate.metric is not None:
        is_better(cfg.evaluate.metric, None, None, "evaluate.metric")
    trained_on = select(data.train, "train", data.frames_train, data)
    tested_on = select(data.test, "test", data.frames_test, data)
    if cfg.evaluate.select == "test":
        if not tested_on:
            raise ConfigError("evaluate.select is 'test', but there is no --test_dataset")
        return trained_on, tested_on, tested_on
    return trained_on, _validation(cfg, trained_on), tested_on


def _validation(cfg: Config, trained_on: list[Selected]) -> list[Selected]:
    if cfg.evaluate.select == "last":
        return []
    try:
        chosen = select(cfg.data.val or cfg.data.train, "val", cfg.data.frames_test, cfg.data)
    except ManifestError:
        if cfg.data.val:
            raise
        return []
    if cfg.evaluate.held_out:
        chosen = [held_out(one, trained_on) for one in chosen]
    recipe = cfg.data.recipe
    open_truth = RECIPES.get(recipe.name).open_truth
    seen = [replace(one, records=open_truth(one.records, recipe.params)) for one in chosen]
    return [one for one in seen if one.records]


def _validator(
    cfg: Config, chosen: list[Selected], card: Card, device: torch.device, faces: FaceSource | None
) -> Callable[[Detector], dict[str, float | None]]:
    """What gives the figures of a validation pass, and writes the temperature and threshold found there to ``card``."""

    def validate(detector: Detector) -> dict[str, float | None]:
        scores: dict[str, Scores] = {}
        for one in chosen:
            found = score_set(detector, cfg, one, card.classes, device, faces=faces)
            if found.unreadable:
                raise DataError(f"validation: {found.unreadable[0]}")
            scores[one.name] = found.scores
        # A threshold chosen on the test sets would not be one that is carried to them.
        if Task.DETECTION in detector.tasks and cfg.evaluate.select != "test":
            card.calibration = fitted(scores, settings_of(cfg))
        tasks = [task.value for task in detector.tasks]
        return _mean([evaluate(found, tasks, cfg.evaluate.video_key) for found in scores.values()])

    return validate


def _mean(figures: list[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean over validation sets of each figure that is defined somewhere."""
    means: dict[str, float | None] = {}
    for name in figures[0] if figures else ():
        defined = [f[name] for f in figures if f[name] is not None]
        means[name] = sum(defined) / len(defined) if defined else None
    return means


def _card(
    cfg: Config,
    trained_on: list[Selected],
    validated_on: list[Selected],
    classes: list[str],
    persons: list[str],
    device: torch.device,
) -> Card:
    notes = [*cfg.notes, *(note for one in (*trained_on, *validated_on) for note in one.notes)]
    if cfg.data.sampling == "first":
        notes.append("compatibility switch sampling=first: trained on the first frames of each video")
    if not validated_on:
        notes.append("no validation split: the last epoch is kept, not the best")
    elif not cfg.log.save_ckpt:
        notes.append("no checkpoints were kept: the last epoch is tested, not the best")
    if cfg.evaluate.select == "test":
        notes.append("compatibility switch select=test: the checkpoint was chosen on the test sets")
    return Card(
        config=to_tree(cfg),
        classes=classes,
        persons=persons,
        facts={one.name: one.facts for one in trained_on},
        environment=describe(cfg.seed, device),
        notes=notes,
        conditions=of_training(cfg, trained_on, validated_on),
    )


def _load_kept(detector: Detector, card: Card, folder: Path, cfg: Config, validated_on: list[Selected]) -> None:
    """Go back to the kept weights and what was fitted with them."""
    if not cfg.log.save_ckpt:
        return
    kept = folder / (BEST if validated_on else LAST)
    if not kept.is_file():
        raise ContractError(f"{shown(folder)}: no checkpoint was kept; did a run with no epoch finish?")
    load_strict(detector, read_state(kept), shown(kept))
    card.calibration = read_card(kept).calibration


def _folder(cfg: Config, places: Places) -> Path:
    if places.resume is not None:
        return places.resume
    if places.output is not None:
        # Asked before any process writes there: the first one's answer holds for all.
        if distributed.agreed((places.output / CONFIG_FILE).exists()):
            raise ConfigError(f"--output {places.output}: a run lies there; continue it with --resume, or name another")
        return places.output
    runs = RUNS if cfg.run_dir == Path("runs") else cfg.run_dir
    return new_folder(runs, "_".join(filter(None, (cfg.detector.name, places.label))))
