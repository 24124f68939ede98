"""Does every detector learn as it is configured? Short runs of the real configurations on the demo's faces.

``python -m benchmarks.short_runs`` after ``make demo`` and ``make demo-videos SIZE=long DEMO=datasets/demo_long``: each
detector at full size, with its own recipe and optimizer, for the steps of ``config/protocol/short.yaml``; the losses at
both ends and the test figures with their intervals go to ``benchmarks/results/short_runs.json`` and ``.md``. Stopped,
the same command goes on with the next detector.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

from preprocessing.manifest import load
from training.core.cli import add_debug, run_entry
from training.core.paths import DATASETS, ROOT, RUNS, atomic, shown

RESULTS = ROOT / "benchmarks" / "results"
TABLE = RESULTS / "short_runs.json"
IMAGE = (
    ("xception", "meso4", "meso4Inception", "resnet34", "efficientnetb4", "capsule_net", "core", "f3net", "facexray")
    + ("ffd", "fwa", "recce", "spsl", "srm", "ucf", "rfm", "sia", "multi_attention", "lrl", "pcl_xception", "iid")
    + ("sladd", "uia_vit")
)  # fmt: skip
LARGE = (
    ("clip", "effort", "gend", "clip_freq", "forensics_adapter", "lsda")
    + ("i3d", "altfreezing", "ftcn", "stil", "tall", "timesformer", "videomae", "xclip", "sta")
)  # fmt: skip
LONG = ("ftcn", "videomae")
"""They see 16 frames; videos of the demo have 10."""
FEWER = ("sbi", *(name for name in LARGE if name not in LONG))
"""They see few of the demo's videos."""
FEW = {"max_steps": 12, "precision": "bf16", "data": {"batch_size": 1, "frames_train": 1}}
FOURS = {**FEW, "data": {**FEW["data"], "batch_size": 4}}
"""For losses that say nothing of a single picture, or too little."""
PLANS = {
    **dict.fromkeys(IMAGE, {}),
    "sbi": {
        "max_steps": 120,
        "backbone": {"name": "resnet34", "weights": "random"},
        "optim": {"rule": {"lr": 0.05}},
    },
    **dict.fromkeys(LARGE, FEW),
    "ftcn": FOURS,
    "gend": {**FOURS, "max_steps": 24},
    "altfreezing": {**FOURS, "max_steps": 24, "optim": {"rule": {"lr": 5e-3}}},  # with which its warm-up begins
}
"""Detector -> what its run changes of ``config/protocol/short.yaml``."""
NOTES = {
    "sbi": "ResNet-34 at a rate of 0.05. Half of its pictures are fakes, so nothing is gained by guessing their share, "
    "and EfficientNet-B4 at the method's rate starts from ImageNet's weights: from random ones its loss stayed around "
    "0.70 for 116 steps."
}
"""What the table says of a run below it."""
DEMO = DATASETS / "demo" / "manifests"
DEMO_LONG = DATASETS / "demo_long"
SETS = ("FaceForensics++", "Celeb-DF-v2")
ONE_OF = {"train": 14, "val": 6, "test": 4}
"""Of how many videos of a split and method the large networks see one, so that a CPU does it in minutes."""


def main(argv: list[str]) -> int:
    """Run what is left to do, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", nargs="+", default=tuple(PLANS), metavar="NAME", help="these only")
    parser.add_argument("--output", type=Path, default=RUNS / "short", help="folder of the runs")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    known = json.loads(TABLE.read_text()) if TABLE.is_file() else []
    rows = {found["detector"]: found for found in known}
    for name in arguments.detectors:
        folder = arguments.output / name
        if not (folder / "metrics.json").is_file():
            train(name, folder)
        rows[name] = row(name, folder)
        print(f"{name}: loss {rows[name]['loss_first']:.4f} -> {rows[name]['loss_last']:.4f}", flush=True)
        write([rows[found] for found in PLANS if found in rows])
    rows = list(rows.values())
    risen = [found["detector"] for found in rows if found["loss_last"] >= found["loss_first"]]
    print(
        f"{len(rows) - len(risen)} of {len(rows)} losses fell" + (f"; not those of {', '.join(risen)}" if risen else "")
    )
    print(shown(RESULTS / "short_runs.md"))
    return 0


def train(name: str, folder: Path) -> None:
    """One run; what an interrupted one left is done again."""
    import shutil

    from training.assembly import Asked, find_yaml
    from training.core.config import read_yaml
    from training.networks import zoo
    from training.session import Places, configure
    from training.session import train as run

    shutil.rmtree(folder, ignore_errors=True)
    random = zoo.overlay(read_yaml(find_yaml(name, "detector")), weights="random")  # so that no hub need be there
    flags = {"random weights": random, "its plan": PLANS[name]}
    if name in LONG:
        flags["longer videos"] = {"data": {"root": str(DEMO_LONG), "manifests": str(DEMO_LONG / "manifests")}}
    elif name in FEWER:
        flags["fewer videos"] = {"data": {"manifests": str(thinned(folder.parent / "manifests"))}}
    asked = Asked("short", flags)
    run(configure(name, None, asked), Places(output=folder))


def thinned(folder: Path) -> Path:
    """``folder``, holding the demo's manifests with one of every :data:`ONE_OF` videos."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SETS:
        manifest, seen = load(DEMO / f"{name}.json"), Counter()
        kept = []
        for video in manifest["videos"]:
            if seen[video["split"], video["method"]] % ONE_OF[video["split"]] == 0:
                kept.append(video)
            seen[video["split"], video["method"]] += 1
        with atomic(folder / f"{name}.json") as temporary:
            temporary.write_text(json.dumps({**manifest, "videos": kept}))
    return folder


def row(name: str, folder: Path) -> dict[str, Any]:
    """What the run of ``name`` found."""
    steps = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    losses = [step["loss"] for step in steps if "loss" in step]
    ends = len(losses) // 4
    tested = json.loads((folder / "metrics.json").read_text())
    environment = json.loads((folder / "environment.json").read_text())
    return {
        "detector": name,
        "steps": len(losses),
        "loss_first": fmean(losses[:ends]),
        "loss_last": fmean(losses[-ends:]),
        "auc": {of: found["metrics"]["video/auc"] for of, found in tested["sets"].items()},
        "git": environment.get("git"),
        "seed": environment.get("seed"),
    }


def write(rows: list[dict[str, Any]]) -> None:
    """The rows as JSON and as a Markdown table."""
    sets = list(rows[0]["auc"])
    head = ["detector", "steps", "loss, first quarter", "last quarter", *(f"{of}, video AUC" for of in sets)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for found in rows:
        mark = "*" if found["detector"] in NOTES else ""
        cells = [found["detector"] + mark, str(found["steps"])]
        cells += [f"{found[end]:.4f}" for end in ("loss_first", "loss_last")]
        cells += [bounded(found["auc"][of]) for of in sets]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"\n\\* {name}: {NOTES[name]}" for name in (found["detector"] for found in rows) if name in NOTES]
    RESULTS.mkdir(exist_ok=True)
    for suffix, text in ((".json", json.dumps(rows, indent=1)), (".md", "\n".join(lines))):
        with atomic(RESULTS / f"short_runs{suffix}") as temporary:
            temporary.write_text(text + "\n")


def bounded(figure: dict[str, Any]) -> str:
    """A figure with its interval, or why there is none."""
    if figure.get("value") is None:
        return str(figure.get("undefined", "-"))
    bounds = f" [{figure['low']:.2f}, {figure['high']:.2f}]" if "low" in figure else ""
    return f"{figure['value']:.2f}{bounds}"


if __name__ == "__main__":
    run_entry(main)
