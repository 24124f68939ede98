"""How large faces are in each codec, and how fast they are written and read; PNG is the measure.

``python -m benchmarks.stores`` (on the demo's faces, or ``--faces FOLDER`` of pictures) prints a table, writes
``benchmarks/results/stores.json`` and says which codec LMDBs should have by default: of those that lose nothing and
take at most a quarter more room than PNG, the one that is read fastest. One thread; CPU time, so that a busy machine
matters little; all codecs take turns, and the best of several rounds counts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np

from benchmarks.machine import describe
from preprocessing.codecs import LOSSY, Codec, decode, encode
from preprocessing.sinks import put_all, writing
from preprocessing.store import Lmdb
from training.core.cli import add_debug, run_entry
from training.core.errors import ConfigError
from training.core.paths import DATASETS, ROOT, atomic, shown

CODECS: tuple[Codec, ...] = get_args(Codec)
RESULT = ROOT / "benchmarks" / "results" / "stores.json"
ROOM = 1.25
"""Of PNG's bytes, what the default may take."""


def main(argv: list[str]) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, default=DATASETS / "demo" / "rgb", help="folder of pictures")
    parser.add_argument("--count", type=int, default=200, help="pictures to take, evenly spread")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULT)
    add_debug(parser)
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    pictures = _pictures(arguments.faces, arguments.count)
    rows = measure(pictures, arguments.rounds)
    result = {
        "machine": describe("opencv-python-headless", "qoi", "imagecodecs", "lmdb"),
        "faces": {"from": shown(arguments.faces), "count": len(pictures), "shape": list(pictures[0].shape)},
        "codecs": rows,
        "default": default_of(rows),
    }
    with atomic(arguments.output) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    print(table(rows))
    print(f"default: {result['default']}; {shown(arguments.output)}")


def measure(pictures: list[np.ndarray], rounds: int) -> dict[str, dict[str, Any]]:
    """Codec -> bytes per face, and faces per CPU second: encoded, decoded, and read from an LMDB in random order."""
    data = {codec: [encode(picture, codec) for picture in pictures] for codec in CODECS}
    with tempfile.TemporaryDirectory() as folder:
        stores = {codec: _fill(Path(folder) / codec, data[codec]) for codec in CODECS}
        order = [str(i) for i in np.random.default_rng(0).permutation(len(pictures))]
        work: dict[tuple[Codec, str], Callable[[], object]] = {}
        for codec in CODECS:
            work[codec, "encode"] = lambda codec=codec: [encode(picture, codec) for picture in pictures]
            work[codec, "decode"] = lambda codec=codec: [decode(item) for item in data[codec]]
            work[codec, "lmdb"] = lambda codec=codec: [decode(stores[codec].get(path)) for path in order]
        best = dict.fromkeys(work, float("inf"))
        for _ in range(rounds):
            for name, function in work.items():
                best[name] = min(best[name], _seconds(function))
    sizes = {codec: sum(map(len, data[codec])) / len(pictures) for codec in CODECS}
    return {
        codec: {"lossless": codec not in LOSSY, "bytes": round(sizes[codec])}
        | {what: round(len(pictures) / best[codec, what], 1) for what in ("encode", "decode", "lmdb")}
        for codec in CODECS
    }


def default_of(rows: dict[str, dict[str, Any]]) -> str:
    """The codec that LMDBs should have unless told otherwise."""
    fit = [codec for codec, row in rows.items() if row["lossless"] and row["bytes"] <= ROOM * rows["png"]["bytes"]]
    return max(fit, key=lambda codec: rows[codec]["lmdb"])


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The rows as aligned text, each figure beside its ratio to PNG's."""
    lines = [f"{'codec':8}{'kB per face':>18}{'encoded per s':>20}{'decoded per s':>20}{'read from LMDB per s':>24}"]
    for codec, row in rows.items():
        cells = [f"{row[key] / unit:.0f} ({row[key] / rows['png'][key]:.2f}x)" for key, unit in _UNITS.items()]
        widths = (18, 20, 20, 24)
        lines.append(f"{codec:8}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))
    return "\n".join(lines)


_UNITS = {"bytes": 1e3, "encode": 1, "decode": 1, "lmdb": 1}


def _pictures(folder: Path, count: int) -> list[np.ndarray]:
    paths = sorted(path for path in folder.rglob("*.png") if "masks" not in path.parts)
    if not paths:
        raise ConfigError(f"{shown(folder)}: no PNG files; make the demo, or give --faces")
    spread = np.unique(np.linspace(0, len(paths) - 1, count).astype(int))
    return [cv2.imread(str(paths[i]), cv2.IMREAD_COLOR_RGB) for i in spread]


def _fill(folder: Path, values: Iterable[bytes]) -> Lmdb:
    with writing(folder) as environment:
        put_all(environment, ((str(i), value) for i, value in enumerate(values)))
    return Lmdb(folder)


def _seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


if __name__ == "__main__":
    run_entry(main)
