"""DeeperForensics-1.0 (Jiang et al., CVPR 2020).

``manipulated_videos/<variant>/000_W121.mp4``: the face of actor W121 in clip 000 of FaceForensics++, as made
(``end_to_end``) or distorted; ``source_videos/W121/.../W121_light_up_happy_camera_front.mp4`` of the actors; and
``lists/splits/{train,val,test}.txt``, which name fakes and share no actors.

The reals that these fakes are to be told from are not in it: they are the clips of FaceForensics++ (c23). Link its
``original_sequences/youtube/c23/videos`` into the root as ``target_videos`` and they are taken, each in the split of
its fakes. Without that, the actors' own videos are the reals, as in DeepfakeBench, each in the split of its actor.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts._lists import read_lines
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below, needed, some
from preprocessing.manifest import REAL, SPLITS, Video
from training.core.errors import ConfigError

METHOD = "DeeperForensics"
FAKES, ACTORS, TARGETS = "manipulated_videos", "source_videos", "target_videos"


@LAYOUTS.register("deeperforensics")
class DeeperForensics(Layout):
    """Reads the tree as ``unzip.sh`` leaves it."""

    datasets = {
        "DeeperForensics-1.0": Card(
            size="48,475 videos of actors, 11,000 fakes: 1,000 in each of 11 variants",
            methods="DF-VAE (face swap), plain, post-processed, and with seven distortions at five levels",
            subjects="100 paid actors; their faces in clips of FaceForensics++",
            splits="fakes: official, 703 / 96 / 201, actors disjoint; reals: as the fakes of their actor or clip",
            terms="terms of use, through a form; research only, no redistribution",
            contact="form in the repository EndlessSora/DeeperForensics-1.0",
            traps="its authors say that source_videos are not the reals: link FaceForensics++'s as target_videos",
            paper="Jiang et al., DeeperForensics-1.0: A Large-Scale Dataset for Real-World Face Forgery Detection, "
            "CVPR 2020",
        )
    }
    about = f"{FAKES}/<variant>, {ACTORS}/<actor> (or {TARGETS}), lists/splits/<split>.txt"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        root, scan = self.begin(root, dataset, (FAKES, ACTORS))
        splits = _splits(root / "lists" / "splits")
        place = TARGETS if (root / TARGETS).is_dir() else ACTORS
        if place == TARGETS and (root / ACTORS).is_dir():
            scan.remarks.append(f"{TARGETS} are the reals; {ACTORS} are left out")
        fakes, reals = (
            scan.named(files_below(root / p, VIDEO_SUFFIXES), lambda f: _name(f, root)) for p in (FAKES, place)
        )
        scan.compare("lists/splits", filter(_pair, splits), (path.stem for path in fakes.values()))
        lost = []
        for video, path in sorted((fakes | reals).items()):
            key = path.stem if video in fakes else _person(path.stem)
            if key in splits:
                scan.videos.append(SourceVideo(facts(dataset, video, splits[key]), path))
            elif video in reals:
                lost.append(video)
        if lost:
            scan.remarks.append(f"{len(lost)} reals have fakes in no split or in two, left out: {some(lost)}")
        return scan


def facts(dataset: str, video: str, split: str) -> Video:
    """What the name of ``video`` (``manipulated_videos/end_to_end/000_W121``) says about it."""
    stem = video.rpartition("/")[2]
    if not video.startswith(FAKES):
        return Video(dataset, video, 0, REAL, stem, split, person=_person(stem))
    clip, _, actor = stem.partition("_")
    return Video(dataset, video, 1, METHOD, clip, split, donor=actor or None, person=actor or None)


def _person(stem: str) -> str:
    """The actor of ``W121_light_up_happy_camera_front``; a clip of FaceForensics++ stands for its person."""
    return stem.partition("_")[0]


def _name(path: Path, root: Path) -> str:
    """Without the folders below the variant's or actor's, which the file's name repeats."""
    place, *folders, _ = path.relative_to(root).parts
    return "/".join((place, *folders[:1], path.stem))


def _pair(name: str) -> bool:
    return "_" in name


def _splits(folder: Path) -> dict[str, str]:
    """Split of every listed fake (``000_W121``), and of each clip and actor that only one split uses."""
    splits: dict[str, str] = {}
    sides: dict[str, set[str]] = {}
    for split in SPLITS:
        for at, line in read_lines(needed(folder / f"{split}.txt", "it comes with the dataset and names fakes")):
            stem = PurePath(line).stem
            if not re.fullmatch(r"\d+_[^_]+", stem):
                raise ConfigError(f"{at}: '{line}'; expected '000_W121.mp4'")
            if splits.setdefault(stem, split) != split:
                raise ConfigError(f"{at}: '{stem}' is in the {splits[stem]} split too")
            for side in stem.split("_"):
                sides.setdefault(side, set()).add(split)
    return splits | {side: used.pop() for side, used in sides.items() if len(used) == 1}
