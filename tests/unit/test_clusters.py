"""Baselines on frozen features: k-means finds what scikit-learn finds, and neighbors vote as scikit-learn's do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans as Reference
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from training.core.types import Batch
from training.detectors.kmeans import KMeans
from training.detectors.knn import KNearest

KNOWN, CLASSES, DIM, COUNT = 2, 4, 8, 40
TEMPERATURE = 0.07


class Cached(nn.Identity):
    """Stands where features come in place of pictures."""

    dim = DIM


def blobs(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Unit-length features of CLASSES groups, and the group of each."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(CLASSES), COUNT)
    middle = np.eye(DIM)[:CLASSES] * 3
    feature = torch.from_numpy(middle[truth] + rng.normal(0, 0.6, (len(truth), DIM))).float()
    return F.normalize(feature, dim=1), torch.from_numpy(truth)


def batch_of(feature: Tensor, truth: Tensor) -> Batch:
    """Every other picture of a known group is labelled."""
    rows = torch.arange(len(truth))
    labelled = (truth < KNOWN) & (rows % 2 == 0)
    method = torch.where(labelled, truth, -1)
    return Batch(feature, method, method, labelled, method, [], index=rows)


def learned(detector: KMeans, batch: Batch, steps: int = 200) -> KMeans:
    step = torch.optim.SGD([detector.centers], lr=0.2)
    for _ in range(steps):
        step.zero_grad()
        detector.loss(batch).total.backward()
        step.step()
    return detector.eval()


@pytest.mark.parametrize("method", [KMeans, KNearest])
def test_known_classes_keep_their_number_and_the_others_are_found(method: type[KMeans]) -> None:
    torch.manual_seed(0)
    feature, truth = blobs()
    detector = learned(method(Cached, CLASSES, KNOWN, 0), batch_of(feature, truth))
    found = detector.predict(batch_of(feature, truth)).method_logits.argmax(1)
    known = truth < KNOWN
    assert (found[known] == truth[known]).float().mean() > 0.95
    again = Reference(CLASSES, n_init=10, random_state=0).fit_predict(feature)
    ours = adjusted_rand_score(truth, found)
    assert ours > adjusted_rand_score(truth, again) - 0.05


def test_neighbors_vote_as_scikit_learns_do() -> None:
    torch.manual_seed(0)
    feature, truth = blobs()
    batch = batch_of(feature, truth)
    detector = learned(KNearest(Cached, CLASSES, KNOWN, 0, neighbors=7, temperature=TEMPERATURE), batch)
    nearest = torch.cdist(feature, detector.centers.detach()).argmin(1)
    voted = torch.where(batch.labelled, truth, nearest)
    reference = KNeighborsClassifier(7, weights=lambda d: np.exp(-(d**2) / 2 / TEMPERATURE)).fit(feature, voted)
    fresh = blobs(seed=1)[0]
    shares = detector.outputs(fresh)["logits"].exp().detach().numpy()
    np.testing.assert_allclose(shares, reference.predict_proba(fresh), atol=1e-5)


def test_a_picture_seen_again_votes_once() -> None:
    batch = batch_of(*blobs())
    detector = KNearest(Cached, CLASSES, KNOWN, 0)
    for _ in range(3):
        detector.loss(batch)
    assert int((detector.kept.norm(dim=1) > 0).sum()) == len(batch)
