"""Which checkpoints can be asked: those of runs, and those that lie in ``weights/``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.core.errors import RegistryError, WeightsError
from training.core.paths import CONFIG
from training.core.registry import RECIPES
from training.engine.checkpoint import Card, read_card

OF_RUNS = ("best.safetensors", "last.safetensors")
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
PUBLISHED = "_best"
"""Ending of the names of DeepfakeBench's checkpoints: ``xception_best.pth``."""


@dataclass(frozen=True)
class Checkpoint:
    """A file that predict.py takes."""

    name: str
    """``runs/xception/2026-01-31/best.safetensors``; what the page calls it by."""
    path: Path
    detector: str
    trained_on: tuple[str, ...] = ()
    heat: bool = True
    """Whether heat maps can be asked for: methods that judge clips have none."""
    published: bool = False
    """Whether the file needs to be told its method."""

    def as_json(self) -> dict[str, Any]:
        """What the page shows; no path of this machine."""
        return {key: getattr(self, key) for key in ("name", "detector", "trained_on", "heat")}


def find_checkpoints(runs: Path, weights: Path) -> dict[str, Checkpoint]:
    """By name, the newest run's first. Files that are no checkpoint of a detector, as backbones, are left out."""
    of_runs = sorted((p for name in OF_RUNS for p in runs.rglob(name)), key=lambda p: (-p.stat().st_mtime, p))
    given = sorted(p for p in weights.rglob("*") if p.suffix in SUFFIXES)
    places = [(runs, path) for path in of_runs] + [(weights, path) for path in given]
    return {found.name: found for root, path in places for found in _checkpoint(root, path)}


def _checkpoint(root: Path, path: Path) -> Iterator[Checkpoint]:
    name = f"{root.name}/{path.relative_to(root).as_posix()}"
    try:
        card = read_card(path)
    except WeightsError:  # half written, or damaged: predict.py says so when asked, a list does not
        return
    if card is not None:
        data = card.config["data"]
        yield Checkpoint(name, path, card.config["detector"]["name"], tuple(data["train"]), _shows_heat(card))
    elif (detector := path.stem.removesuffix(PUBLISHED)) != path.stem and _is_detector(detector):
        yield Checkpoint(name, path, detector, published=True)


def _is_detector(name: str) -> bool:
    return name in {path.stem for path in (CONFIG / "detector").glob("*.yaml")}


def _shows_heat(card: Card) -> bool:
    try:
        recipe = RECIPES.get(card.config["data"]["recipe"]["name"])
        return not RECIPES.get(recipe.at_test).neighbors
    except RegistryError:
        return False
