"""Attribution metrics: the references' figures on rule-made predictions (owdfa/RULES.md)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.golden.compare import Result, compare
from tests.golden.fill import rng
from tests.golden.registry import Golden, case
from training.metrics.attribution import ATTRIBUTION_METRICS, Table


@dataclass(frozen=True)
class Spec:
    """How a set of predictions is drawn."""

    rows: int
    classes: int
    known: int
    outputs: int
    keep: float
    permuted: str = "none"
    zeros: float = 0.0
    never_true: tuple[int, ...] = ()
    never_predicted: tuple[int, ...] = ()
    never_labelled: tuple[int, ...] = ()


SETS = {
    "A_plain": Spec(200, 10, 6, 10, 0.7),
    "B_ow22": Spec(500, 22, 9, 22, 0.6, "novel"),
    "C_missing": Spec(400, 14, 5, 14, 0.8, "novel", never_true=(2, 9, 13), never_predicted=(1, 6, 11)),
    "D_moreclusters": Spec(600, 12, 7, 30, 0.55, "all"),
    "E_ow41": Spec(1000, 41, 19, 41, 0.75, "novel", zeros=0.25),
    "F_nonovel": Spec(300, 8, 8, 11, 0.65),
    "G_tagshift": Spec(300, 9, 5, 9, 0.7, "novel", never_labelled=(4,)),
}


@dataclass(frozen=True)
class Predictions:
    """A drawn set; ``labelled`` says which rows carry the tag of labelled pictures."""

    true: np.ndarray
    predicted: np.ndarray
    labelled: np.ndarray
    confidence: np.ndarray


def draw(name: str) -> Predictions:
    """The rule-made set ``name``."""
    spec, g = SETS[name], rng(f"owdfa/metrics/{name}")
    true, z = g.integers(0, spec.classes, spec.rows), g.random(spec.rows)
    true[z < spec.zeros] = 0
    for label in spec.never_true:
        true[true == label] = (label + 1) % spec.classes
    names = np.arange(spec.outputs)
    if spec.permuted == "novel":
        names = np.append(names[: spec.known], spec.known + g.permutation(spec.outputs - spec.known))
    elif spec.permuted == "all":
        names = g.permutation(spec.outputs)
    kept, other = g.random(spec.rows) < spec.keep, g.integers(0, spec.outputs, spec.rows)
    predicted = np.where(kept, names[true], other)
    predicted[np.isin(predicted, spec.never_predicted)] = 0
    labelled = (true < spec.known) & (g.random(spec.rows) < 0.75) & ~np.isin(true, spec.never_labelled)
    return Predictions(true, predicted, labelled, g.random(spec.rows))


def check(golden: Golden, infers_known: bool) -> Iterator[Result]:
    """Every figure of every set. CPL and CDAL take the highest labelled class for the last known one, CAL is told."""
    for name, expected in golden.items():
        drawn = draw(name)
        for key, numbers in (("true", drawn.true), ("pred", drawn.predicted)):
            if f"crc32_y_{key}_int64" in expected:
                crc = zlib.crc32(numbers.astype(np.int64).tobytes())
                yield compare(f"{name}.{key}", expected[f"crc32_y_{key}_int64"], crc, 0)
        known = int(drawn.true[drawn.labelled].max()) + 1 if infers_known else SETS[name].known
        given = expected.get("num_known_inferred", expected.get("num_known_given"))
        yield compare(f"{name}.known", given, known, 0)
        table = Table.of(drawn.true, drawn.predicted, known)
        for key, figure in expected["result"].items():
            if key == "val_uncert":
                yield compare(f"{name}.{key}", figure, 1 - drawn.confidence.mean(), 1e-5)
            elif reason := ATTRIBUTION_METRICS[key].undefined(table):
                yield Result(f"{name}.{key}", False, f"undefined ({reason}); reference {figure}")
            else:
                yield compare(f"{name}.{key}", figure, ATTRIBUTION_METRICS[key].of(table), 1e-5)


@case("owdfa/metrics_cpl")
def metrics_cpl(golden: Golden) -> Iterator[Result]:
    """CPL and MPSL."""
    return check(golden, infers_known=True)


@case("owdfa/metrics_cdal")
def metrics_cdal(golden: Golden) -> Iterator[Result]:
    """CDAL's copy of the same functions."""
    return check(golden, infers_known=True)


@case("owdfa/metrics_cal")
def metrics_cal(golden: Golden) -> Iterator[Result]:
    """CAL."""
    return check(golden, infers_known=False)
