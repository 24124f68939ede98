"""A small data set of one's own and the way from it to faces, for the tests of preprocessing."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from preprocessing import manifest, preprocess, rearrange
from training.core.paths import ROOT

VIDEOS = 6


def run(raw, out, *flags, dataset="mine"):
    flags = ("--layout", "folder", "--workers", "0", *flags) if dataset == "mine" else ("--workers", "0", *flags)
    return preprocess.main(["--dataset", dataset, "--root", str(raw), "--output", str(out), "--frames", "3", *flags])


def command(raw, out, *flags):
    arguments = ["--dataset", "mine", "--layout", "folder", "--root", str(raw), "--output", str(out), "--frames", "3"]
    return [sys.executable, str(ROOT / "preprocessing/preprocess.py"), *arguments, "--workers", "2", *flags]


def contents(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def make_manifest(out: Path, dataset="mine") -> manifest.Manifest:
    rearrange.main(["--dataset", dataset, "--datasets", str(out), "--output", str(out / "json")])
    return manifest.read(out / "json" / f"{dataset}.json")
