"""The attribution evaluator: what is known, what is novel, and how sure its figures are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score, roc_auc_score

from training.core.errors import ContractError
from training.engine.evaluate import EVALUATORS, evaluate, is_better, summarize
from training.engine.evaluators.settings import Settings
from training.engine.results import Scores
from training.metrics.attribution import ATTRIBUTION_METRICS, Table
from training.metrics.statistics import draw, strata, table_intervals

KNOWN, NOVEL = ("real", "Deepfakes"), ("FaceSwap", "StyleGAN")
OUTPUTS = (*KNOWN, "cluster 1", "cluster 2", "cluster 3")
SETTINGS = Settings(resamples=50)


def scores(videos: int = 6, frames: int = 4, noise: float = 1.5, seed: int = 0) -> Scores:
    """``videos`` of each of two known and two novel methods; the novel ones fall mostly into clusters 3 and 1."""
    rng = np.random.default_rng(seed)
    rows = [(m, v, f) for m in (*KNOWN, *NOVEL) for v in range(videos) for f in range(frames)]
    home = {"real": 0, "Deepfakes": 1, "FaceSwap": 4, "StyleGAN": 2}
    logits = 2.0 * np.eye(5)[[home[m] for m, _, _ in rows]] + rng.normal(0, noise, (len(rows), 5))
    return Scores(
        dataset=["Toy"] * len(rows),
        video=[f"{m}/{v:03d}" for m, v, _ in rows],
        frame=[f for *_, f in rows],
        label=[int(m != "real") for m, _, _ in rows],
        method=[m for m, _, _ in rows],
        source=[f"{v:03d}" for _, v, _ in rows],
        compression=[""] * len(rows),
        fake_prob=np.full(len(rows), 0.5),
        logits=logits,
        classes=OUTPUTS,
    )


def test_all_figures_at_both_levels_and_their_values() -> None:
    table = scores()
    found = evaluate(table, ["attribution"])
    names = EVALUATORS["attribution"].directions
    assert found.keys() == {f"{level}/{name}" for level in ("frame", "video") for name in names}
    output, known = table.logits.argmax(1), np.isin(table.method, KNOWN)
    right = output == np.where(table.method == "real", 0, 1)
    assert found["frame/known_acc"] == pytest.approx(right[known].mean())
    assert found["frame/novel_nmi"] == pytest.approx(normalized_mutual_info_score(table.method[~known], output[~known]))
    probs = np.exp(table.logits) / np.exp(table.logits).sum(1, keepdims=True)
    assert found["frame/open_set_auroc"] == pytest.approx(roc_auc_score(known, probs[:, :2].sum(1)))
    assert found["video/all_acc"] > found["frame/all_acc"], "the mean over frames is surer than a frame"


def test_counts_tell_true_methods_from_outputs() -> None:
    counts = summarize({"A": scores(noise=0)}, "cal", "run", ["attribution"], SETTINGS)["sets"]["A"]["counts"]
    expected = {"methods": 4, "known_methods": 2, "outputs": 5, "outputs_used": 4}
    assert {name: counts[name] for name in expected} == expected


def test_intervals_are_those_of_copied_clusters_about_the_figure() -> None:
    table = scores()
    true = np.array([(*KNOWN, *NOVEL).index(m) for m in table.method])
    output, cluster = table.logits.argmax(1), np.unique(table.video, return_inverse=True)[1]
    metrics = list(ATTRIBUTION_METRICS.values())
    found = table_intervals(true, output, 2, cluster, metrics, resamples=40, confidence=0.9, seed=5)
    rng, groups = np.random.default_rng(5), strata(true, cluster)
    values = {metric.name: [] for metric in metrics}
    for _ in range(40):
        times = draw(groups, rng)
        rows = np.concatenate([np.tile(np.flatnonzero(cluster == c), n) for c, n in enumerate(times)])
        for metric in metrics:
            values[metric.name].append(metric.of(Table.of(true[rows], output[rows], 2)))
    for name, bounds in found.items():
        figure = ATTRIBUTION_METRICS[name].of(Table.of(true, output, 2))
        moved = np.clip(values[name] + (figure - np.mean(values[name])), -0.5 if "ari" in name else 0, 1)
        assert bounds == pytest.approx(np.quantile(moved, [0.05, 0.95])), name


def test_an_interval_holds_its_figure_where_resamples_flatter_it() -> None:
    rng = np.random.default_rng(0)
    true, output = rng.integers(0, 6, 60), rng.integers(0, 8, 60)
    cluster, metrics = np.arange(60), list(ATTRIBUTION_METRICS.values())
    for name, (low, high) in table_intervals(true, output, 2, cluster, metrics, resamples=200).items():
        assert low <= ATTRIBUTION_METRICS[name].of(Table.of(true, output, 2)) <= high, name


def test_the_summary_bounds_each_figure_or_says_why_not() -> None:
    def figures(table: Scores) -> dict:
        tree = summarize({"A": table}, "cal", "run", ["attribution"], SETTINGS)
        assert json.loads(json.dumps(tree, allow_nan=False)) == tree
        return tree["sets"]["A"]["metrics"]

    for name, figure in figures(scores()).items():
        assert figure["low"] <= figure["value"] <= figure["high"], name
    few = figures(scores(videos=1))
    assert few["frame/novel_acc"]["no_interval"] == "no class has 2 videos"
    one_novel = figures(scores(videos=1).select(scores(videos=1).method != "StyleGAN"))
    assert one_novel["video/open_set_auroc"]["no_interval"] == "fewer than 2 novel videos"
    table = scores()
    known_only = figures(table.select(np.isin(table.method, KNOWN)))
    assert known_only["video/novel_acc"] == {"value": None, "undefined": "no novel videos"}
    assert known_only["frame/open_set_auroc"] == {"value": None, "undefined": "only known frames"}


def test_figures_can_be_monitored() -> None:
    assert is_better("frame/known_acc", 0.6, 0.5) and not is_better("video/all_nmi", 0.4, 0.5)


def test_scores_without_logits_or_with_mixed_outputs_are_refused() -> None:
    table = scores()
    plain = {name: getattr(table, name) for name in ("dataset", "video", "frame", "label", "method", "source")}
    bare = Scores(**plain, compression=table.compression, fake_prob=table.fake_prob)
    with pytest.raises(ContractError, match="no logits of methods"):
        evaluate(bare, ["attribution"])
    mixed = Scores(
        **plain,
        compression=table.compression,
        fake_prob=table.fake_prob,
        logits=table.logits,
        classes=("real", "cluster 1", "Deepfakes", "cluster 2", "cluster 3"),
    )
    with pytest.raises(ContractError, match="known methods come before"):
        evaluate(mixed, ["attribution"])
