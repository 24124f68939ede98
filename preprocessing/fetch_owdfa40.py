"""Entry: OWDFA40-Benchmark from the Hugging Face hub -> checked and unpacked folders.

``python preprocessing/fetch_owdfa40.py --output /data/OWDFA40-Benchmark``. A fetch that was stopped goes on where it
was when started again. Every file is compared with the size and SHA-256 that the hub tells, which are kept in
``fetched.json`` together with the revision. Where no hub can be reached, put the files there by hand and use
``--offline``: it checks what it can and unpacks. Exits with 1 when something is missing or wrong.
"""

from __future__ import annotations

import argparse
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

from preprocessing.layouts._owdfa40 import FOLDERS, HUB
from preprocessing.layouts.base import some
from training.core.cli import add_debug, run_entry
from training.core.download import sha256_of
from training.core.errors import DataError
from training.core.paths import atomic, shown

NOTE = "fetched.json"
ARCHIVES = [f"data/{folder}.zip" for folder in FOLDERS]
UNREACHABLE = (HTTPError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the hub says of a file; ``sha256`` None: it does not say."""

    size: int
    sha256: str | None


def main(argv: list[str]) -> int:
    """Fetch, check and unpack; print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for data/*.zip and what they hold")
    parser.add_argument("--revision", default="main", help="branch, tag or commit of the data set")
    parser.add_argument("--offline", action="store_true", help="fetch nothing; check and unpack what is there")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    output: Path = arguments.output
    expected = noted(output) if arguments.offline else fetch(output, arguments.revision)
    missing = [name for name in ARCHIVES if not (output / name).is_file() and not _unpacked(output / name).is_dir()]
    wrong = dict(problems(output, expected))
    for name in ARCHIVES:
        if name not in wrong and (output / name).is_file():
            wrong |= unpack(output / name)
    for name, reason in wrong.items():
        print(f"problem: {name}: {reason}")
    done = sum(_unpacked(output / name).is_dir() for name in ARCHIVES)
    print(f"{done} of {len(ARCHIVES)} folders are unpacked in {shown(output / 'data')}")
    if missing:
        print(f"not there: {some(missing)}")
    return 1 if missing or wrong else 0


def fetch(output: Path, revision: str) -> dict[str, Expected]:
    """Download what is not there yet, and note revision, sizes and hashes.

    Raises:
        DataError: the hub cannot be reached, or refuses.
    """
    try:
        info = HfApi().dataset_info(HUB, revision=revision, files_metadata=True)
        files = {
            file.rfilename: Expected(file.size or 0, file.lfs.sha256 if file.lfs else None)
            for file in info.siblings or ()
            if file.rfilename in ARCHIVES or file.rfilename.endswith(".dat")
        }
        with atomic(output / NOTE) as temporary:
            note = {"revision": info.sha, "files": {name: asdict(file) for name, file in sorted(files.items())}}
            temporary.write_text(json.dumps(note, indent=1) + "\n")
        for name in files:
            if not _unpacked(output / name).is_dir():
                hf_hub_download(HUB, name, repo_type="dataset", revision=info.sha, local_dir=output)
    except UNREACHABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"the hub cannot be asked for the data set {HUB} ({reason}); go online and start again, or get its "
            f"data/*.zip on another machine, put them into {shown(output / 'data')} and start again with --offline"
        ) from error
    return files


def noted(output: Path) -> dict[str, Expected]:
    """Sizes and hashes that an earlier fetch noted; none where there was none.

    Raises:
        DataError: the note is damaged.
    """
    path = output / NOTE
    try:
        files = json.loads(path.read_text())["files"] if path.is_file() else {}
        return {name: Expected(int(file["size"]), file["sha256"]) for name, file in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{shown(path)}: not a note of this script ({error}); delete it") from error


def problems(output: Path, expected: dict[str, Expected]) -> Iterator[tuple[str, str]]:
    """Files below ``output`` that are not as ``expected``, and why."""
    for name, file in expected.items():
        path = output / name
        if not path.is_file():
            continue
        if path.stat().st_size != file.size:
            yield name, f"has {path.stat().st_size} bytes instead of {file.size}; delete it and fetch again"
        elif file.sha256 is not None and sha256_of(path) != file.sha256:
            yield name, "its SHA-256 is another than the hub's; delete it and fetch again"


def unpack(archive: Path) -> dict[str, str]:
    """Unpack beside the ``archive``, all or nothing; what was unpacked before stays. The problem there was, if any."""
    target = _unpacked(archive)
    if target.is_dir():
        return {}
    partial = target.with_name(f".{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(partial)  # compares each file with its checksum
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        shutil.rmtree(partial, ignore_errors=True)
        return {f"data/{archive.name}": f"cannot be unpacked ({error}); delete it and fetch again"}
    inner = partial / target.name
    (inner if inner.is_dir() else partial).rename(target)
    shutil.rmtree(partial, ignore_errors=True)
    return {}


def _unpacked(archive: Path) -> Path:
    return archive.with_suffix("")


if __name__ == "__main__":
    run_entry(main)
