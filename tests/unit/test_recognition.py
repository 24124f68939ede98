"""Identity embeddings: of unit length, of the stored face, once per face; and what is missing."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from preprocessing.store import open_store
from training.core.errors import DataError, WeightsError
from training.core.paths import WEIGHTS
from training.core.schema import DataConfig
from training.data.recognition import Recognition
from training.data.select import select

NETWORK = WEIGHTS / "dlib_face_recognition_resnet_model_v1.dat"
needs_network = pytest.mark.skipif(not NETWORK.is_file(), reason="dlib's face-recognition network is not in weights/")


def faces(toy: Path):
    [chosen] = select(["Toy"], "train", 0, DataConfig(root=toy / "datasets", manifests=toy / "manifests"))
    return chosen.records, open_store(toy / "datasets", "Toy")


@needs_network
def test_embeddings_are_unit_vectors_that_depend_on_the_face_alone(toy: Path) -> None:
    records, store = faces(toy)
    first = Recognition()
    embedding = first.of(records[0], store)
    assert embedding.dtype == torch.float32 and embedding.shape == (128,)
    assert embedding.norm().item() == pytest.approx(1, abs=1e-5)
    assert not torch.allclose(first.of(records[5], store), embedding, atol=1e-3)
    copied = pickle.loads(pickle.dumps(first))  # as a loader's worker gets it
    copied._known.clear()
    assert torch.equal(copied.of(records[0], store), embedding)


@needs_network
def test_landmarks_are_needed(toy: Path) -> None:
    records, store = faces(toy)
    with pytest.raises(DataError, match="lists no landmarks"):
        Recognition().of(replace(records[0], landmarks=None), store)
    store.landmarks = lambda record: np.zeros((5, 2), np.float32)
    with pytest.raises(DataError, match="has 5 landmarks; face recognition needs 68 or 81"):
        Recognition().of(records[0], store)


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no face-recognition network .*other\.dat; install\.sh puts it there"):
        Recognition(tmp_path / "other.dat")
