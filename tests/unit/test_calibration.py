"""Temperature, threshold, ECE and Brier against scikit-learn, brute force and probabilities whose truth is known."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss, recall_score

from analysis import style
from tests.unit.fabricated import scores
from tests.unit.test_ranking import labelled
from training.engine.evaluate import evaluate, summarize
from training.engine.evaluators.calibration import fitted, per_level
from training.engine.evaluators.detection import DIRECTIONS
from training.engine.evaluators.settings import Settings
from training.metrics.calibration import (
    brier,
    carried,
    ece,
    edges_of,
    excesses,
    fit,
    fit_temperature,
    fit_threshold,
    reliability,
    tempered,
)
from training.metrics.ranking import METRICS


def honest(seed=0, n=20_000):
    """Probabilities that mean what they say."""
    rng = np.random.default_rng(seed)
    prob = rng.beta(0.8, 1.2, n)
    return (rng.random(n) < prob).astype(int), prob


@pytest.mark.parametrize("heat", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_what_was_done_to_honest_probabilities(heat):
    label, prob = honest()
    spoilt = expit(logit(np.clip(prob, 1e-6, 1 - 1e-6)) * heat)
    assert fit_temperature(label, spoilt) == pytest.approx(heat, rel=0.04)
    found = tempered(spoilt, fit_temperature(label, spoilt))
    whole = np.zeros(len(label), dtype=int)
    errors = [ece(excesses(label, p, edges_of(p, "width"), whole, 1))[0] for p in (prob, spoilt, found)]
    assert errors[2] == pytest.approx(errors[0], abs=0.005)
    assert errors[1] > errors[2] + 0.05 or heat == 1


def test_no_temperature_makes_the_labels_likelier():
    label, prob = honest(n=400)
    best = log_loss(label, tempered(prob, fit_temperature(label, prob)))
    assert all(best <= log_loss(label, tempered(prob, t)) + 1e-9 for t in np.geomspace(0.01, 100, 200))


def test_the_order_of_scores_and_one_half_stay():
    prob = np.array([0.0, 1e-9, 0.2, 0.5, 0.9, 1.0])
    found = tempered(prob, 2.5)
    assert (np.diff(found) >= 0).all() and found[3] == 0.5 and 0 < found[0] < found[-1] < 1


def balanced(label, said):
    return (said[label == 1].mean() + (~said[label == 0]).mean()) / 2


@settings(deadline=None)
@given(labelled())
def test_no_threshold_has_a_higher_balanced_accuracy(rows):
    label, score = rows
    threshold = fit_threshold(label, score)
    best = max(balanced(label, score > t) for t in (*score, -0.1))
    assert balanced(label, score > threshold) == pytest.approx(best)
    assert 0 <= threshold <= 1
    figures = {metric.name: metric(label, score) for metric in carried(threshold)}
    assert figures["bacc@source"] == pytest.approx(best)
    assert figures["gap"] == 0


def test_false_alarms_are_the_reals_above_the_threshold():
    label, prob = honest(n=500)
    found = fit(label, prob)
    assert found.fpr == pytest.approx(1 - recall_score(label, prob > found.threshold, pos_label=0))
    assert 0 < found.fpr < 1


def test_of_equal_thresholds_the_one_with_most_room_wins():
    label, score = np.array([0, 0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.5, 0.6, 0.9])
    assert fit_threshold(label, score) == pytest.approx(0.55), "two cuts are equally good but for their room"
    assert fit_threshold(np.array([0, 1]), np.array([0.1, 0.7])) == pytest.approx(0.4)
    assert fit_threshold(np.array([0, 1]), np.array([1.0, 1.0])) == 1, "all of them real"


@settings(deadline=None)
@given(labelled(), st.floats(0, 1))
def test_a_carried_threshold_is_judged_by_the_confusion_matrix(rows, threshold):
    label, score = rows
    said = score > threshold
    cells = [(label == truth) & (said == word) for truth in (0, 1) for word in (False, True)]
    tn, fp, fn, tp = (rows.sum() for rows in cells)
    found = {metric.name: metric(label, score) for metric in carried(threshold)}
    assert found["tpr@source"] == pytest.approx(tp / (tp + fn))
    assert found["tnr@source"] == pytest.approx(tn / (tn + fp))
    assert found["fpr@source"] == pytest.approx(fp / (tn + fp))
    assert found["acc@source"] == pytest.approx((tp + tn) / len(label))
    assert found["bacc@source"] == pytest.approx(balanced(label, said))
    best = max(balanced(label, score > t) for t in (*score, -0.1))
    assert found["gap"] == pytest.approx(best - found["bacc@source"], abs=1e-12)
    assert found["gap"] >= 0


@pytest.mark.parametrize(("kind", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_reliability_curve_is_scikit_learns(kind, strategy):
    label, prob = honest(n=3000)
    curve = reliability(label, prob, edges_of(prob, kind, bins=10))
    share, mean = calibration_curve(label, prob, n_bins=10, strategy=strategy)
    assert curve.fake == pytest.approx(share)
    assert curve.prob == pytest.approx(mean)
    assert curve.rows.sum() == 3000
    assert np.ptp(curve.rows) <= 1 or kind == "width"


def test_ece_is_what_guo_et_al_define_and_empty_bins_do_not_count():
    label, prob = np.array([0, 1, 1, 0, 1, 1]), np.array([0.05, 0.06, 0.61, 0.62, 0.99, 1.0])
    bins = [(0, 1), (2, 3), (4, 5)]
    wanted = sum(2 / 6 * abs(prob[list(rows)].mean() - label[list(rows)].mean()) for rows in bins)
    for clusters in (np.zeros(6, dtype=int), np.arange(6)):
        sums = excesses(label, prob, edges_of(prob, "width"), clusters, clusters.max() + 1).sum(0, keepdims=True)
        assert ece(sums) == pytest.approx([wanted])
    curve = reliability(label, prob, edges_of(prob, "width"))
    assert np.isnan(curve.fake[5]) and curve.rows[5] == 0


def test_brier_is_scikit_learns():
    label, prob = honest(n=100)
    assert brier(label, prob) == pytest.approx(brier_score_loss(label, prob))


def test_one_class_gives_no_calibration():
    assert fit(np.zeros(5, dtype=int), np.full(5, 0.2)) is None
    assert fitted({"A": scores().select(scores().label == 0)}, Settings()) is None
    assert fitted({}, Settings()) is None
    assert per_level(None) == {}


def test_a_checkpoint_carries_it_to_every_test_set():
    source, target = scores("A", separation=1.4), scores("B", separation=0.4, seed=3)
    tree = fitted({"A": source}, Settings())
    assert json.loads(json.dumps(tree)) == tree
    summary = summarize({"A": source, "B": target}, "x", "r", settings=Settings(resamples=60), calibration=tree)
    assert summary["calibration"] == tree
    for name, table in (("A", source), ("B", target)):
        figures = summary["sets"][name]["metrics"]
        for level, rows in (("frame", table), ("video", table.by_video())):
            found = per_level(tree)[level]
            right = (rows.fake_prob > found.threshold) == rows.label
            assert figures[f"{level}/acc@source"]["value"] == pytest.approx(right.mean())
            assert figures[f"{level}/tnr@source"]["value"] == pytest.approx(right[rows.label == 0].mean())
            assert figures[f"{level}/brier"]["value"] == pytest.approx(brier(rows.label, rows.fake_prob))
            scaled = found.scaled(rows.fake_prob)
            assert figures[f"{level}/brier@scaled"]["value"] == pytest.approx(brier(rows.label, scaled))
        assert all(f["low"] <= f["high"] for f in figures.values())
        assert figures["frame/brier"]["low"] < figures["frame/brier"]["value"] < figures["frame/brier"]["high"]
    assert summary["sets"]["A"]["metrics"]["frame/gap"]["value"] == 0
    assert summary["sets"]["B"]["metrics"]["frame/gap"]["value"] > 0


def test_bounds_of_summed_figures_are_those_of_copied_rows():
    """The bootstrap adds up each cluster's sums; here the rows of the drawn clusters are copied."""
    from training.metrics.statistics import draw, resample_sums, strata

    table = scores(videos=6)
    label, prob = table.label, table.fake_prob
    cluster = np.unique(table.video.astype(str), return_inverse=True)[1]
    edges = edges_of(prob, "mass", 5)
    drawn = resample_sums(label, cluster, excesses(label, prob, edges, cluster, cluster.max() + 1), 20, seed=4)
    rng, groups = np.random.default_rng(4), strata(label, cluster)
    for found in ece(drawn):
        times = draw(groups, rng)
        rows = np.concatenate([np.tile(np.flatnonzero(cluster == c), n) for c, n in enumerate(times)])
        curve = reliability(label[rows], prob[rows], edges)
        assert found == pytest.approx(np.nansum(np.abs(curve.prob - curve.fake) * curve.rows) / len(rows))


def test_figures_that_need_one_class_have_it():
    only = scores().select(scores().label == 0)
    tree = fitted({"A": scores()}, Settings())
    figures = summarize({"A": only}, "x", "r", settings=Settings(resamples=10), calibration=tree)["sets"]["A"][
        "metrics"
    ]
    assert figures["video/tnr@source"].keys() == {"value", "low", "high"}
    assert figures["video/tpr@source"] == {"value": None, "undefined": "only real videos"}
    assert figures["video/gap"] == {"value": None, "undefined": "only real videos"}
    assert evaluate(only.select(slice(0, 0)), ["detection"])["frame/brier"] is None


def test_ranking_figures_do_not_change_with_a_calibration():
    tree = fitted({"A": scores()}, Settings())
    with_it, without = (
        summarize({"A": scores()}, "x", "r", settings=Settings(resamples=20), calibration=c)["sets"]["A"]["metrics"]
        for c in (tree, None)
    )
    assert all(with_it[f"frame/{name}"] == without[f"frame/{name}"] for name in METRICS)


def test_tables_know_every_figure_and_its_direction():
    assert set(DIRECTIONS) <= set(style.METRICS)
    assert {name for name, higher in DIRECTIONS.items() if not higher} == style.LOWER_IS_BETTER
