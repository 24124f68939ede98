"""Run folders as training and testing leave them, with scores drawn from known distributions."""

import json
from pathlib import Path

import numpy as np
import yaml

from training.engine.evaluate import summarize
from training.engine.evaluators.settings import Settings
from training.engine.results import (
    CONFIG,
    ENVIRONMENT,
    LOG,
    METRICS,
    Scores,
    save_features,
    scores_path,
    write_json,
)


def scores(dataset="A", videos=12, frames=4, separation=1.0, methods=("Deepfakes", "FaceSwap"), seed=0):
    """``videos`` real videos and as many of each method, of the same sources."""
    rng, rows = np.random.default_rng(seed), []
    for source in range(videos):
        for method in ("real", *methods):
            label = int(method != "real")
            logit = separation * (2 * label - 1) + rng.normal(0, 0.8) + rng.normal(0, 1, frames)
            for frame, prob in enumerate(1 / (1 + np.exp(-logit))):
                video = f"{method}/c23/{source:03d}_{method[:2]}"
                rows.append((dataset, video, 10 * frame, label, method, f"{source:03d}", "c23", prob))
    return Scores(*(np.array(column, dtype=object) for column in zip(*rows, strict=True)))


KNOWN, NOVEL = ("real", "Deepfakes"), ("FaceSwap", "StyleGAN")


def made_by(dataset="A", videos=6, frames=4, noise=1.5, clusters=4, seed=0, known=KNOWN, novel=NOVEL):
    """Who made it: ``videos`` of each method with a logit per known one and per cluster, of which novel ones have one.

    The first novel method falls mostly into the last cluster, the second into the last but one, and so on.
    """
    rng, outputs = np.random.default_rng(seed), len(known) + clusters
    rows = [(m, v, f) for m in (*known, *novel) for v in range(videos) for f in range(frames)]
    home = {m: i for i, m in enumerate(known)} | {m: outputs - 1 - i for i, m in enumerate(novel)}
    logits = 4.0 * np.eye(outputs)[[home[m] for m, *_ in rows]] + rng.normal(0, noise, (len(rows), outputs))
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Scores(
        dataset=[dataset] * len(rows),
        video=[f"{m}/c23/{v:03d}" for m, v, _ in rows],
        frame=[10 * f for *_, f in rows],
        label=[int(m != "real") for m, *_ in rows],
        method=[m for m, *_ in rows],
        source=[f"{v:03d}" for _, v, _ in rows],
        compression=["c23"] * len(rows),
        fake_prob=1 - probs[:, 0] if "real" in known else np.ones(len(rows)),
        logits=logits,
        classes=(*known, *(f"cluster {n + 1}" for n in range(clusters))),
    )


def log():
    steps = [{"step": s, "epoch": s // 10, "lr": 1e-3, "loss": 1 / s, "parts": {"ce": 0.5 / s}} for s in range(1, 41)]
    return [
        *steps,
        *({"step": s, "epoch": s // 10, "val": {"video/auc": 0.5 + s / 100, "video/eer": None}} for s in (20, 40)),
    ]


def write_run(
    folder: Path,
    sets=None,
    detector="xception",
    notes=(),
    video_key="path",
    resamples=50,
    coverage=None,
    tasks=("detection",),
    recipe="frames",
):
    """A run folder with ``sets`` (score tables by name) tested."""
    sets = sets if sets is not None else {"Celeb-DF-v2": scores("Celeb-DF-v2"), "DFDCP": scores("DFDCP", seed=1)}
    for name, table in sets.items():
        table.save(scores_path(folder, name))
        if table.logits is not None:
            save_features(scores_path(folder, name).with_suffix(".npz"), table, table.logits.astype(np.float32))
    settings = Settings(video_key=video_key, resamples=resamples)
    write_json(folder / METRICS, summarize(sets, detector, str(folder), tasks, settings, coverage, notes))
    config = {
        "detector": {"name": detector},
        "backbone": {"name": "xception", "weights": "random", "size": "tiny"},
        "data": {
            "train": ["FaceForensics++"],
            "val": [],
            "compression": "c23",
            "frames_train": 8,
            "frames_test": 4,
            "recipe": recipe,
        },
        "evaluate": {"select": "best", "monitor": "video/auc"},
        "epochs": 4,
        "seed": 7,
    }
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    write_json(folder / ENVIRONMENT, {"git": "c0ffee", "seed": 7, "device": "cpu", "versions": {"assay": "0.1.0"}})
    (folder / LOG).write_text("".join(json.dumps(row) + "\n" for row in log()))
    return folder


def write_attribution_run(folder: Path, sets=None, detector="cal", clusters=9, **rest):
    """A run folder of a method that was given two known methods and ``clusters`` and has merged some since."""
    recipe = {"name": "open_world", "known": [*KNOWN], "clusters": clusters}
    sets = sets if sets is not None else {"A": made_by()}
    return write_run(folder, sets, detector, tasks=("attribution",), recipe=recipe, **rest)
