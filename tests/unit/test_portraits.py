"""The attribution demo: eight kinds of forgery that differ, on people who are seen once, the same with every seed."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from preprocessing.demo.draw import draw, draw_portraits
from preprocessing.demo.portraits import DATASET, KINDS, SIDE, SIZES, make_portraits, portray
from preprocessing.manifest import REAL
from tests.unit.trees import scan
from training.core.config import read_yaml
from training.core.errors import ConfigError
from training.core.paths import CONFIG
from training.data.protocol import Protocol

SIZE, SEED = "tiny", 3


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("portraits")
    draw_portraits(output, SIZE, SEED, workers=2)
    return output


def pictures(demo: Path, kind: str) -> np.ndarray:
    """All of one kind, (N, SIDE, SIDE, 3), in the order of people."""
    folder = REAL if kind == REAL else f"fake/{kind}"
    return np.stack([cv2.imread(str(path)) for path in sorted((demo / DATASET).glob(f"*/{folder}/*.png"))]).astype(int)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everybody_is_real_once_and_forged_in_each_way(demo: Path) -> None:
    found = scan(demo / DATASET, DATASET, "folder")
    train, val, test = SIZES[SIZE]
    kinds = (REAL, *KINDS)
    assert len(KINDS) >= 8 and not found.remarks
    assert Counter((s.facts.split, s.facts.method) for s in found.videos) == {
        (split, kind): count for split, count in (("train", train), ("val", val), ("test", test)) for kind in kinds
    }
    splits = {s.facts.source: set() for s in found.videos}
    for s in found.videos:
        splits[s.facts.source].add(s.facts.split)
    assert len(splits) == sum(SIZES[SIZE]) and all(len(of) == 1 for of in splits.values())


@pytest.mark.parametrize("size", SIZES)
def test_nobody_is_in_two_splits(size: str) -> None:
    people = [portrait.person for portrait in make_portraits(size)]
    assert len(set(people)) == len(people) == sum(SIZES[size])


def test_bytes_do_not_depend_on_the_number_of_workers(demo: Path, tmp_path: Path) -> None:
    draw_portraits(tmp_path, SIZE, SEED, workers=1)
    assert contents(tmp_path) == contents(demo)


def test_another_seed_draws_other_people(demo: Path, tmp_path: Path) -> None:
    portrait = make_portraits(SIZE)[0]
    assert portray(portrait, tmp_path, SEED + 1) == len(KINDS) + 1
    assert all((tmp_path / name).read_bytes() != (demo / name).read_bytes() for name in portrait.files)


def test_a_second_run_draws_only_what_is_missing(demo: Path) -> None:
    before = contents(demo)
    lost = sorted((demo / DATASET).rglob("0001.png"))[:3]
    for path in lost:
        path.unlink()
    assert draw_portraits(demo, SIZE, SEED, workers=1) == 3
    assert contents(demo) == before


def test_every_kind_leaves_a_trace_of_its_own_in_the_face_alone(demo: Path) -> None:
    real = pictures(demo, REAL)
    assert real.shape[1:] == (SIDE, SIDE, 3)
    changed = {kind: pictures(demo, kind) - real for kind in KINDS}
    middle, edge = slice(SIDE // 4, -SIDE // 4), slice(0, SIDE // 12)
    for kind, change in changed.items():
        inside = np.abs(change[:, middle, middle]).mean((1, 2, 3))
        outside = np.abs(change[:, edge]).mean((1, 2, 3))
        assert (inside > 0.4).all() and (outside < 0.01).all(), kind
    for one, other in combinations(KINDS, 2):
        apart = np.abs(changed[one] - changed[other])[:, middle, middle].mean((1, 2, 3))
        assert (apart > 1).all(), (one, other)


def test_the_protocol_divides_all_kinds() -> None:
    protocol = Protocol.of(read_yaml(CONFIG / "protocol/demo_attribution.yaml")["data"]["recipe"])
    assert sorted([*protocol.known, *protocol.novel]) == sorted([REAL, *KINDS])
    assert protocol.known[0] == REAL and len(protocol.known) == 5 and len(protocol.novel) == 4


def test_another_demo_or_other_data_in_the_folder_are_left_alone(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'seed': 3.*another --output"):
        draw_portraits(demo, SIZE, SEED + 1)
    (tmp_path / DATASET).mkdir()
    with pytest.raises(ConfigError, match="not drawn by the demo"):
        draw_portraits(tmp_path, SIZE, SEED)


@pytest.mark.slow
def test_both_demos_can_share_a_folder(demo: Path, tmp_path: Path) -> None:
    draw_portraits(tmp_path, SIZE, SEED, workers=1)
    draw(tmp_path, SIZE, SEED, workers=1)
    assert draw_portraits(tmp_path, SIZE, SEED, workers=1) == 0
