"""Detection metrics: the reference's prediction sets under ``video_key: folder``, and under our default."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import softmax

from tests.golden.compare import Result, compare
from tests.golden.registry import Golden, case
from training.core.errors import ContractError
from training.engine.evaluate import evaluate
from training.engine.results import Scores
from training.metrics.ranking import METRICS

Rows = list[tuple[str, int, int]]
"""(folder of the video, frame, label) per row."""

EXACT = 1e-12
NOISE = {"balanced10x32": 0.25, "ff_name_collisions": 0.35}
"""Of the scores; 0.3 in the other sets."""
METHODS = ("youtube", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


def balanced(rng: np.random.Generator) -> Rows:
    return [(f"./datasets/rgb/A/frames/vid{v:03d}", f, v % 2) for v in range(10) for f in range(32)]


def ragged(rng: np.random.Generator) -> Rows:
    frames, fake = rng.integers(1, 33, 24), rng.random(24) < 0.75
    fake[0] ^= fake.all() or not fake.any()
    names = [f"/d/Celeb-DF-v2/X/frames/id{v}_{v % 3}" for v in range(24)]
    return [(names[v], f, int(fake[v])) for v in range(24) for f in range(frames[v])]


def collisions(rng: np.random.Generator) -> Rows:
    folder = "./datasets/rgb/FaceForensics++/x/{}/c23/frames/{}"
    names = [(m, f"{v:03d}" if m == "youtube" else f"{v:03d}_{v + 6:03d}") for m in METHODS for v in range(6)]
    return [(folder.format(m, v), f, int(m != "youtube")) for m, v in names for f in range(8)]


def backslashes(rng: np.random.Generator) -> Rows:
    folder = ".\\datasets\\UADFV\\{}\\frames\\{:04d}"
    return [(folder.format(("real", "fake")[v % 2], v), f, v % 2) for v in range(12) for f in range(16)]


def several_classes(rng: np.random.Generator) -> Rows:
    return [(f"a/b/vid{v}", f, v % 5) for v in range(15) for f in range(10)]


def clips(rng: np.random.Generator) -> Rows:
    return [(f"a/vid{v}", first, v % 2) for v in range(20) for first in (0, 8)]


def same_names(rng: np.random.Generator) -> Rows:
    folders = [(k, v) for k in ("real", "fake") for v in [*(f"{i:04d}" for i in range(8)), f"only_{k}"]]
    return [(f"./U/{k}/frames/{v}", f, int(k == "fake")) for k, v in folders for f in range(6)]


SETS = {
    "balanced10x32": balanced,
    "ragged": ragged,
    "ff_name_collisions": collisions,
    "backslash_and_ties": backslashes,
    "multiclass_labels": several_classes,
    "clips_list_names": clips,
    "same_name_real_and_fake": same_names,
}


def prediction_set(name: str, salt: str = "") -> Scores:
    """The rule-made set ``name`` as a score table; of several fake classes only fake remains."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(f"{salt}metrics/{name}".encode())))
    rows = SETS[name](rng)
    seen: dict[str, int] = {}
    video = np.array([seen.setdefault(folder, len(seen)) for folder, _, _ in rows])
    label = np.array([min(label, 1) for _, _, label in rows])
    offset = 0.22 * rng.standard_normal(len(seen))
    raw = 0.5 + 0.15 * (2 * label - 1) + offset[video] + NOISE.get(name, 0.3) * rng.standard_normal(len(rows))
    prob = np.clip(raw, 0, 1).astype(np.float32)
    if name == "backslash_and_ties":
        prob = np.round(prob, 1)
    order = np.arange(len(rows)) if name == "clips_list_names" else rng.permutation(len(rows))
    text = [""] * len(rows)
    scores = Scores(
        dataset=[name] * len(rows),
        video=[folder for folder, _, _ in rows],
        frame=[frame for _, frame, _ in rows],
        label=label,
        method=["fake" if fake else "real" for fake in label],
        source=text,
        compression=text,
        fake_prob=prob,
    )
    return scores.select(order)


@case("prep/metrics")
def prep_metrics(golden: Golden) -> Iterator[Result]:
    """Every figure of every set; then what the reference does with one class, and its training figures."""
    for name, expected in golden["cases"].items():
        scores = prediction_set(name, golden["salt"])
        yield compare(f"{name}.score_sum", expected["score_sum"], scores.fake_prob.sum(), EXACT)
        ours = evaluate(scores, ["detection"], video_key="folder")
        for key in ("auc", "eer", "ap", "acc"):
            yield compare(f"{name}.{key}", expected[key], ours[f"frame/{key}"], EXACT)
        yield compare(f"{name}.video_auc", expected["video_auc"], ours["video/auc"], EXACT)
        if "video_auc_if_grouped_by_full_path" in expected:
            yield from _groupings(name, expected, scores)
    yield from _one_class(golden["edge_cases"])
    yield from _training_figures(golden)


def _groupings(name: str, expected: dict[str, Any], scores: Scores) -> Iterator[Result]:
    key = "video_auc_if_grouped_by_full_path"
    yield compare(f"{name}.{key}", expected[key], evaluate(scores, ["detection"])["video/auc"], EXACT)
    for key, grouping in (
        ("videos_after_grouping_by_parent_folder_name", "folder"),
        ("distinct_video_folders", "path"),
    ):
        yield compare(f"{name}.{key}", expected[key], len(scores.by_video(grouping)), EXACT)


def _one_class(expected: dict[str, str]) -> Iterator[Result]:
    for label, name in ((1, "all_fake"), (0, "all_real")):
        value = METRICS["auc"](np.full(4, label), np.linspace(0.1, 0.9, 4))
        yield Result(f"edge_cases.{name}", not math.isnan(value), f"undefined; reference {expected[name]}")
    whole = prediction_set("balanced10x32")
    try:
        replace(whole, fake_prob=whole.fake_prob[1:])
    except ContractError:
        yield Result("edge_cases.fewer_predictions_than_names", True, "refused, as there")
    yield Result("edge_cases.train_batch_all_fake", None, "its logits are not given")


def _training_figures(golden: Golden) -> Iterator[Result]:
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(f"{golden['salt']}metrics/train".encode())))
    logits = rng.standard_normal((32, 2)).astype(np.float32)
    label, prob = rng.integers(0, 2, 32), softmax(logits, axis=1)[:, 1]
    both = np.concatenate([label, 1 - label]), np.concatenate([prob, prob[::-1]])
    one_batch, pooled = (golden["train_batch"][k] for k in golden["train_batch"] if k != "rule")
    ours = [METRICS[k](label, prob) for k in ("auc", "eer", "acc", "ap")]
    yield compare("train_batch.one", one_batch, ours, 1e-6)
    yield compare("train_batch.pooled", list(pooled.values()), [METRICS[k](*both) for k in pooled], 1e-6)
    logged = golden["acc_real_acc_fake_of_the_trainer"]
    scores = prediction_set(logged["case"], golden["salt"])
    classes = [scores.select(scores.label == value) for value in (0, 1)]
    ours = [METRICS["acc"](s.label, s.fake_prob) for s in classes]
    yield compare("acc_real_acc_fake_of_the_trainer.true_per_class", logged["true_per_class"], ours, EXACT)
    yield Result("acc_real_acc_fake_of_the_trainer.as_logged", None, "halves of shuffled rows: no figure of ours")
