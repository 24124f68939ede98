"""Attribution metrics against scikit-learn, and against every permutation where those are few."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from training.metrics.attribution import ATTRIBUTION_METRICS, Table

KNOWN = 2


def drawn(seed: int, classes: int = 5, outputs: int = 6, rows: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, rows)
    return true, np.where(rng.random(rows) < 0.6, (true * 2) % outputs, rng.integers(0, outputs, rows))


def figures(true: np.ndarray, predicted: np.ndarray, known: int = KNOWN) -> dict[str, float]:
    table = Table.of(true, predicted, known)
    return {name: metric.of(table) for name, metric in ATTRIBUTION_METRICS.items()}


@pytest.mark.parametrize("seed", range(4))
def test_nmi_and_ari_are_scikit_learns_on_each_part(seed: int) -> None:
    true, predicted = drawn(seed)
    found = figures(true, predicted)
    for part, rows in {"all": true >= 0, "known": true < KNOWN, "novel": true >= KNOWN}.items():
        assert found[f"{part}_nmi"] == pytest.approx(normalized_mutual_info_score(true[rows], predicted[rows]))
        assert found[f"{part}_ari"] == pytest.approx(adjusted_rand_score(true[rows], predicted[rows]))


@pytest.mark.parametrize("seed", range(4))
def test_accuracies_are_the_best_over_all_permutations(seed: int) -> None:
    true, predicted = drawn(seed)
    novel, found = true >= KNOWN, figures(true, predicted)
    every = [np.array(names) for names in itertools.permutations(range(6))]
    assert found["all_acc"] == pytest.approx(max((names[predicted] == true).mean() for names in every))
    assert found["novel_acc"] == pytest.approx(max((names[predicted] == true)[novel].mean() for names in every))
    assert found["known_acc"] == pytest.approx((predicted == true)[~novel].mean())
    kept = [names for names in every if (names[:KNOWN] == np.arange(KNOWN)).all()]
    assert found["strict_all_acc"] == pytest.approx(max((names[predicted] == true).mean() for names in kept))
    assert found["strict_novel_acc"] == pytest.approx(max((names[predicted] == true)[novel].mean() for names in kept))


def test_strict_accuracy_does_not_let_a_novel_class_claim_a_known_output() -> None:
    true = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    everything_known = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    found = figures(true, everything_known)
    assert (found["novel_acc"], found["strict_novel_acc"]) == (1.0, 0.0)
    assert (found["all_acc"], found["strict_all_acc"]) == (0.5, 0.5)


def test_perfect_up_to_the_names_of_clusters_is_perfect_everywhere() -> None:
    true = np.repeat(np.arange(5), 7)
    found = figures(true, np.array([0, 1, 5, 4, 2])[true])
    assert found == {name: pytest.approx(1.0) for name in ATTRIBUTION_METRICS}


def test_weights_count_rows_again() -> None:
    true, predicted = drawn(9)
    weight = np.random.default_rng(1).integers(0, 4, len(true))
    weighted, copied = Table.of(true, predicted, KNOWN, weight), np.repeat(np.arange(len(true)), weight)
    for metric in ATTRIBUTION_METRICS.values():
        assert metric.of(weighted) == pytest.approx(metric.of(Table.of(true[copied], predicted[copied], KNOWN)))


def test_a_part_without_pictures_has_no_figure_and_says_so() -> None:
    table = Table.of(np.array([0, 1]), np.array([0, 0]), KNOWN)
    reasons = {name: metric.undefined(table, "videos") for name, metric in ATTRIBUTION_METRICS.items()}
    assert {name for name, reason in reasons.items() if reason} == {n for n in reasons if "novel" in n}
    assert reasons["novel_acc"] == "no novel videos"


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 6), st.integers(0, 3), st.integers(8, 60))
def test_names_of_clusters_order_of_rows_and_doubling_them_change_nothing(
    seed: int, classes: int, spare: int, rows: int
) -> None:
    rng = np.random.default_rng(seed)
    true = np.concatenate([np.arange(classes), rng.integers(0, classes, rows)])
    predicted = rng.integers(0, classes + spare, len(true))
    found = figures(true, predicted)
    assert all(math.isnan(v) or -1 <= v <= 1 + 1e-9 for v in found.values())
    renamed = np.concatenate([np.arange(KNOWN), KNOWN + rng.permutation(classes + spare - KNOWN)])
    order = rng.permutation(len(true))
    for others in (figures(true, renamed[predicted]), figures(true[order], predicted[order])):
        assert others == pytest.approx(found, nan_ok=True)
    doubled = figures(np.tile(true, 2), np.tile(predicted, 2))
    for name in (name for name in found if not name.endswith("ari")):  # counts pairs: more rows, less by chance
        assert doubled[name] == pytest.approx(found[name], nan_ok=True)
