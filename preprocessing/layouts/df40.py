"""DF40 (Yan et al., NeurIPS 2024): 40 methods, most of them applied to FaceForensics++ and Celeb-DF. Its own names.

Fakes lie in ``DF40_train/<method>/`` (made from FaceForensics++) and in ``DF40/<method>/{ff,cdf}/`` for those made from
FaceForensics++ and Celeb-DF, ``DF40/<method>/{fake,real}/`` for eight methods with data of their own; real pictures for
the others in ``FaceForensics++/original_sequences/youtube/c23/frames`` and
``Celeb-DF-v2/{Celeb-real,YouTube-real}/frames``, cut like the fakes. What unpacking left doubled
(``stargan/stargan/fake/fake``) is understood. A folder that lies in ``frames`` or is called like a clip is a video, and
its pictures are the frames; any other picture stands by itself.

It makes three sets: DF40-FF, divided by the official splits of FaceForensics++, DF40-CDF and DF40-unknown (test only).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath

from preprocessing.faces.video import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, some
from preprocessing.layouts.faceforensics import read_splits
from preprocessing.manifest import REAL, Video
from training.core.errors import ConfigError
from training.core.paths import shown

SWAPS = (
    ("fsgan", "faceswap", "simswap", "inswap", "blendface", "uniface", "mobileswap", "e4s", "facedancer")
    + ("deepfacelab",)
)  # fmt: skip
REENACTMENTS = (
    ("fomm", "facevid2vid", "wav2lip", "MRAA", "one_shot_free", "pirender", "tpsm", "lia", "danet", "sadtalker")
    + ("mcnet", "hyperreenact", "heygen")
)  # fmt: skip
SYNTHESIS = (
    ("VQGAN", "StyleGAN2", "StyleGAN3", "StyleGANXL", "sd2.1", "ddim", "RDDM", "pixart", "DiT", "SiT")
    + ("MidJourney", "whichfaceisreal")
)  # fmt: skip
EDITS = ("CollabDiff", "e4e", "stargan", "starganv2", "styleclip")
METHODS = (*SWAPS, *REENACTMENTS, *SYNTHESIS, *EDITS)
OWN_DATA = (
    ("deepfacelab", "heygen", "MidJourney", "whichfaceisreal", "CollabDiff", "stargan", "starganv2", "styleclip")
)  # fmt: skip
"""Methods whose pictures were made from neither FaceForensics++ nor Celeb-DF."""
FF, CDF, UNKNOWN = "DF40-FF", "DF40-CDF", "DF40-unknown"
FF_REAL = "FaceForensics++/original_sequences/youtube/c23/frames"
CDF_REAL = ("Celeb-DF-v2/Celeb-real/frames", "Celeb-DF-v2/YouTube-real/frames")
DOMAINS = {"ff": FF, "cdf": CDF, "fake": UNKNOWN, "real": UNKNOWN}
CLIP = re.compile(r"(\d{3})(?:_(\d{3}))?")
CELEB = re.compile(r"(id\d+)(?:_(id\d+))?_(\d+)")
IS_CLIP = re.compile(r"(id\d+_)*\d+(_\d+)*")

_FF = Card(
    size="40 methods, about a million fake pictures, up to 32 of a video; real ones of FaceForensics++ beside them",
    methods="10 swaps, 13 reenactments, 12 syntheses, 5 edits (SWAPS, REENACTMENTS, SYNTHESIS, EDITS); 32 of them here",
    subjects="those of FaceForensics++",
    splits="the official ones of FaceForensics++, by both clips of a pair",
    terms="form; CC BY-NC 4.0",
    contact="form in the repository YZY-stack/DF40",
    traps="face crops already (--detector already-cropped), so take the real ones of the same download; training "
    "folders hold test identities of some methods, left out here; danet is DaGAN, one_shot_free OneShot",
    paper="Yan et al., DF40: Toward Next-Generation Deepfake Detection, NeurIPS 2024 (Datasets and Benchmarks)",
    unverified="that the first clip of a pair is the one that was changed; the tree of the raw videos",
)
CARDS = {
    FF: _FF,
    CDF: replace(_FF, subjects="those of Celeb-DF-v2", splits="none; all of it is test, as in its protocols"),
    UNKNOWN: replace(_FF, subjects="of UADFV, VFHQ, FFHQ and CelebA", splits="none; all of it is test"),
}


@LAYOUTS.register("df40")
class DF40(Layout):
    """Reads the two downloads, unpacked beside each other."""

    datasets = CARDS
    about = "DF40_train/<method>, DF40/<method>/{ff,cdf,fake,real}, FaceForensics++, Celeb-DF-v2"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        root, scan = self.begin(root, dataset, ("DF40_train", "DF40") if dataset == FF else ("DF40",))
        splits = read_splits(root) if dataset == FF else {}
        strangers = []
        for method, path in _entries(root, dataset):
            name = path.relative_to(root)
            video = name.with_suffix("") if path.is_file() else name
            facts = _facts(dataset, video, method, splits)
            if facts is None:
                strangers.append(name)
            else:
                scan.videos.append(SourceVideo(facts, path))
        if not scan.videos:
            raise ConfigError(f"{shown(root)}: no {dataset} here; expected {self.about}")
        if strangers:
            scan.remarks.append(f"{len(strangers)} fakes have clips of two splits or none, left out: {some(strangers)}")
        found = {video.facts.method for video in scan.videos}
        expected = (REAL, *(m for m in METHODS if (m in OWN_DATA) == (dataset == UNKNOWN)))
        if absent := [method for method in expected if method not in found]:
            scan.remarks.append(f"not there: {some(absent, len(METHODS))}")
        return scan


def _entries(root: Path, dataset: str) -> Iterator[tuple[str, Path]]:
    """Method and file or folder of every video and picture of ``dataset``."""
    for folder in {FF: (FF_REAL,), CDF: CDF_REAL}.get(dataset, ()):
        yield from ((REAL, path) for path in _media(root / folder))
    known = {method.lower(): method for method in METHODS}
    for part, usual in (("DF40_train", FF), ("DF40", None)):
        for place in sorted(path for path in (root / part).glob("*") if path.name.lower() in known):
            for path in _media(place):
                inside = [name.lower() for name in path.relative_to(place).parts]
                if next((DOMAINS[name] for name in inside if name in DOMAINS), usual) == dataset:
                    yield REAL if "real" in inside else known[place.name.lower()], path


def _media(place: Path) -> Iterator[Path]:
    """Folders that are videos, and files by themselves, below ``place``."""
    for folder, names, files in os.walk(place, followlinks=True):
        names.sort()
        here, suffixes = Path(folder), {name: PurePath(name).suffix.lower() for name in sorted(files)}
        pictures = [name for name, suffix in suffixes.items() if suffix in PICTURE_SUFFIXES]
        if pictures and (here.parent.name == "frames" or IS_CLIP.fullmatch(here.name)):
            yield here
        else:
            yield from (here / name for name in pictures)
        yield from (here / name for name, suffix in suffixes.items() if suffix in VIDEO_SUFFIXES)


def _facts(dataset: str, name: PurePath, method: str, splits: dict[str, str]) -> Video | None:
    """What ``001_870`` (FaceForensics++) or ``id0_id1_0000`` (Celeb-DF) says; None: it is in no split, or in two."""
    clips, celebrities = CLIP.fullmatch(name.name), CELEB.fullmatch(name.name)
    source, donor, owner, split = name.as_posix(), None, None, "test"
    if dataset == FF:
        if clips is None or len({splits.get(clip) for clip in clips.groups() if clip}) != 1:
            return None
        source, donor = clips.groups()
        owner, split = source, splits.get(source, "")
    elif dataset == CDF and celebrities:
        owner, donor, number = celebrities.groups()
        source = f"{owner}_{number}"
    person = None if method in SYNTHESIS else donor if method in SWAPS and donor else owner
    facts = Video(dataset, name.as_posix(), int(method != REAL), method, source, split, donor=donor, person=person)
    return facts if split else None
