"""Draw what a recipe makes of a data set: ``python training/draw_recipes.py --recipe self_blended --dataset Demo``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.core.cli import add_debug, run_entry

EPILOG = """examples:
  python training/draw_recipes.py --recipe self_blended --dataset FaceForensics++ --count 8 --output sheet.png
  python training/draw_recipes.py --detector_path facexray --dataset FaceForensics++ FFIW
  python training/draw_recipes.py --recipe frames --set data.recipe.mask=true --dataset FF-DF
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="draw_recipes.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("--recipe", metavar="NAME", help="a recipe, without augmentation")
    what.add_argument("--detector_path", metavar="YAML", help="the recipe and augmentation of a detector's YAML")
    p.add_argument("--dataset", nargs="+", required=True, metavar="SET", help="data sets to draw from")
    p.add_argument("--count", type=int, default=8, metavar="N", help="draws, spread over the training split (8)")
    p.add_argument("--output", type=Path, default=Path("sheet.png"), metavar="PNG", help="(sheet.png)")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="any other key")
    add_debug(p)
    return p


def main(argv: list[str]) -> None:
    """Draw the samples and write them as one picture, a row per draw."""
    args = parser().parse_args(argv)
    # Only now: importing torch takes seconds that --help should not cost.
    import numpy as np

    from training.core.errors import ConfigError
    from training.core.paths import shown
    from training.data.sheet import sheet, write_png

    if args.count < 1:
        raise ConfigError(f"--count is {args.count}; expected 1 or more")
    recipe, classes = build(args)
    chosen = np.unique(np.linspace(0, len(recipe) - 1, args.count).astype(int))
    write_png(sheet([recipe[0, int(i)] for i in chosen], classes), args.output)
    print(f"{len(chosen)} of {len(recipe)} draws: {shown(args.output)}")


def build(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """The recipe over the training split of the data sets, and the names of its classes."""
    from training.assembly import Asked, classes_of, find_yaml, recipe_of
    from training.core.config import Layers
    from training.core.paths import CONFIG
    from training.data.select import person_names, select

    layers = Layers().add_file(CONFIG / "train_config.yaml")
    if args.detector_path:
        layers.add_file(find_yaml(args.detector_path, "detector"))
    else:
        bare = {"recipe": args.recipe, "augment": {"enabled": False}}
        layers.add_tree({"detector": "xception", "data": bare}, "--recipe")
    cfg = Asked(flags={"--dataset": {"data": {"train": args.dataset}}}, overrides=args.overrides).over(layers)
    records = [r for chosen in select(args.dataset, "train", cfg.data.frames_train, cfg.data) for r in chosen.records]
    classes = classes_of(cfg, records)
    return recipe_of(cfg, records, classes, person_names(records), train=True), classes


if __name__ == "__main__":
    run_entry(main)
