"""Features go to disk while they come, and from there into their file, a block at a time."""

import numpy as np
import torch

from tests.unit.fabricated import scores
from training.engine import results
from training.engine.results import load_features, save_features
from training.engine.spill import Spill, Spilled


def test_vectors_of_several_processes_come_in_the_order_of_the_scores(tmp_path, monkeypatch):
    table = scores(videos=5)
    order = np.random.default_rng(0).permutation(len(table))
    vectors = np.random.default_rng(1).normal(size=(len(table), 7)).astype(np.float32)
    shares, files = np.array_split(order, 2), []
    part, row = np.empty(len(table), int), np.empty(len(table), int)
    for number, mine in enumerate(shares):
        spill = Spill(tmp_path / f"of{number}.npz")
        for rows in np.array_split(mine, 3):
            spill.add(torch.from_numpy(vectors[rows]).to(torch.float32 if number else torch.float64))
        part[mine], row[mine] = number, np.arange(len(mine))
        files.append((spill.path, spill.width))
        assert spill.path.stat().st_size == vectors[mine].nbytes
    spilled = Spilled(files, part, row)
    assert spilled.shape == vectors.shape and np.array_equal(spilled[3:20], vectors[3:20])
    monkeypatch.setattr(results, "BLOCK", 16)
    save_features(tmp_path / "features.npz", table, spilled)
    assert np.array_equal(load_features(tmp_path / "features.npz", table), vectors)
    assert np.array_equal(np.load(tmp_path / "features.npz")["features"], vectors)
    spilled.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["features.npz"]


def test_what_an_interrupted_pass_left_is_not_taken_for_this_ones(tmp_path):
    for _ in range(2):
        spill = Spill(tmp_path / "a.npz")
        spill.add(torch.ones(3, 2))
    assert Spilled([(spill.path, spill.width)], np.zeros(3, int), np.arange(3))[:].shape == (3, 2)
