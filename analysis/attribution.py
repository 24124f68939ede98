"""Which output stands for which method, and how each method fares: what tables and figures of attribution share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.core.classes import known_of
from training.engine.results import Scores
from training.metrics.attribution import Table, matching


@dataclass(frozen=True)
class Matched:
    """Test pictures by method and output, in matched order: output ``i`` stands for method ``i`` while ``i < pairs``.

    Known methods come first and own the outputs of their names. Novel methods and clusters are paired so that most
    novel pictures agree, as the strict accuracies pair them; pairs that share no picture are no pairs. Behind the
    pairs stand the methods and outputs without one, these by how often they were given.
    """

    methods: list[str]
    outputs: list[str]
    counts: np.ndarray
    """``(methods, outputs)``, how many pictures."""
    known: int
    """How many methods are known."""
    pairs: int
    """How many methods have an output, the known ones included."""

    def output(self, column: int) -> str:
        """An output's name, with the novel method that it stands for: ``cluster 3 (FaceSwap)``."""
        paired = self.known <= column < self.pairs
        return f"{self.outputs[column]} ({self.methods[column]})" if paired else self.outputs[column]


def matched(scores: Scores) -> Matched:
    """The pictures of a score table with logits of methods."""
    known = known_of(scores.classes)
    methods = [*known, *sorted(set(scores.method) - set(known))]
    number = {name: at for at, name in enumerate(methods)}
    true = np.array([number[name] for name in scores.method], dtype=np.int64)
    counts = np.zeros((len(methods), len(scores.classes)), dtype=np.int64)
    np.add.at(counts, (true, scores.logits.argmax(1)), 1)

    novel = Table(counts, len(known)).part("novel")[:, len(known) :]
    pairs = [(row, column) for row, column in zip(*matching(novel), strict=True) if novel[row, column]]
    rows, columns = [row for row, _ in pairs], [column for _, column in pairs]
    rows += [row for row in range(len(novel)) if row not in rows]
    most_used = np.argsort(-counts[:, len(known) :].sum(0), kind="stable").tolist()
    columns += [column for column in most_used if column not in columns]

    row_order = [*range(len(known)), *(len(known) + row for row in rows)]
    column_order = [*range(len(known)), *(len(known) + column for column in columns)]
    return Matched(
        methods=[methods[row] for row in row_order],
        outputs=[scores.classes[column] for column in column_order],
        counts=counts[np.ix_(row_order, column_order)],
        known=len(known),
        pairs=len(known) + len(pairs),
    )


@dataclass(frozen=True)
class ClassResult:
    """How one method fares."""

    method: str
    known: bool
    pictures: int
    output: str | None
    """The output that stands for it, None where a novel method found no cluster."""
    accuracy: float | None
    """Share of its pictures with that output; None where the test set has none."""
    confusion: str | None
    """The output that its other pictures have most often."""
    confused: int
    """How many these are."""


def per_class(found: Matched) -> list[ClassResult]:
    """One entry per method, known ones first."""
    return [_result(found, row) for row in range(len(found.methods))]


def _result(found: Matched, row: int) -> ClassResult:
    has_output, pictures = row < found.pairs, int(found.counts[row].sum())
    right = int(found.counts[row, row]) if has_output else 0
    others = found.counts[row].copy()
    others[row : row + has_output] = 0
    wrong = int(others.argmax())
    return ClassResult(
        method=found.methods[row],
        known=row < found.known,
        pictures=pictures,
        output=found.outputs[row] if has_output else None,
        accuracy=right / pictures if pictures else None,
        confusion=found.output(wrong) if others[wrong] else None,
        confused=int(others[wrong]),
    )


def is_known(scores: Scores) -> np.ndarray:
    """``(N,)`` whether each row's true method is a known one."""
    return np.isin(scores.method, known_of(scores.classes))
