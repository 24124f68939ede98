"""Which pictures of the raw sets OW-DFA takes, and taking them (facts: CPL's published preparation, OW-DFA large).

The draws are seeded as there, but lists in another order or another number of files give other pictures.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from preprocessing.faces.sampling import Sampling
from preprocessing.faces.video import VIDEO_SUFFIXES, open_media
from preprocessing.layouts._lists import read_lines
from preprocessing.layouts._owdfa import CELEB, CLASSES, DFFD, FF, NET, NIR, SEED, Class
from preprocessing.layouts.base import files_below, layout_for, needed, some
from training.core.errors import ConfigError, DataError
from training.core.paths import atomic, shown


@dataclass(frozen=True, slots=True)
class Size:
    """How much is taken: pictures of each fake class, frames of each video, and real faces of Celeb-DF that count."""

    fakes: int
    fake_frames: int
    real_frames: int
    celeb_frames: int
    celeb_kept: int

    def wanted(self, each: Class) -> int:
        """Pictures of a class when all raw files are there: FaceForensics++ has 1,000 videos, Celeb-real 590."""
        if each.method != "Real":
            return self.fakes
        return 1000 * self.real_frames if each.source == FF else 590 * self.celeb_frames


SIZES = {"large": Size(10_000, 10, 100, 50, 25_000), "small": Size(2_000, 2, 20, 10, 5_000)}
"""How the authors drew the small size is not told; here it is the large one's way with a fifth of everything."""
NET_NUMBERS = {
    1: "FaceShifter",
    2: "FSGAN",
    3: "DeepFaceLab",
    7: "Talking-Head-Video",
    8: "ATVG-Net",
    10: "FOMM",
    11: "StyleGAN2",
    12: "MaskGAN",
    13: "StarGAN2",
    14: "SC-FEGAN",
}
"""What OW-DFA calls the last number of a line in ForgeryNet's list; see the traps of the layout's card."""
DFFD_FOLDERS = {"FaceAPP": "faceapp", "PGGAN": "pggan_v2", "StarGAN": "stargan", "StyleGAN": "stylegan_ffhq"}
NIR_FOLDERS = {"CycleGAN": "cyclegan", "PGGAN": "progan", "StyleGAN": "stylegan", "StyleGAN2": "stylegan2"}


@dataclass(frozen=True, slots=True)
class Job:
    """A picture to copy, or a video to take frames of, into the folder ``target``."""

    origin: Path
    target: Path
    name: str
    """Of the copy, or what frames are called before their number."""
    frames: int = 0
    """How many frames to take; 0: the origin is a picture."""


def jobs(source: str, root: Path, release: Path, size: Size) -> dict[Class, list[Job]]:
    """What is to be taken from the raw set ``source`` below ``root``, by class.

    Raises:
        ConfigError: ``root`` does not look like that set, or its list is missing or wrong.
    """
    ways = {FF: _faceforensics, CELEB: _celeb, NET: _forgerynet, DFFD: _dffd, NIR: _forgerynir}
    found = ways[source](root, size)
    if not any(found.values()):
        raise ConfigError(f"{shown(root)}: nothing of {source} here that OW-DFA takes")
    for method, items in found.items():
        if doubles := [name for name, times in Counter(item[1] for item in items).items() if times > 1]:
            raise ConfigError(f"{shown(root)}: several pictures of {method} are called {some(doubles)}")
    return {
        each: [Job(origin, release / each.folder, *rest) for origin, *rest in found.get(each.method, ())]
        for each in CLASSES
        if each.source == source
    }


def take(job: Job) -> list[str]:
    """Do what is not done yet; names of the pictures of ``job``.

    Raises:
        DataError: the video or picture is not there or cannot be read.
    """
    if job.frames:
        return _take_frames(job)
    if not (job.target / job.name).exists():
        if not job.origin.is_file():
            raise DataError(f"{shown(job.origin)}: not there")
        with atomic(job.target / job.name) as temporary:
            shutil.copyfile(job.origin, temporary)
    return [job.name]


def _take_frames(job: Job) -> list[str]:
    media = open_media(job.origin)
    names = {index: f"{job.name}{index:05d}.png" for index in Sampling("even", job.frames).indices(media.total)}
    missing = [index for index, name in names.items() if not (job.target / name).exists()]
    for shot in media.read(missing) if missing else ():
        with atomic(job.target / names[shot.index]) as temporary:
            temporary.write_bytes(cv2.imencode(".png", cv2.cvtColor(shot.rgb, cv2.COLOR_RGB2BGR))[1].tobytes())
    return [name for name in names.values() if (job.target / name).exists()]


Found = dict[str, list[tuple]]
"""What is to be taken, by method: origin, name, and how many frames of a video."""


def _faceforensics(root: Path, size: Size) -> Found:
    found: Found = {}
    for method in (each.method for each in CLASSES if each.source == FF):
        real = method == "Real"
        folder = root / ("original_sequences/youtube" if real else f"manipulated_sequences/{method}") / "c23/videos"
        frames = size.real_frames if real else size.fake_frames
        found[method] = [(path, f"c23-{path.stem}-", frames) for path in files_below(folder, VIDEO_SUFFIXES)]
    return found


def _celeb(root: Path, size: Size) -> Found:
    videos = files_below(root / "Celeb-real", VIDEO_SUFFIXES)
    return {"Real": [(path, f"Celeb-real-{path.stem}-", size.celeb_frames) for path in videos]}


def _forgerynet(root: Path, size: Size) -> Found:
    listed: dict[str, list[str]] = defaultdict(list)
    for at, line in read_lines(needed(root / "Training/image_list.txt", "it comes as train_list.tar of ForgeryNet")):
        parts = line.split()
        if len(parts) != 4:
            raise ConfigError(f"{at}: '{line}'; expected 'train_release/7/<hash>/<hash>/frame00038.jpg 1 1 15'")
        listed[parts[3]].append(parts[0])
    found: Found = {}
    for number, method in NET_NUMBERS.items():
        names = listed[str(number)]
        # The generator starts anew for each class.
        drawn = (names[at] for at in np.random.RandomState(SEED).permutation(len(names))[: size.fakes])
        found[method] = [(root / "Training/image" / name, "-".join(PurePosixPath(name).parts[-4:])) for name in drawn]
    return found


def _dffd(root: Path, size: Size) -> Found:
    pictures: dict[tuple[str, bool], list[Path]] = defaultdict(list)
    for video in layout_for("DFFD").scan(root, "DFFD", "").videos:
        pictures[video.facts.method, video.facts.split == "train"].append(video.path)
    rng, found = random.Random(SEED), {}
    for method, folder in DFFD_FOLDERS.items():
        chosen = _sample(rng, pictures[folder, True], size.fakes)
        chosen += _sample(rng, pictures[folder, False], size.fakes - len(chosen))
        found[method] = [(path, path.name) for path in chosen]
    return found


def _forgerynir(root: Path, size: Size) -> Found:
    pictures: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for video in layout_for("ForgeryNIR-mix").scan(root, "ForgeryNIR-mix", "").videos:
        name = video.facts.video.replace("/", "-") + video.path.suffix
        pictures[video.facts.method].append((video.path, name))
    rng = random.Random(SEED)
    # PGGAN and StyleGAN are drawn too, though no class is made of them: the generator goes on from one to the next.
    return {method: _sample(rng, pictures[folder], size.fakes) for method, folder in NIR_FOLDERS.items()}


def _sample(rng: random.Random, items: Sequence, count: int) -> list:
    """``count`` of ``items``, drawn; all in their order when there are not more."""
    return rng.sample(items, count) if len(items) > count else list(items)
