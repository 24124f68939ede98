"""DeLong's variances against their definition, resampling and simulation; paired differences; Holm against closure."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from tests.unit.test_statistics import population
from training.metrics.comparison import holm, over_runs, paired
from training.metrics.influence import area, difference, placements
from training.metrics.ranking import METRICS
from training.metrics.statistics import resample


def rows(seed=0, n=40, decimals=1):
    """Labels and two correlated scores with ties."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n) % 3 > 0).astype(int)
    shared = rng.normal(size=n) + label
    return label, np.round(shared + rng.normal(size=n), decimals), np.round(shared + rng.normal(size=n), decimals)


def kernel(label, score):
    """``psi(fake, real)``: 1 above, 1/2 equal, 0 below."""
    fake, real = score[label == 1][:, None], score[label == 0][None]
    return (fake > real) + 0.5 * (fake == real)


def covariance(label, *scores):
    """DeLong's covariance of AUCs, from the definition of its components."""
    over_reals = np.cov(np.stack([kernel(label, s).mean(1) for s in scores]), ddof=1)
    over_fakes = np.cov(np.stack([kernel(label, s).mean(0) for s in scores]), ddof=1)
    return over_reals / (label == 1).sum() + over_fakes / (label == 0).sum()


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_rows_on_their_own_give_delongs_covariance(decimals):
    label, *scores = rows(decimals=decimals)
    own = np.arange(len(label))
    first, second = (area(label, score, own, len(label)) for score in scores)
    wanted = covariance(label, *scores)
    assert first.value == pytest.approx(roc_auc_score(label, scores[0]))
    assert first.error**2 == pytest.approx(wanted[0, 0])
    assert first.influence @ second.influence == pytest.approx(wanted[0, 1])
    found, error = difference(first, second), np.sqrt(wanted[0, 0] + wanted[1, 1] - 2 * wanted[0, 1])
    assert found.value == pytest.approx(roc_auc_score(label, scores[0]) - roc_auc_score(label, scores[1]))
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * error, rel=1e-5)
    assert found.p == pytest.approx(2 * stats.norm.cdf(-abs(found.value) / error))


def test_placements_are_shares():
    label, score, _ = rows(decimals=0)
    share = placements(label, score)
    assert share[label == 1] == pytest.approx(kernel(label, score).mean(1))
    assert share[label == 0] == pytest.approx(kernel(label, score).mean(0))


@pytest.mark.parametrize("mixed", [False, True])
def test_clusters_agree_with_resampling_them(mixed):
    label, score, cluster = population(np.random.default_rng(4), 120, 10, mixed)
    other = score + np.random.default_rng(5).normal(0, 1, 120)[cluster]
    found = [area(label, s, cluster, 120) for s in (score, other)]
    drawn = [resample(label, s, cluster, [METRICS["auc"]], 600)[:, 0] for s in (score, other)]
    assert found[0].error == pytest.approx(drawn[0].std(), rel=0.12)
    assert np.linalg.norm(found[0].influence - found[1].influence) == pytest.approx(
        (drawn[0] - drawn[1]).std(), rel=0.12
    )
    naive = area(label, score, np.arange(1200), 1200)
    assert found[0].error > (1 if mixed else 1.5) * naive.error, "frames are not independent"


def test_its_intervals_hold_the_truth_and_its_tests_err_as_often_as_they_say():
    truth, rng, hits, errors = stats.norm.cdf(1 / np.sqrt(2)), np.random.default_rng(8), 0, 0
    for _ in range(300):
        label, score, cluster = population(rng, 60, 5)
        noise = rng.normal(0, 0.6, (2, 60))[:, cluster]
        first = area(label, score, cluster, 60)
        low, high = first.bounds()
        hits += low <= truth <= high
        errors += difference(*(area(label, score + own, cluster, 60) for own in noise)).p < 0.05
    assert 0.9 <= hits / 300 <= 0.99
    assert 0.01 <= errors / 300 <= 0.1


def test_bounds_stay_between_0_and_1():
    label, score = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.5, 0.4, 0.6, 0.7])
    low, high = area(label, score, np.arange(6), 6).bounds(0.999)
    assert 0 < low < 8 / 9 < high < 1
    assert area(label, label / 2, np.arange(6), 6).bounds() == (1, 1)


def test_equal_scores_do_not_differ():
    label, score, _ = rows()
    one = area(label, score, np.arange(40), 40)
    assert difference(one, one) == difference(one, area(label, 2 * score, np.arange(40), 40))
    assert (difference(one, one).p, difference(one, one).low) == (1, 0)


def test_detectors_are_compared_under_the_same_resamples():
    label, score, cluster = population(np.random.default_rng(6), 60, 5)
    better = score + 0.4 * label
    metrics = [METRICS["auc"], METRICS["ap"]]
    drawn = [resample(label, s, cluster, metrics, 300, seed=3) for s in (better, score)]
    for column, metric in enumerate(metrics):
        pair = [(metric(label, s), values[:, column]) for s, values in zip((better, score), drawn, strict=True)]
        found = paired(*pair)
        assert found.low < found.value == pair[0][0] - pair[1][0] < found.high
        assert (found.low, found.p) == (
            pytest.approx(np.quantile(drawn[0][:, column] - drawn[1][:, column], 0.025)),
            2 / 301,
        )
        alone = pair[0][1].std() + pair[1][1].std()
        assert found.high - found.low < 2 * alone, "what both share drops out"
        assert paired(pair[1], pair[0]).value == -found.value
    assert paired(pair[0], pair[0]).p == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_holm_is_the_closure_of_bonferroni(p):
    """A hypothesis falls at a level when every set of hypotheses that it belongs to does, by Bonferroni."""
    number = range(len(p))
    sets = [one for size in range(1, len(p) + 1) for one in combinations(number, size)]
    wanted = [max(min(1, len(one) * min(p[i] for i in one)) for one in sets if k in one) for k in number]
    assert holm(p) == pytest.approx(wanted)


def test_several_seeds_give_students_interval():
    values = [0.81, 0.84, 0.79, 0.86]
    wanted = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert over_runs(values) == pytest.approx(wanted)
    assert over_runs([0.8]) is None
    assert holm([]) == []
