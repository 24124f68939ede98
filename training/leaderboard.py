"""The runs behind the demo's leaderboard: every method, tiny and for a few steps, under one protocol per task."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.assembly import Asked, find_yaml
from training.core.config import Layers, read_yaml
from training.core.paths import RUNS
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.core.types import Task
from training.engine.results import METRICS
from training.networks import zoo
from training.session import Places, configure, train

HOME = RUNS / "leaderboard"
SEEDS = (1, 2, 3)
PROTOCOLS = {Task.DETECTION: "leaderboard", Task.ATTRIBUTION: "leaderboard_attribution"}
RATE = {"optim": {"rule": {"lr": 2.0e-3}}}
"""Of tiny networks from random weights; the methods' own rates are for large pretrained ones."""
SLOWER = ("altfreezing", "clip_freq", "ftcn", "i3d", "multi_attention", "recce", "sia", "sta", "ucf", "videomae")
SLOWEST = (
    ("caddm", "efficientnetb4", "facexray", "forensics_adapter", "iid", "lrl", "lsda", "meso4", "meso4Inception")
    + ("sbi", "stil")
)  # fmt: skip
"""Large even when tiny, or their samples take long to make: blended, deformed, in groups of all forgeries."""
STEPS = {**dict.fromkeys(SLOWER, 100), **dict.fromkeys(SLOWEST, 30)}
"""Of those that the protocol's steps would take too long."""
SHORT_CLIPS = {"backbone": {"frames": 8}, "data": {"recipe": {"length": 8}}}
"""The demo's videos have ten frames."""
PLANS: dict[str, dict[str, Any]] = {
    "kmeans": {"optim": {"rule": {"lr": 0.1}, "schedule": "constant"}},  # a step of it is no gradient step
    "knn": {"optim": {"rule": {"lr": 0.1}, "schedule": "constant"}},
    "lsda": {"data": {"batch_size": 2}},
    "ftcn": SHORT_CLIPS,
    "videomae": SHORT_CLIPS,
}
"""What single methods need beside RATE."""


@dataclass(frozen=True)
class Entry:
    """One run: a method with a seed."""

    detector: str
    seed: int

    @property
    def task(self) -> Task:
        """What it is judged by."""
        return Task.ATTRIBUTION if Task.ATTRIBUTION in DETECTORS.get(self.detector).tasks else Task.DETECTION

    @property
    def folder(self) -> Path:
        """Below the board's folder."""
        return Path(self.task.value, self.detector, f"seed_{self.seed}")

    @property
    def protocol(self) -> str:
        """What it is run under."""
        return PROTOCOLS[self.task]

    @property
    def settings(self) -> dict[str, Any]:
        """What the board changes of the method's YAML: tiny networks, of which all is trained."""
        own = read_yaml(find_yaml(self.detector, "detector"))
        tiny = zoo.overlay(own, weights="random", size="tiny")
        steps = {"max_steps": STEPS[self.detector]} if self.detector in STEPS else {}
        layers = Layers()
        for tree in (_untuned(tiny), _paired(own), RATE, steps, PLANS.get(self.detector, {}), {"seed": self.seed}):
            layers.add_tree(tree, "the leaderboard")
        return layers.tree

    def config(self) -> Config:
        """The resolved configuration.

        Raises:
            ConfigError: a file or key is wrong.
        """
        return configure(self.detector, None, Asked(self.protocol, {"the leaderboard": self.settings}))

    def run(self, home: Path = HOME) -> bool:
        """Train and test; False where that was done. What a stopped run left is done again."""
        folder = home / self.folder
        if (folder / METRICS).is_file():
            return False
        shutil.rmtree(folder, ignore_errors=True)
        train(self.config(), Places(output=folder))
        return True


def entries(detectors: list[str] | None = None, seeds: tuple[int, ...] = SEEDS) -> Iterator[Entry]:
    """All runs: every method with the first seed, then with the next."""
    for seed in seeds:
        for name in detectors or DETECTORS.names():
            yield Entry(name, seed)


def _untuned(tiny: dict[str, Any]) -> dict[str, Any]:
    """Random networks that are frozen but for a part would learn nothing: all of a backbone is trained."""
    return {**tiny, "backbone": {**tiny["backbone"], "tune": "full"}} if "backbone" in tiny else tiny


def _paired(own: dict[str, Any]) -> dict[str, Any]:
    """What has no recipe of its own sees each fake beside a real frame of its source: plain frames teach in hours."""
    return {} if "recipe" in own.get("data", {}) else {"data": {"recipe": {"name": "pairs", "match": "source"}}}
