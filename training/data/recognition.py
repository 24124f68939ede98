"""Whose face it is, as a vector: dlib's face-recognition network, which needs no GPU and no download of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from preprocessing.manifest import Record
from preprocessing.store import FrameStore
from training.core.errors import DataError, WeightsError
from training.core.paths import WEIGHTS, shown
from training.data.blending.hulls import POINTS

CHIP, MARGIN = 150, 0.25
"""Size in pixels and margin with which the network was trained."""


class Recognition:
    """Embeddings of stored faces, each computed once per process (about 50 ms) and kept (half a kilobyte).

    Faces of one person lie within about 0.6 of each other before they are scaled to unit length (King, dlib 19.3).

    Raises:
        WeightsError: the network is not in ``weights/``.
    """

    def __init__(self, path: Path = WEIGHTS / "dlib_face_recognition_resnet_model_v1.dat") -> None:
        if not path.is_file():
            raise WeightsError(f"no face-recognition network {shown(path)}; install.sh puts it there")
        self._path = path
        self._network: Any = None
        self._known: dict[str, Tensor] = {}

    def of(self, record: Record, store: FrameStore) -> Tensor:
        """``(128,)`` float32 of unit length; augmentation has no part in it.

        Raises:
            DataError: the face has no landmarks, or other than 68 or 81.
        """
        if record.key not in self._known:
            points = store.landmarks(record)
            if len(points) not in (68, 81):
                raise DataError(f"{record.key}: has {len(points)} landmarks; face recognition needs 68 or 81")
            self._known[record.key] = self._embed(store.image(record), points[:POINTS])
        return self._known[record.key]

    def _embed(self, face: np.ndarray, points: np.ndarray) -> Tensor:
        import dlib  # only here: most runs need none of it

        if self._network is None:
            self._network = dlib.face_recognition_model_v1(str(self._path))
        places = dlib.points([dlib.point(int(x), int(y)) for x, y in np.rint(points)])
        shape = dlib.full_object_detection(dlib.rectangle(0, 0, face.shape[1] - 1, face.shape[0] - 1), places)
        chip = dlib.get_face_chip(face, shape, size=CHIP, padding=MARGIN)
        return torch.nn.functional.normalize(
            torch.tensor(list(self._network.compute_face_descriptor(chip)), dtype=torch.float32), dim=0
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None}
