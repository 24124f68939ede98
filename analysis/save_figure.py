"""Every figure is saved with the numbers behind it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from training.core.paths import atomic


def save_figure(figure: Figure, path: Path, columns: Mapping[str, Sequence]) -> Path:
    """Write ``figure`` to ``path`` (PNG) and ``columns``, the data it shows, beside it as CSV."""
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png")
    save_columns(path.with_suffix(".csv"), columns)
    return path


def save_columns(path: Path, columns: Mapping[str, Sequence]) -> None:
    """Write ``columns`` of one length by name as CSV."""
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
