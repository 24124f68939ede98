"""OW-DFA (Sun et al., ICCV 2023) and OW-DFA++ (Sun et al., IJCV 2025): the release tree with its lists.

``<category>/<method>/<source>/<picture>`` and ``meta_data/*.csv``; preprocessing/build_owdfa.py makes both from the raw
sets. The list for fake and real faces is read, or else the one for fakes. Of its rows count ``label`` (the class),
``method``, ``image_source``, ``face_type`` (1 is real), ``tag`` (1 labelled, 2 unlabelled, 0 unused) and the end of
``img_path``.

Nothing that a protocol needs is lost:

* a class is a method of one source, so a fake's ``method`` is ``<method>@<source>`` (``StyleGAN2@ForgeryNIR+``); real
  faces stay ``real``, and the first part of ``video`` is the source: that of ``CelebDF/Real/...`` is CelebDF;
* ``labelled`` is the tag: true, false; unused rows are left out;
* ``split`` is CPL's own cut, four fifths of each class to train and the rest to test. There is no validation split.

``preprocess.py --boxes`` cuts faces as the published methods' loaders do.

Protocols 1 and 3 are 2 and 4 without real faces: same pictures, same tags, same cut.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from preprocessing.layouts._lists import read_rows
from preprocessing.layouts._owdfa import CATEGORIES, CELEB, FF, LABELLED, SEED, UNLABELLED, UNUSED, training_rows
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, some
from preprocessing.manifest import REAL, Video, check_relative
from training.core.errors import ConfigError
from training.core.paths import shown

LISTS = {
    "OW-DFA": ("openset_real_fake_large", "openset_fake_large"),
    "OW-DFA-small": ("openset_real_fake_val", "openset_fake_val"),
    "OW-DFA++": ("openset_real_fake_aigc_large", "openset_fake_aigc_large"),
}
"""What the names of lists begin with, after ``Protocol2_`` and the like: with real faces, and without."""
TAGS = {str(tag): tag for tag in (UNUSED, LABELLED, UNLABELLED)}

_LARGE = Card(
    size="125,000 real (FaceForensics++, Celeb-DF), 170,000 fake pictures",
    methods="20 of FaceForensics++, ForgeryNet, DFFD and ForgeryNIR: 8 known, 12 novel; real ones known and novel",
    subjects="those of the sets that it is made of",
    splits="CPL's: four fifths of each class train, the rest is test and validation at once",
    terms="those of each set; the lists are given out by CPL's authors",
    contact="the repository TencentYoutuResearch/OpenWorld-DeepFakeAttribution",
    traps="frames of one video are in training and test; face_type is 1 for real; ForgeryNet's classes are named by "
    "the last number of its lists, which does not count as its folders do, so their names may be mixed up",
    paper="Sun et al., Contrastive Pseudo Learning for Open-World DeepFake Attribution, ICCV 2023",
    unverified="names of lists beyond their stems, and of pictures",
)
CARDS = {
    "OW-DFA": _LARGE,
    "OW-DFA-small": replace(_LARGE, size="25,000 real (FaceForensics++, Celeb-DF), 34,000 fake pictures"),
    "OW-DFA++": replace(
        _LARGE,
        size="OW-DFA and 5 more classes",
        methods="OW-DFA's and 5 of diffusion from DF^3; which, and which of them are known, only its lists tell",
        paper="Sun et al., Rethinking Open-World DeepFake Attribution with Multi-perspective Sensory Learning, "
        "IJCV 2025",
    ),
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a list that is used; ``group`` is what the cut divides."""

    path: str
    group: tuple[str, int]
    facts: Video


@LAYOUTS.register("owdfa")
class OWDFA(Layout):
    """Reads the folder ``data/release`` or one that holds it."""

    datasets = CARDS
    about = ", ".join(CATEGORIES) + ", meta_data/Protocol2_openset_real_fake_large_merge_meta.csv"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        within = (root, root / "release", root / "data/release", root / dataset)
        root = next((path for path in within if (path / "meta_data").is_dir()), root)
        root, scan = self.begin(root, dataset, CATEGORIES)
        rows = _rows(_list(root, dataset, scan), dataset, scan)
        groups: dict[tuple[str, int], list[int]] = defaultdict(list)
        for at, row in enumerate(rows):
            groups[row.group].append(at)
        train = set(training_rows((groups[group] for group in sorted(groups)), SEED))
        missing = []
        for at, row in enumerate(rows):
            path = root / row.path
            if path.is_file():
                facts = replace(row.facts, split="train" if at in train else "test")
                scan.videos.append(SourceVideo(facts, path))
            else:
                missing.append(row.path)
        if missing:
            scan.remarks.append(f"{len(missing)} of {len(rows)} listed pictures are not there: {some(missing)}")
        return scan


def _list(root: Path, dataset: str, scan: Scan) -> Path:
    """The list of ``dataset`` with real faces, or the one without; the latter is remarked on."""
    for stem in LISTS[dataset]:
        if found := sorted((root / "meta_data").glob(f"*{stem}*.csv")):
            if "real" not in stem:
                scan.remarks.append(f"{found[0].name} is read, so there are no real faces: no list {LISTS[dataset][0]}")
            return found[0]
    raise ConfigError(
        f"{shown(root / 'meta_data')}: no list *{LISTS[dataset][0]}*.csv; get it from CPL's authors, or make it and "
        "the tree with preprocessing/build_owdfa.py"
    )


def _rows(table: Path, dataset: str, scan: Scan) -> list[_Row]:
    """The rows that are not unused, in order."""
    rows, seen, unused = [], set(), 0
    for at, cells in read_rows(table, "label", "method", "face_type", "tag", "image_source", "img_path"):
        if cells["tag"] not in TAGS or cells["face_type"] not in ("0", "1") or not cells["label"].isdecimal():
            raise ConfigError(
                f"{at}: tag is '{cells['tag']}', face_type '{cells['face_type']}', label '{cells['label']}'; "
                "expected 0, 1 or 2; 0 or 1; a number"
            )
        row = _row(cells, dataset)
        check_relative(row.path, at)
        if row.facts.video in seen:
            raise ConfigError(f"{at}: '{row.path}' is listed twice")
        seen.add(row.facts.video)
        if TAGS[cells["tag"]] == UNUSED:
            unused += 1
        else:
            rows.append(row)
    if unused:
        scan.remarks.append(f"{unused} pictures of {table.name} are tagged 0, unused, and left out")
    return rows


def _row(cells: dict[str, str], dataset: str) -> _Row:
    # Lists hold paths of the machine that wrote them; only the end is of the tree.
    path = PurePosixPath(*PurePosixPath(cells["img_path"].replace("\\", "/")).parts[-4:])
    origin, real = cells["image_source"], cells["face_type"] == "1"
    source, donor, person = _people(origin, path.stem)
    facts = Video(
        dataset=dataset,
        video=f"{origin}/{cells['method']}/{path.stem}",
        label=int(not real),
        method=REAL if real else f"{cells['method']}@{origin}",
        source=f"{origin}/{source}",
        split="",
        donor=donor and f"{origin}/{donor}",
        person=person and f"{origin}/{person}",
        labelled=TAGS[cells["tag"]] == LABELLED,
    )
    return _Row(path.as_posix(), (origin, int(cells["label"])), facts)


def _people(origin: str, stem: str) -> tuple[str, str | None, str | None]:
    """Source, donor and person that a name tells: ``c23-000_003-<frame>``, ``Celeb-real-id0_0001-<frame>``."""
    if origin == FF and (clips := re.match(r"c\d+-(\d{3})(?:_(\d{3}))?-", stem)):
        return clips[1], clips[2], None
    if origin == CELEB and (video := re.match(r"Celeb-real-((id\d+)_\d+)-", stem)):
        return video[1], None, video[2]
    return stem, None, None
