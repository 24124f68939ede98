"""Entry: a YAML of DeepfakeBench's as one of ours.

``python -m training.core.migrate old.yaml --output new.yaml`` says what each key became, which had no effect there, and
which it does not know. Without ``--output`` the new file goes to the standard output.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from training.core.cli import add_debug, run_entry
from training.core.config import Layers, read_yaml
from training.core.dfb_keys import CLIP_MOVE, GENERAL_MOVES, MOVES, NO_EFFECT, NOT_NEEDED, Move
from training.core.errors import ConfigError, did_you_mean
from training.core.paths import CONFIG, atomic, shown
from training.core.registry import DETECTORS
from training.core.schema import Config

COMPAT = {"data": {"sampling": "first"}, "evaluate": {"video_key": "folder", "select": "test"}}
"""The switches that reproduce DeepfakeBench's habits; every result is marked with them."""
CLIP_COMPAT = {"data": {"allow_sparse": True, "recipe": {"fakes": []}}}
"""Those of video methods: clips of frames that lie apart, and none that are made."""


@dataclass
class Migrated:
    """Our form of an old file, and one line per old key."""

    tree: dict[str, Any]
    translated: list[str] = field(default_factory=list)
    no_effect: list[str] = field(default_factory=list)
    not_needed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def report(self) -> Iterator[str]:
        """The lines under their headings."""
        headings = {
            "translated": self.translated,
            "had no effect in DeepfakeBench": self.no_effect,
            "not needed here": self.not_needed,
            "unknown, left out": self.unknown,
        }
        for heading, lines in headings.items():
            if lines:
                yield f"{heading}:"
                yield from (f"  {line}" for line in lines)


def main(argv: list[str]) -> None:
    """Translate one file; the report goes to the standard error, so that the YAML can be piped."""
    parser = argparse.ArgumentParser(
        prog="python -m training.core.migrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "old", type=Path, metavar="OLD", help="a YAML of DeepfakeBench's: a detector's or a general one"
    )
    parser.add_argument("--output", type=Path, metavar="NEW", help="where to write ours (default: standard output)")
    parser.add_argument("--compat", action="store_true", help="set the switches that reproduce its habits, too")
    add_debug(parser)
    args = parser.parse_args(argv)
    found = migrate(read_yaml(args.old), shown(args.old), args.compat)
    body = yaml.safe_dump(found.tree, sort_keys=False, default_flow_style=None, width=110)
    text = f"# From DeepfakeBench's {args.old.name}.\n{body}"
    print(*found.report(), sep="\n", file=sys.stderr)
    if args.output is None:
        print(text, end="")
    else:
        with atomic(args.output) as temporary:
            temporary.write_text(text, encoding="utf-8")
        use = "--detector_path" if "detector" in found.tree else "--protocol"
        print(f"{shown(args.output)}: use it with {use}", file=sys.stderr)


def migrate(old: dict[str, Any], where: str, compat: bool = False) -> Migrated:
    """Our form of the old file ``where``; a detector's becomes our YAML of that method with the old values on top.

    Raises:
        ConfigError: the method is not there, or a value is not what its key holds.
    """
    layers = Layers()
    if "model_name" in old:
        layers.add_file(_template(old["model_name"], where))
    found = _translate(old, where, _moves(layers.tree))
    # The method's own YAML may hold the schedule that its paper asks for; DeepfakeBench never stepped one.
    overlay = {**found.tree, "optim": {"schedule": "constant", **found.tree.get("optim", {})}}
    layers.add_tree(overlay if "model_name" in old else found.tree, where)
    if compat:
        layers.add_tree(COMPAT, "--compat")
        if _learns_from_clips(layers.tree):
            layers.add_tree(CLIP_COMPAT, "--compat")
    # A general file names no method; any will do to check the rest.
    whole = Layers().add_file(CONFIG / "train_config.yaml").add_tree({"detector": "xception"}, "")
    name = whole.add_tree(layers.tree, where).read(Config).detector.name
    found.tree = layers.tree
    if "model_name" in old:
        found.translated.insert(0, f"model_name: {old['model_name']} -> detector.name: {name}{_other(where, name)}")
    return found


def _template(model: Any, where: str) -> Path:
    folder = CONFIG / "detector"
    path = folder / f"{DETECTORS.resolve(model)}.yaml"
    if not path.is_file():
        known = did_you_mean(str(model), (p.stem for p in folder.glob("*.yaml")))
        raise ConfigError(f"{where}: model_name '{model}' is not a method here; {known}")
    return path


def _other(where: str, name: str) -> str:
    """A doubt about files like DeepfakeBench's ftcn.yaml, which names videomae."""
    stem = Path(where).stem
    known = stem != name and (CONFIG / "detector" / f"{stem}.yaml").is_file()
    return f" (but the file is called {stem}, which is a method of its own)" if known else ""


def _moves(template: dict[str, Any]) -> tuple[Move, ...]:
    """What may become what, given our YAML of the method (empty for a general file)."""
    if not template:
        return (*MOVES, *GENERAL_MOVES)
    return (*MOVES, CLIP_MOVE) if _learns_from_clips(template) else MOVES


def _learns_from_clips(tree: dict[str, Any]) -> bool:
    recipe = tree.get("data", {}).get("recipe")
    return "clips" in (recipe, isinstance(recipe, dict) and recipe.get("name"))


def _translate(old: dict[str, Any], where: str, moves: tuple[Move, ...]) -> Migrated:
    """Every key of ``old`` but ``model_name``."""
    detector, found = "model_name" in old, Migrated({})
    flat, others = _flat({key: value for key, value in old.items() if key != "model_name"})
    found.no_effect += [f"{key}: {value} (optimizer.type is another)" for key, value in others.items()]
    for move in moves:
        _apply(move, flat, found, where)
    for key, value in flat.items():
        if detector and key in NO_EFFECT:
            found.no_effect.append(f"{key}: {value} ({NO_EFFECT[key]})")
        elif reason := NOT_NEEDED.get(key) or NO_EFFECT.get(key):
            found.not_needed.append(f"{key}: {value} ({reason})")
        else:
            found.unknown.append(f"{key}: {value}")
    return found


def _flat(old: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """``section.key`` -> value, with the optimizer's chosen block as ``optimizer.key``; and its other blocks."""
    flat: dict[str, Any] = {}
    for key, value in old.items():
        nested = isinstance(value, dict) and key not in NOT_NEEDED
        flat |= {f"{key}.{inner}": v for inner, v in value.items()} if nested else {key: value}
    blocks = [key for key, value in flat.items() if key.startswith("optimizer.") and isinstance(value, dict)]
    chosen = f"optimizer.{flat.get('optimizer.type')}"
    others = {key: flat.pop(key) for key in blocks if key != chosen}
    flat |= {f"optimizer.{inner}": v for inner, v in flat.pop(chosen, {}).items()}
    return flat, others


def _apply(move: Move, flat: dict[str, Any], found: Migrated, where: str) -> None:
    """Take the keys of ``move`` out of ``flat`` and put what they become into ``found``."""
    there = [key for key in move.old if flat.get(key) is not None]
    if not there or (len(there) < len(move.old) and not move.missing):
        return
    given = {key: flat.pop(key) for key in there}
    values = [given.get(key, default) for key, default in zip(move.old, move.missing or move.old, strict=True)]
    try:
        value = move.convert(*values)
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{where}: '{there[0]}' is {given[there[0]]!r}, which cannot be read ({error})") from error
    node, (*stem, leaf) = found.tree, move.new.split(".")
    for part in stem:
        node = node.setdefault(part, {})
    node[leaf] = value
    remark = f" ({move.remark})" if move.remark else ""
    says = ", ".join(f"{key}: {v}" for key, v in given.items())
    found.translated.append(f"{says} -> {move.new}: {value}{remark}")


if __name__ == "__main__":
    run_entry(main)
