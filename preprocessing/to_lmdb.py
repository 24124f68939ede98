"""Entry: face folders -> one LMDB per dataset, for file systems that are slow with many small files.

``python preprocessing/to_lmdb.py --dataset FaceForensics++`` packs what preprocess.py's notes name into
``datasets/lmdb/FaceForensics++_lmdb``, under the same paths; training takes the LMDB where there is one.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import lmdb
from tqdm import tqdm

from preprocessing.settings import asked_for
from preprocessing.sidecar import find_faces, read_all
from preprocessing.store import lmdb_key, lmdb_root
from training.core.cli import add_debug, run_entry
from training.core.errors import ConfigError, DataError
from training.core.paths import shown

BATCH = 1000
"""Files per transaction."""


def main(argv: list[str]) -> None:
    """Pack each dataset asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", nargs="+", help="names as given to preprocess.py (default: that of config.yaml)")
    parser.add_argument("--datasets", type=Path, help="preprocess.py's --output (default: that of config.yaml)")
    parser.add_argument("--force", action="store_true", help="replace an LMDB that is there already")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    names, datasets = asked_for(arguments.dataset, arguments.datasets)
    for dataset in names:
        faces, target = find_faces(datasets, dataset, "rgb"), lmdb_root(datasets, dataset)
        if target.exists() and not arguments.force:
            raise ConfigError(f"{shown(target)}: exists already; --force replaces it")
        files = sorted(_named_files(faces))
        pack(tqdm(files, unit="file", desc=dataset), faces, target)
        print(f"{len(files)} files packed into {shown(target)}")


def pack(files: Iterable[str], faces: Path, target: Path) -> None:
    """Write ``files`` (paths below ``faces``) into a new LMDB; until it is whole, ``target`` stays as it was.

    Raises:
        DataError: a file is missing, or the count is not what it should be.
    """
    building, old = (target.with_name(f".{target.name}.{state}") for state in ("part", "old"))
    for left_over in (building, old):
        shutil.rmtree(left_over, ignore_errors=True)
    building.mkdir(parents=True)
    # No lock: nobody else knows this folder. No sync until the end: an unfinished one is thrown away.
    environment = lmdb.open(str(building), map_size=1 << 26, lock=False, sync=False)
    try:
        written, files = 0, iter(files)
        while batch := list(islice(files, BATCH)):
            written += _put(environment, batch, faces)
        if (entries := environment.stat()["entries"]) != written:
            raise DataError(f"{shown(target)}: wrote {written} files but holds {entries}")
        environment.sync(True)
    finally:
        environment.close()
    if target.exists():
        target.rename(old)
    building.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _put(environment: lmdb.Environment, paths: list[str], faces: Path) -> int:
    values = [(lmdb_key(path), _read(faces, path)) for path in paths]
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in values:
                    transaction.put(key, value)
            return len(values)
        except lmdb.MapFullError:
            environment.set_mapsize(environment.info()["map_size"] * 2)


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
