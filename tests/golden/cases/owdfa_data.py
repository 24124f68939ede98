"""The draws behind the attribution protocols: CPL's tags and cut, CAL's pools, CPL's sampler."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tests.golden.compare import Result, compare
from tests.golden.registry import Golden, case
from training.data.open_world import Alternation, cal_pools, cpl_cut, cpl_tags

NET = (
    ("FaceShifter", "FSGAN", "DeepFaceLab", "Talking-Head-Video", "ATVG-Net")
    + ("FOMM", "StyleGAN2", "MaskGAN", "StarGAN2", "SC-FEGAN")
)  # fmt: skip
TABLE = (
    *((method, "FaceForensics++", 10_000) for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")),
    ("Real", "FaceForensics++", 100_000),
    ("Real", "CelebDF", 29_500),
    *((method, "ForgeryNet", 10_000) for method in NET),
    *((method, "DFFD", 10_000) for method in ("FaceAPP", "PGGAN", "StyleGAN", "StarGAN")),
    *((method, "ForgeryNIR+", 10_000) for method in ("CycleGAN", "PGGAN", "StyleGAN", "StyleGAN2")),
)
"""Method, source and pictures, in the order of the synthetic table's rows."""


def crc(texts: Sequence[str]) -> int:
    return zlib.crc32("\n".join(texts).encode())


@dataclass(frozen=True)
class Part:
    """A class of a protocol: its number, its rows that are not left out, and which of these are labelled."""

    label: int
    source: str
    rows: list[int]
    labelled: set[int]


def _tagged(golden: Golden, classes: list[dict]) -> tuple[dict[tuple[str, str], list[int]], dict[int, int]]:
    """Rows of each group of the synthetic table, and the tag of each row."""
    start, rows = 0, {}
    for method, source, count in TABLE:
        rows[method, source] = list(range(start, start + count))
        start += count
    order = [tuple(group) for group in golden["group_visit_order_of_the_tag_draw"]]
    known = {(c["method"], c["image_source"]) for c in classes if c["labelled_tag1"]}
    cut = {("Real", "CelebDF"): 25_000}
    return rows, cpl_tags({group: rows[group] for group in order}, known, cut, random.Random(2000))


@case("owdfa/cpl_protocols")
def cpl_protocols(golden: Golden) -> Iterator[Result]:
    """Tags of every class of both protocols, then which pictures train and test."""
    for protocol in ("protocol2", "protocol1"):
        classes = golden[protocol]
        rows, tags = _tagged(golden, golden["protocol2"])
        parts = []
        for c in classes:
            own = rows[c["method"], c["image_source"]]
            counts = [sum(tags[row] == tag for row in own) for tag in (1, 2, 0)]
            expected = [c["labelled_tag1"], c["unlabelled_tag2"], c["dropped_tag0"]]
            yield compare(f"{protocol}.{c['label']}", expected, counts, 0)
            labelled = {row for row in own if tags[row] == 1}
            parts.append(Part(c["label"], c["image_source"], [row for row in own if tags[row]], labelled))
        yield from _split(f"split_{protocol}", golden[f"split_{protocol}"], parts)


def _split(name: str, expected: Golden, parts: list[Part]) -> Iterator[Result]:
    ordered = sorted(parts, key=lambda part: (part.source, part.label))
    train, test = cpl_cut([part.rows for part in ordered], expected["seed"])
    labelled = set().union(*(part.labelled for part in parts))
    for part, rows in (("train", train), ("test", test)):
        known = sum(row in labelled for row in rows)
        yield compare(f"{name}.{part}", expected[part], len(rows), 0)
        yield compare(f"{name}.{part}_labelled", expected[f"{part}_labelled"], known, 0)
        yield compare(f"{name}.{part}_unlabelled", expected[f"{part}_unlabelled"], len(rows) - known, 0)
        paths = crc([f"p{row}" for row in rows])
        key = f"{part}_crc32_of_joined_img_path"
        yield compare(f"{name}.{key}", expected[key], paths, 0)


@case("owdfa/cal_protocols")
def cal_protocols(golden: Golden) -> Iterator[Result]:
    """The three pools of each protocol on the synthetic listing, and the numbers that classes get."""
    split = golden["split_on_synthetic_listing"]
    folders = []
    for name in split["folders"]:
        number = int(name.partition("_")[0])
        count = split["images_per_fake_folder"] if number else split["images_per_real_folder"]
        folders.append((number, [f"{name}/{at:05d}.png" for at in range(count)]))
    for protocol, expected in split["result"].items():
        facts = golden["protocols"][protocol]
        known = facts["known_folder_ids"]
        order = [*known, *facts["novel_order_used_for_targets_CPython3.11"]]
        numbers = {str(folder): at for at, folder in enumerate(order)}
        yield Result(f"{protocol}.target_of_folder_id", numbers == facts["target_of_folder_id"])
        pools = cal_pools(folders, set(known), np.random.RandomState(split["seed"]))
        for part in ("labelled", "unlabelled", "test"):
            pairs = getattr(pools, part)
            targets = np.array([numbers[str(number)] for number, _ in pairs], dtype=np.int64)
            found = {
                "n": len(pairs),
                "classes": len(set(targets.tolist())),
                "crc32_of_joined_paths": crc([path for _, path in pairs]),
                "real": int((targets == numbers["0"]).sum()),
                "target_crc32_int64": zlib.crc32(targets.tobytes()),
            }
            for key, value in found.items():
                yield compare(f"{protocol}.{part}.{key}", expected[part][key], value, 0)
        hidden = len(pools.labelled) / len(pools.unlabelled)
        yield compare(f"{protocol}.weight", expected["sampler_weight_of_unlabelled"], hidden, 1e-5)


@case("owdfa/sampler")
def sampler(golden: Golden) -> Iterator[Result]:
    """CPL's first epoch, position by position."""
    seed = golden["np_and_random_seed"]
    classes = np.where(np.array(golden["tags"]) == 1, golden["labels"], -1)
    drawn = list(Alternation(classes, np.random.RandomState(seed), random.Random(seed)).epoch())
    yield Result("epoch1", drawn == golden["epoch1"], f"{drawn[:8]}; reference {golden['epoch1'][:8]}")
    counts = np.bincount(classes[drawn] % (classes.max() + 2))
    yield compare("labelled_class_counts", golden["labelled_class_counts"], counts.tolist(), 0)
