"""An ablation: variants of one method, each trained and tested with several seeds, each run in a folder of its own.

The variants stand in ``config/ablation/<detector>.yaml``. What is done already is not done again, and what was stopped
goes on where it stood.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from training.assembly import Asked, find_yaml
from training.core.config import Layers, read_yaml, to_tree
from training.core.errors import BenchError, ConfigError, did_you_mean
from training.core.paths import CONFIG, RUNS, shown
from training.core.schema import Config
from training.cost import cost_of
from training.engine.results import CONFIG as CONFIG_FILE
from training.engine.results import COST, METRICS, PLAN, write_json
from training.engine.run import BEST, LAST, Stopped
from training.loading import load_trained
from training.session import Places, train


@dataclass(kw_only=True)
class Variant:
    """One row of the table: what it is called, and what makes it."""

    name: str
    set: dict[str, Any] = field(default_factory=dict)
    """Settings over the detector's YAML; they win over the command line's, or it would be another variant."""
    after: str | None = None
    """The variant whose settings these come on top of; an earlier one."""
    detector_path: str | None = None
    """Another detector than the one that is taken apart."""

    @property
    def folder(self) -> str:
        """Its name as a folder's."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")


@dataclass(kw_only=True)
class Ablation:
    """The file ``config/ablation/<detector>.yaml``."""

    variants: list[Variant]


@dataclass(frozen=True)
class Cell:
    """One run."""

    variant: str
    seed: int
    cfg: Config
    folder: Path


def read_variants(path: Path) -> dict[str, tuple[Variant, list[dict[str, Any]]]]:
    """Variants by name, each with the settings that make it, those of the variants it comes after first.

    Raises:
        ConfigError: two are called alike, or one comes after none that stands before it.
    """
    found: dict[str, tuple[Variant, list[dict[str, Any]]]] = {}
    for variant in Layers().add_file(path).read(Ablation).variants:
        if variant.folder in {known.folder for known, _ in found.values()}:
            raise ConfigError(f"{shown(path)}: two variants are called '{variant.name}', or nearly so")
        if variant.after is not None and variant.after not in found:
            says = did_you_mean(variant.after, found)
            raise ConfigError(
                f"{shown(path)}: '{variant.name}' comes after '{variant.after}', which is not above; {says}"
            )
        before = found[variant.after][1] if variant.after else []
        found[variant.name] = variant, [*before, variant.set]
    return found


def cells(
    detector_path: str, asked: Asked, seeds: list[int], wanted: list[str] | None, file: str | None, output: Path | None
) -> tuple[Path, list[Cell]]:
    """Where the ablation lies, and its runs: all variants with the first seed, then with the next.

    Args:
        detector_path: what is taken apart.
        asked: what the command line says for all variants.
        seeds: of the runs.
        wanted: names of the variants to run; None for all.
        file: the variants' YAML or its bare name; None for the detector's.
        output: the folder; None for ``runs/ablation/<name of the YAML>``.

    Raises:
        ConfigError: a file, key or variant is wrong, there is no test set, or a folder holds a run of other settings.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("an ablation runs in one process; on several GPUs start one per GPU, each with its --seeds")
    base = find_yaml(detector_path, "detector")
    path = find_yaml(file or base.stem, "ablation")
    variants, home = read_variants(path), output or RUNS / "ablation" / path.stem
    for name in wanted or ():
        if name not in variants:
            raise ConfigError(f"--variants: {shown(path)} has no '{name}'; {did_you_mean(name, variants)}")
    chosen = [variants[name] for name in wanted or variants]
    runs = [
        Cell(v.name, seed, _config(v, trees, base, asked, seed, path), home / v.folder / f"seed_{seed}")
        for seed in seeds
        for v, trees in chosen
    ]
    for cell in runs:
        if not cell.cfg.data.test:
            raise ConfigError("nothing to test on: give --test_dataset NAME ... (data.test)")
        _check_same(cell)
    rows = [{"name": v.name, "folder": v.folder, "settings": trees} for v, trees in variants.values()]
    write_json(home / PLAN, {"variants": rows})
    return home, runs


def run(cell: Cell) -> bool:
    """Train and test one cell, from where it stood; False when that was done before.

    Raises:
        Stopped: a signal asked for it.
    """
    if (cell.folder / METRICS).is_file() and (cell.folder / COST).is_file():
        return False
    try:
        if not (cell.folder / METRICS).is_file():
            begun = (cell.folder / CONFIG_FILE).is_file()
            train(cell.cfg, Places(resume=cell.folder) if begun else Places(output=cell.folder))
    except Stopped as stop:
        raise Stopped(f"stopped in '{cell.variant}', seed {cell.seed}; the same command goes on there") from stop
    except BenchError as error:
        raise type(error)(f"'{cell.variant}', seed {cell.seed}: {error}") from error
    _write_cost(cell)
    return True


def _write_cost(cell: Cell) -> None:
    weights = [cell.folder / name for name in (BEST, LAST) if (cell.folder / name).is_file()]
    asked = Asked(flags={"": {"device": cell.cfg.device, "data": {"batch_size_test": cell.cfg.data.batch_size_test}}})
    write_json(cell.folder / COST, cost_of(load_trained(weights[0], None, asked)) if weights else {})


def _config(variant: Variant, trees: list[dict[str, Any]], base: Path, asked: Asked, seed: int, source: Path) -> Config:
    own = base if variant.detector_path is None else find_yaml(variant.detector_path, "detector")
    layers = asked.onto(Layers().add_file(CONFIG / "train_config.yaml").add_file(own))
    for tree in trees:
        layers.add_tree(tree, f"{shown(source)}: '{variant.name}'")
    return layers.add_tree({"seed": seed}, "--seeds").read(Config)


def _check_same(cell: Cell) -> None:
    """Refuse a folder whose run was configured differently.

    Raises:
        ConfigError: naming the first key that differs.
    """
    if not (cell.folder / CONFIG_FILE).is_file():
        return
    old, new = (_flat(tree) for tree in (read_yaml(cell.folder / CONFIG_FILE), _plain(cell.cfg)))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            raise ConfigError(
                f"{shown(cell.folder)}: was run with '{key}' {old.get(key)!r}, not {new.get(key)!r}; name another "
                "--output, or remove that folder"
            )


def _plain(cfg: Config) -> dict[str, Any]:
    return yaml.safe_load(yaml.safe_dump(to_tree(cfg)))


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {
        key: value for name, node in tree.items() for key, value in _flat(node, f"{prefix}.{name}".lstrip(".")).items()
    }
