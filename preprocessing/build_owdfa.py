"""Entry: raw sets -> OW-DFA's release tree with its lists.

``python preprocessing/build_owdfa.py --output data/release --faceforensics /data/FaceForensics++ --celebdf ...`` takes
the pictures of 22 classes from five sets, draws which are labelled, and writes ``meta_data/*.csv`` for protocols 1 and
2. A build that was stopped goes on where it was when started again. Lists are of what is there: only with all five sets
are the draws CPL's. Exits with 1 when a class stayed empty or a file could not be taken.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from preprocessing.executors import Work, run
from preprocessing.layouts._owdfa import (
    CATEGORIES,
    CELEB,
    CLASSES,
    COLUMNS,
    DFFD,
    FF,
    LABELLED,
    NET,
    NIR,
    UNLABELLED,
    Class,
    draw_tags,
    labels,
)
from preprocessing.layouts.owdfa import LISTS
from preprocessing.lock import alone
from preprocessing.owdfa_sources import SIZES, Job, Size, jobs, take
from training.core.cli import add_debug, run_entry
from training.core.errors import ConfigError, DataError
from training.core.paths import atomic, processors, shown

SETS = {"faceforensics": FF, "celebdf": CELEB, "forgerynet": NET, "dffd": DFFD, "forgerynir": NIR}
"""Flag -> source."""
SHOWN = 20


def main(argv: list[str]) -> int:
    """Take pictures, write lists, print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the release tree, data/release in CPL's code")
    for flag, source in SETS.items():
        parser.add_argument(f"--{flag}", type=Path, metavar="ROOT", help=f"the raw set {source}")
    parser.add_argument("--size", choices=SIZES, default="large", help="10,000 or 2,000 pictures of each fake class")
    parser.add_argument("--workers", type=int, help="processes; 0 for none but this one")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    roots = {source: getattr(arguments, flag) for flag, source in SETS.items() if getattr(arguments, flag)}
    if not roots:
        raise ConfigError(f"nothing to build from: give {', '.join(f'--{flag} ROOT' for flag in SETS)}")
    size = SIZES[arguments.size]
    plan = {
        each: todo
        for source, root in roots.items()
        for each, todo in jobs(source, root, arguments.output, size).items()
    }
    with alone(arguments.output):
        for left_over in arguments.output.rglob(".*.part"):  # of a build that was killed
            left_over.unlink()
        workers = processors() if arguments.workers is None else arguments.workers
        names, failures = _take_all(plan, workers)
        write_lists(arguments.output, names, arguments.size)
    for reason in islice(failures, SHOWN):
        print(f"problem: {reason}", file=sys.stderr)
    print(_table(names, size))
    total = sum(map(len, names.values()))
    print(f"{total} pictures, {len(failures)} files could not be taken; {shown(arguments.output)}")
    return 1 if failures or not all(names.values()) else 0


def _take_all(plan: dict[Class, list[Job]], workers: int) -> tuple[dict[Class, list[str]], list[str]]:
    """Names of the pictures of every class, sorted, and why others could not be had."""
    owners = {job: each for each, todo in plan.items() for job in todo}
    names: dict[Class, list[str]] = {each: [] for each in CLASSES}
    failures = []
    for job, result in tqdm(run(Work(take), owners, workers), "OW-DFA", len(owners), unit="file"):
        if isinstance(result, list):
            names[owners[job]] += result
        elif isinstance(result, OSError):
            raise DataError(f"{shown(job.target)}: cannot be written ({result})") from result
        else:
            failures.append(str(result))
    return {each: sorted(found) for each, found in names.items()}, sorted(failures)


def write_lists(release: Path, names: dict[Class, list[str]], size: str) -> None:
    """Both protocols' lists of the pictures ``names``: with real faces, and without.

    Raises:
        ConfigError: there are no pictures at all.
    """
    counts = {each: len(found) for each, found in names.items() if found}
    if not counts:
        raise ConfigError(f"{shown(release)}: no pictures of any class; are the roots right?")
    tags = draw_tags(counts, SIZES[size].celeb_kept)
    stems = LISTS["OW-DFA" if size == "large" else "OW-DFA-small"]
    for protocol, stem, classes in (
        (2, stems[0], list(counts)),
        (1, stems[1], [c for c in counts if c.method != "Real"]),
    ):
        numbers = labels({each: (tags[each].count(LABELLED), tags[each].count(UNLABELLED)) for each in classes})
        rows = (
            _row(each, name, tag, numbers[each])
            for each in classes
            for name, tag in zip(names[each], tags[each], strict=True)
        )
        _write(release / "meta_data" / f"Protocol{protocol}_{stem}_merge_meta.csv", rows)


def _row(each: Class, name: str, tag: int, number: int) -> dict[str, str | int]:
    return {
        "img_name": name,
        "label": number,
        "method": each.method,
        "forgery_type": each.category,
        "forgery_label": CATEGORIES.index(each.category),
        "face_type": int(each.method == "Real"),
        "tag": tag,
        "code": "",
        "image_source": each.source,
        "img_path": f"{each.folder}/{name}",
        "compression": "c23" if each.source == FF else "",
        "frame_idx": int(Path(name).stem.rpartition("-")[2]) if each.source in (FF, CELEB) else "",
    }


def _write(path: Path, rows: Iterable[dict[str, str | int]]) -> None:
    with atomic(path) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _table(names: dict[Class, list[str]], size: Size) -> str:
    """What each class has, and how many pictures it lacks."""
    lines = []
    for each, found in names.items():
        lacking = max(size.wanted(each) - len(found), 0)
        missing = f", {lacking} missing" if lacking else ""
        lines.append(f"{each.source:16} {each.method:18} {len(found):7} pictures{missing}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_entry(main)
