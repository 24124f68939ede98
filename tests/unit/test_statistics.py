"""Bootstrap intervals against plain resampling, and against a population whose truth is known."""

import numpy as np
import pytest
from scipy.stats import norm

from training.metrics.ranking import METRICS
from training.metrics.statistics import MIXED, bounds, class_clusters, draw, intervals, strata, too_few


def population(rng, clusters, rows, mixed=False, spread=0.7, shift=1.0):
    """Normal scores with a random effect per cluster; ``mixed`` clusters hold rows of both classes."""
    cluster = np.repeat(np.arange(clusters), rows)
    label = rng.integers(0, 2, len(cluster)) if mixed else cluster % 2
    effect = rng.normal(0, spread, clusters)[cluster]
    return label, effect + rng.normal(0, np.sqrt(1 - spread**2), len(cluster)) + shift * label, cluster


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("decimals", [1, 8])
def test_equal_to_copying_the_rows_of_the_drawn_clusters(mixed, decimals):
    label, score, cluster = population(np.random.default_rng(3), 14, 5, mixed)
    score = np.round(score, decimals)
    found = intervals(label, score, cluster, list(METRICS.values()), resamples=60, confidence=0.9, seed=11)
    rng, groups = np.random.default_rng(11), strata(label, cluster)
    values = {name: [] for name in METRICS}
    for _ in range(60):
        times = draw(groups, rng)
        rows = np.concatenate([np.tile(np.flatnonzero(cluster == c), times[c]) for c in range(14)])
        for name, metric in METRICS.items():
            values[name].append(metric(label[rows], score[rows]))
    for name, (low, high) in found.items():
        assert (low, high) == pytest.approx(np.quantile(values[name], [0.05, 0.95]), abs=1e-12), name


def test_every_stratum_is_drawn_to_its_own_size():
    label = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    cluster = np.array([0, 1, 2, 3, 4, 4, 5, 5])
    groups = strata(label, cluster)
    assert {kind: members.tolist() for kind, members in groups.items()} == {0: [0, 1], 1: [2, 3], MIXED: [4, 5]}
    rng = np.random.default_rng(0)
    draws = np.array([draw(groups, rng) for _ in range(400)])
    assert (draws.reshape(400, 3, 2).sum(2) == 2).all()
    assert draws.mean(0) == pytest.approx(np.ones(6), abs=0.15)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Correlated frames: the clusters' interval holds the true AUC, one that takes frames for independent does not."""
    truth, rng, hits, naive = norm.cdf(1 / np.sqrt(2)), np.random.default_rng(5), 0, 0
    for seed in range(120):
        label, score, cluster = population(rng, 80, 8)
        for counted_as, clusters in (("clusters", cluster), ("rows", np.arange(len(cluster)))):
            low, high = intervals(label, score, clusters, [METRICS["auc"]], resamples=150, seed=seed)["auc"]
            hits += counted_as == "clusters" and low <= truth <= high
            naive += counted_as == "rows" and low <= truth <= high
    assert 0.86 <= hits / 120 <= 1
    assert naive / 120 < 0.75


def test_more_clusters_give_narrower_intervals():
    widths = []
    for clusters in (20, 320):
        label, score, cluster = population(np.random.default_rng(1), clusters, 3)
        low, high = intervals(label, score, cluster, [METRICS["auc"]], resamples=200)["auc"]
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_the_seed_decides_and_the_order_of_rows_does_not():
    label, score, cluster = population(np.random.default_rng(2), 10, 4)
    order = np.random.default_rng(0).permutation(len(label))
    given = intervals(label, score, cluster, [METRICS["ap"]], resamples=40, seed=1)
    assert given == intervals(label[order], score[order], cluster[order], [METRICS["ap"]], resamples=40, seed=1)
    assert given != intervals(label, score, cluster, [METRICS["ap"]], resamples=40, seed=2)


@pytest.mark.parametrize(
    ("label", "cluster", "reason"),
    [
        ([0, 1, 1], [0, 1, 2], "fewer than 2 real videos"),
        ([0, 0, 1, 1], [0, 1, 2, 2], "fewer than 2 fake videos"),
        ([0, 1, 0, 1], [0, 0, 1, 2], "fewer than 2 real videos"),
        ([0, 0, 1, 1], [0, 1, 2, 3], None),
        ([0, 1, 0, 1], [0, 0, 1, 1], None),
        ([0, 0], [0, 1], None),
    ],
)
def test_a_class_that_cannot_vary_gets_no_interval(label, cluster, reason):
    assert too_few(np.array(label), np.array(cluster)) == reason


def test_clusters_are_counted_per_class():
    assert class_clusters(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1])) == (1, 2)


def test_bounds_of_a_figure_that_resampling_enlarges_hold_it():
    """An estimate like ECE: resamples lie above it, and plain percentiles would leave it out."""
    rng = np.random.default_rng(9)
    drawn = 1.3 + 0.2 * rng.normal(size=1000)
    assert bounds(drawn, 0.95)[0] < 1 < bounds(drawn, 0.95)[1]
    low, high = bounds(drawn, 0.95, biased=1.0)
    shift = 2 * norm.ppf((drawn < 1).mean())
    assert (low, high) == pytest.approx(np.quantile(drawn, norm.cdf(shift + norm.ppf([0.025, 0.975]))))
    assert high < bounds(drawn, 0.95)[1]
    low, high = bounds(drawn, 0.95, biased=0.2)
    assert low == 0.2 < high
    assert bounds(drawn, 0.9, biased=float(np.median(drawn))) == pytest.approx(bounds(drawn, 0.9), abs=0.01)
