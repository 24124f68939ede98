"""Feature vectors of a pass over a test set, in files while it lasts: memory does not grow with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from training.engine import distributed


class Spill:
    """What one process appends to a file of its own below the name ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.{distributed.rank()}.part")
        self.width: int | None = None
        self.path.unlink(missing_ok=True)  # of a pass that was interrupted

    def add(self, vectors: Tensor) -> None:
        """Append ``(n, d)``."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.width = vectors.shape[1]
        with self.path.open("ab") as file:
            file.write(vectors.float().cpu().numpy().tobytes())


class Spilled:
    """The vectors ``(N, d)`` float32 of all processes in the order of the scores, read in blocks when asked for.

    Args:
        files: of each process: file and width of what it appended.
        part, row: of each of the ``N``: in which file, and where.
    """

    def __init__(self, files: list[tuple[Path, int]], part: np.ndarray, row: np.ndarray) -> None:
        self._paths = [path for path, _ in files]
        self._arrays = [np.memmap(path, np.float32, "r").reshape(-1, width) for path, width in files]
        self._part, self._row = part, row
        self.shape = len(part), files[0][1]

    def __len__(self) -> int:
        return len(self._part)

    def __getitem__(self, rows: slice) -> np.ndarray:
        part, row = self._part[rows], self._row[rows]
        found = np.empty((len(part), self.shape[1]), np.float32)
        for number, array in enumerate(self._arrays):
            found[part == number] = array[row[part == number]]
        return found

    def remove(self) -> None:
        """Delete the files."""
        self._arrays = []
        for path in self._paths:
            path.unlink(missing_ok=True)
