"""Which checkpoints can be asked: those of runs, and those that lie in ``weights/``."""

from __future__ import annotations

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


def find_checkpoints(runs: Path, weights: Path) -> tuple[dict[str, Checkpoint], list[str]]:
    """By name, the newest run's first; and a line on each file that cannot be read.

    Files that are no checkpoint of a detector, as backbones, are left out.
    """
    of_runs = sorted((p for name in OF_RUNS for p in runs.rglob(name)), key=lambda p: (-p.stat().st_mtime, p))
    given = sorted(p for p in weights.rglob("*") if p.suffix in SUFFIXES)
    found, broken = {}, []
    for root, path in [*((runs, path) for path in of_runs), *((weights, path) for path in given)]:
        name = f"{root.name}/{path.relative_to(root).as_posix()}"
        try:
            checkpoint = _checkpoint(name, path)
        except WeightsError as error:
            broken.append(str(error))
            continue
        found |= {name: checkpoint} if checkpoint else {}
    return found, broken


def _checkpoint(name: str, path: Path) -> Checkpoint | None:
    card = read_card(path)
    if card is not None:
        data = card.config["data"]
        return Checkpoint(name, path, card.config["detector"]["name"], tuple(data["train"]), _shows_heat(card))
    detector = path.stem.removesuffix(PUBLISHED)
    published = detector != path.stem and _is_detector(detector)
    return Checkpoint(name, path, detector, published=True) if published else None


def _is_detector(name: str) -> bool:
    return name in {path.stem for path in (CONFIG / "detector").glob("*.yaml")}


def _shows_heat(card: Card) -> bool:
    try:
        recipe = RECIPES.get(card.config["data"]["recipe"]["name"])
        return not RECIPES.get(recipe.at_test).neighbors
    except RegistryError:
        return False
