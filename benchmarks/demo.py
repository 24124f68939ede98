"""Records what ``make demo`` measured: ``python -m benchmarks.demo RUN`` makes its figures the row demo/clip_freq.

``training/reproduce.py demo/clip_freq`` compares with them, and README's table holds the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.figures import Measured, write_figures
from training.core.cli import add_debug, run_entry
from training.core.config import read_yaml
from training.core.errors import ConfigError
from training.core.paths import ROOT, shown
from training.engine.results import CONFIG, METRICS, read_json

RESULTS = ROOT / "benchmarks" / "results" / "demo"
SETTINGS = {"detector": {"head": "arc", "consistency": 1.0}, "seed": 1024}
"""What ``make demo`` changes of the method's YAML and of the protocol."""


def main(argv: list[str]) -> int:
    """Read a run, write its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run, runs/demo/<time>")
    add_debug(parser)
    folder = parser.parse_args(argv).run
    config = read_yaml(folder / CONFIG)
    found = {"detector": {key: config["detector"].get(key) for key in SETTINGS["detector"]}, "seed": config["seed"]}
    if (config["detector"]["name"], found) != ("clip_freq", SETTINGS):
        raise ConfigError(f"{shown(folder)}: not a run of `make demo`: {found}, expected clip_freq with {SETTINGS}")
    sets = read_json(folder / "test" / METRICS)["sets"]
    about = {
        "about": "the table in README.md, of one run of `make demo`",
        "conditions": {tested["protocol"]: tested["conditions"] for tested in sets.values()},
        "rows": {"clip_freq": {"protocol": "demo", "settings": SETTINGS}},
    }
    measured = Measured("clip_freq", "clip_freq", SETTINGS["seed"], sets)
    write_figures(RESULTS, [measured], ("video/auc", "frame/auc"), about)
    print(shown(RESULTS))
    return 0


if __name__ == "__main__":
    run_entry(main)
