"""Entry: face folders -> one LMDB per dataset, for file systems that are slow with many small files.

``python preprocessing/to_lmdb.py --dataset FaceForensics++`` packs what preprocess.py's notes name into
``datasets/lmdb/FaceForensics++_lmdb``, under the same paths; training takes the LMDB where there is one. Faces are
written anew with a codec that reads fast and loses nothing (``--codec``), masks and landmarks as they are.
``facts.json`` beside the LMDB says how. ``preprocess.py --store lmdb`` needs no folder at all.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from preprocessing.codecs import IN_LMDB, LOSSY, Codec, codec_of, decode, encode
from preprocessing.settings import asked_for
from preprocessing.sidecar import find_faces, read_all
from preprocessing.sinks import put_all, writing
from preprocessing.store import FACTS, lmdb_root
from training.core.cli import add_debug, run_entry
from training.core.errors import ConfigError, DataError
from training.core.paths import processors, shown

BATCH = 256
"""Files per transaction."""
PICTURES = ("frames", "sources")
"""Folders of what ``--codec`` is for."""


def main(argv: list[str]) -> None:
    """Pack each dataset asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", nargs="+", help="names as given to preprocess.py (default: that of config.yaml)")
    parser.add_argument("--datasets", type=Path, help="preprocess.py's --output (default: that of config.yaml)")
    parser.add_argument(
        "--codec",
        choices=get_args(Codec),
        default=IN_LMDB,
        help=f"of faces (default: {IN_LMDB}: lossless, as small as png and three times as fast to read; lz4 is faster "
        "and larger, webp smaller and slow, jpeg small, fast and lossy; see benchmarks/stores.py)",
    )
    parser.add_argument("--quality", type=int, default=95, choices=range(1, 101), metavar="1-100", help="of jpeg")
    parser.add_argument("--force", action="store_true", help="replace an LMDB that is there already")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    names, datasets = asked_for(arguments.dataset, arguments.datasets)
    for dataset in names:
        faces, target = find_faces(datasets, dataset, "rgb"), lmdb_root(datasets, dataset)
        if target.exists() and not arguments.force:
            raise ConfigError(f"{shown(target)}: exists already; --force replaces it")
        files = sorted(_named_files(faces))
        facts = pack(tqdm(files, unit="file", desc=dataset), faces, target, arguments.codec, arguments.quality)
        lossy = "; lossy: these are not the pixels that were cut" if facts["lossy"] else ""
        print(f"{len(files)} files packed into {shown(target)}, faces as {arguments.codec}{lossy}")


def pack(files: Iterable[str], faces: Path, target: Path, codec: Codec = IN_LMDB, quality: int = 95) -> dict:
    """Write ``files`` (paths below ``faces``) into a new LMDB; until it is whole, ``target`` stays as it was.

    Returns:
        What is written into ``facts.json``: codec, whether anything was lost, and what the faces were before.

    Raises:
        DataError: a file is missing or no picture, or the count is not what it should be.
        OSError: the disk is full.
    """
    building, old = (target.with_name(f".{target.name}.{state}") for state in ("part", "old"))
    for left_over in (building, old):
        shutil.rmtree(left_over, ignore_errors=True)
    before: Counter[str] = Counter()
    try:
        # No sync until the end: an unfinished one is thrown away.
        with writing(building, sync=False) as environment, ThreadPoolExecutor(processors()) as pool:
            written, files = 0, iter(files)
            while batch := list(islice(files, BATCH)):
                values = list(pool.map(partial(_value, faces, codec, quality), batch))
                before.update(was for _, _, was in values if was)
                written += put_all(environment, ((path, data) for path, data, _ in values))
            if (entries := environment.stat()["entries"]) != written:
                raise DataError(f"{shown(target)}: wrote {written} files but holds {entries}")
            environment.sync(True)
        facts = {"codec": codec, "lossy": bool({codec, *before} & set(LOSSY)), "made_from": dict(before)}
        facts |= {"quality": quality} if codec in LOSSY else {}
        (building / FACTS).write_text(json.dumps(facts, indent=1) + "\n")
        if target.exists():
            target.rename(old)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    return facts


def _value(faces: Path, codec: Codec, quality: int, path: str) -> tuple[str, bytes, str | None]:
    """The path, what to store under it, and of a face what codec it had."""
    data = _read(faces, path)
    if path.split("/")[0] not in PICTURES:
        return path, data, None
    if (was := codec_of(data)) == codec:
        return path, data, was
    picture = decode(data)
    if picture is None:
        raise DataError(f"{shown(faces / path)}: no readable picture; run preprocess.py again")
    return path, encode(picture, codec, quality), was or "other"


def _read(faces: Path, path: str) -> bytes:
    try:
        return (faces / path).read_bytes()
    except OSError as error:
        raise DataError(f"{shown(faces / path)}: {error.strerror}; run preprocess.py again") from error


def _named_files(faces: Path) -> Iterator[str]:
    for sidecar in read_all(faces):
        for frame in sidecar.frames:
            yield from frame.files


if __name__ == "__main__":
    run_entry(main)
