"""What ``train.py --list`` says of a detector's golden figures and size, kept in ``training/config/status.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import torch

from tests.golden.compare import PICTURES
from tests.golden.networks import NOT_RETURNED, method_of
from training.assembly import build
from training.core.config import Layers
from training.core.paths import CONFIG, atomic
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.listing import STATUS
from training.networks import zoo

if TYPE_CHECKING:
    from tests.golden.check import Report


ABOUT = {
    "encoders_cpl": {"supervised", "cpl", "mpsl"},
    "pseudo_hooks": {"fixmatch", "flexmatch", "freematch", "maxmatch"},
    "encoders_cdal": {"cdal"},
    "encoder_cal": {"cal"},
}
"""Golden files whose names do not begin with the detectors that they are about."""


class Status(TypedDict):
    """``golden``: reproduced, ``<n> differ on purpose``, ``open: <n> figures``, or none, for want of a file."""

    golden: str
    parameters: int


def write_status(files: Iterable[Path], reports: Iterable[Report], status: Path = STATUS) -> None:
    """Bring ``status`` up to date with ``reports`` on ``files``; detectors without any keep what is known of them."""
    known = json.loads(status.read_text(encoding="utf-8")) if status.is_file() else {}
    owned = [(owners_of(path), report) for path, report in zip(files, reports, strict=True)]
    table: dict[str, Status] = {}
    for name in DETECTORS.names():
        own = [report for owners, report in owned if name in owners]
        golden = summary(own) if own else known.get(name, {}).get("golden", "none")
        table[name] = {"golden": golden, "parameters": count_parameters(name)}
    with atomic(status) as temporary:
        temporary.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def owners_of(path: Path) -> set[str]:
    """The detectors that a golden file is about; of parts of one, ``<detector>_<part>`` or ``<detector>/<part>``."""
    if path.stem in ABOUT:
        return ABOUT[path.stem]
    golden = json.loads(path.read_text(encoding="utf-8"))
    name = method_of(golden) if "name" in golden else path.stem
    fits = [d for d in DETECTORS.names() if d in (name, path.parent.name) or name.startswith(f"{d}_")]
    return {max(fits, key=len)} if fits else set()


def summary(reports: list[Report]) -> str:
    """The verdict on all files of a detector, in a few words; figures left out for a reason are open ones."""
    failed = sum(len(r.failed) for r in reports)
    results = [r for report in reports for r in report.results or []]
    differ = sum(r.ok is False for r in results) - failed
    unexplained = failed + sum(r.ok is None and r.detail not in (NOT_RETURNED, PICTURES) for r in results)
    if unexplained:
        return f"open: {unexplained} figure{'s' * (unexplained > 1)}"
    if differ:
        return f"{differ} differ{'s' * (differ == 1)} on purpose"
    return "reproduced" if all(r.reproduced for r in reports) else "none"


def count_parameters(name: str) -> int:
    """How many parameters the YAML of a detector makes, learned or not, with FF++'s five classes and 1000 people."""
    layers = Layers().add_file(CONFIG / "detector" / f"{name}.yaml")
    layers.add_tree(zoo.overlay(layers.tree, weights="random"), "tests/golden/status.py")
    with torch.device("meta"):  # shapes alone
        detector = build(layers.read(Config), ["class"] * 5, ["person"] * 1000)
    return sum(p.numel() for p in detector.parameters())
