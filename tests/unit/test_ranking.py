"""Ranking metrics against scikit-learn, brute force and invariants."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score, roc_curve

from training.metrics.ranking import METRICS, Ranking

AUC, AP, EER, ACC = (METRICS[name] for name in ("auc", "ap", "eer", "acc"))


@st.composite
def labelled(draw, most=60):
    """Labels of both classes, and scores on a coarse grid, so that ties are common."""
    label = draw(st.lists(st.integers(0, 1), min_size=2, max_size=most).filter(lambda x: len(set(x)) == 2))
    levels = draw(st.sampled_from([1, 2, 5, 1000]))
    score = draw(st.lists(st.integers(0, levels), min_size=len(label), max_size=len(label)))
    return np.array(label), np.array(score) / levels


def usual_eer(label, score, weight=None):
    """The field's idiom on scikit-learn's curve."""
    fpr, tpr, _ = roc_curve(label, score, sample_weight=weight)
    best = np.nanargmin(np.abs((1 - tpr) - fpr))
    return fpr[best] if best else 0.5


@settings(deadline=None)
@given(labelled())
def test_equal_to_scikit_learn(rows):
    label, score = rows
    assert AUC(label, score) == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert AP(label, score) == pytest.approx(average_precision_score(label, score), abs=1e-12)
    assert ACC(label, score) == pytest.approx(accuracy_score(label, score > 0.5), abs=1e-12)
    assert EER(label, score) == usual_eer(label, score)


@settings(deadline=None)
@given(labelled(), st.data())
def test_integer_weights_are_repetitions(rows, data):
    label, score = rows
    weight = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(label), max_size=len(label))))
    repeated = np.repeat(np.arange(len(label)), weight)
    if len(set(label[repeated])) < 2:
        return
    ranking = Ranking(label, score)
    counts = ranking.counts(weight[ranking.order])
    for metric in METRICS.values():
        assert metric.of(counts) == pytest.approx(metric(label[repeated], score[repeated]), abs=1e-12), metric.name


def test_long_runs_of_one_class_do_not_hide_the_corners_of_the_curve():
    """The search for the equal error rate starts with a small window; here the corners lie far outside it."""
    label = np.array([1] * 700 + [0] * 5000 + [1] * 3000 + [0] * 200)
    score = np.linspace(1, 0, len(label))
    assert EER(label, score) == usual_eer(label, score)
    weight = (np.arange(len(label)) % 7 == 0).astype(int)
    ranking = Ranking(label, score)
    assert EER.of(ranking.counts(weight[ranking.order])) == usual_eer(label, score, weight)


def test_large_tables_are_counted_like_small_ones():
    """More rows than fit into one piece, and counts too large for 32 bits."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 150_000)
    score = rng.random(150_000) + 0.2 * label
    assert AP(label, score) == pytest.approx(average_precision_score(label, score), abs=1e-12)
    ranking = Ranking(label, score)
    counts, many = ranking.counts(), ranking.counts(np.full(150_000, 2**15))
    for metric in METRICS.values():
        assert metric.of(many) == pytest.approx(metric.of(counts), abs=1e-12), metric.name


@settings(deadline=None)
@given(labelled())
def test_tnr_at_tpr_is_the_best_of_all_thresholds_that_catch_enough(rows):
    label, score = rows
    for share in (95, 99):
        caught = [(score[label == 1] >= t).mean() * 100 >= share for t in sorted(set(score))]
        spared = [(score[label == 0] < t).mean() for t in sorted(set(score))]
        best = max(s for s, enough in zip(spared, caught, strict=True) if enough)
        assert METRICS[f"tnr@tpr{share}"](label, score) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("fakes", [20, 40, 100, 1000])
def test_tnr_at_tpr_counts_an_exactly_reached_rate(fakes):
    """5 % of the fakes score lowest, all reals between them and the others: 95 % are caught with no false alarm."""
    missed = fakes // 20
    label = np.array([1] * (fakes - missed) + [0] * 10 + [1] * missed)
    assert METRICS["tnr@tpr95"](label, np.linspace(1, 0, len(label))) == 1


@settings(deadline=None)
@given(labelled())
def test_only_the_order_of_scores_counts(rows):
    label, score = rows
    moved = np.exp(3 * score) - 5
    for name in METRICS.keys() - {"acc"}:
        assert METRICS[name](label, score) == METRICS[name](label, moved), name
    shuffled = np.random.default_rng(0).permutation(len(label))
    assert AUC(label[shuffled], score[shuffled]) == AUC(label, score)


@settings(deadline=None)
@given(labelled())
def test_the_other_class_as_fake_turns_the_auc_around(rows):
    label, score = rows
    assert AUC(1 - label, score) == pytest.approx(1 - AUC(label, score), abs=1e-12)


def test_perfect_reversed_and_constant_scores():
    label = np.array([0, 0, 0, 1, 1])
    figures = {
        name: [METRICS[name](label, np.array(s)) for s in ([0, 0, 0, 1, 1], [1, 1, 1, 0, 0], [0.7] * 5)]
        for name in METRICS
    }
    assert figures["auc"] == [1, 0, 0.5]
    assert figures["eer"] == [0, 1, 0.5]
    assert figures["acc"] == [1, 0, 0.4]
    assert figures["tnr@tpr99"] == [1, 0, 0]
    assert figures["ap"] == pytest.approx([1, average_precision_score(label, 1 - label), 0.4])


def test_a_score_of_one_half_counts_as_real():
    assert ACC(np.array([0, 1]), np.array([0.5, 0.5])) == 0.5
    assert ACC(np.array([0]), np.array([0.5])) == 1


@pytest.mark.parametrize(
    ("label", "reason"), [([], "no frames"), ([0, 0], "only real frames"), ([1], "only fake frames")]
)
def test_one_class_has_no_ranking_figure_and_says_why(label, reason):
    label = np.array(label, dtype=int)
    for name in METRICS.keys() - {"acc"}:
        assert math.isnan(METRICS[name](label, np.full(len(label), 0.3)))
        assert METRICS[name].undefined(label) == reason
    assert (ACC.undefined(label) is None) == bool(len(label))


def test_direction():
    assert [name for name, metric in METRICS.items() if not metric.higher_is_better] == ["eer"]
