"""Celeb-DF (Li et al., CVPR 2020), version 1 and 2, and Celeb-DF++ (Li et al., 2025), which continues it.

``Celeb-real/id0_0000.mp4``, ``YouTube-real/00000.mp4`` and ``Celeb-synthesis/id0_id1_0000.mp4``: the face of id1 in the
video id0_0000. Celeb-DF++ has fakes of 22 methods in ``Celeb-synthesis/<scenario>/<method>/``; in talking faces
(``id29_0002_test_...``) speech moves the mouth of the video id29_0002.

``List_of_testing_videos.txt`` names the test set; its lines start with 1 for real and 0 for fake, the reverse of ours.
There is no official validation set: about a tenth of the identities left for training becomes one, chosen by a hash of
the identity whose video it is, so a fake and its original stay together. Test identities are not disjoint from the
others; that is how the official list is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePath

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts._lists import read_lines
from preprocessing.layouts.base import (
    LAYOUTS,
    Card,
    Layout,
    Scan,
    SourceVideo,
    files_below,
    needed,
    some,
    with_validation,
)
from preprocessing.manifest import REAL, Video
from training.core.errors import ConfigError

FOLDERS = {"Celeb-real": REAL, "YouTube-real": REAL, "Celeb-synthesis": "Celeb-synthesis"}
LIST = "List_of_testing_videos.txt"

_V2 = Card(
    size="590 + 300 real, 5,639 fake videos",
    methods="one improved face swap (Celeb-synthesis)",
    subjects="59 celebrities (Celeb-real); unnamed people of YouTube-real",
    splits="test: the 518 videos of the list; val: a tenth of the identities left (ours); train: the rest",
    terms="request form; research only, no redistribution",
    contact="form in the repository yuezunli/celeb-deepfakeforensics",
    traps="its list says 1 = real, 0 = fake; test identities also occur in training",
    paper="Li et al., Celeb-DF: A Large-scale Challenging Dataset for DeepFake Forensics, CVPR 2020",
)
_PLUS = Card(
    size="590 + 300 real, 53,196 fake videos",
    methods="22: face swaps (Celeb-DF's own and 7 more), 7 reenactments, 7 talking faces",
    subjects="those of Celeb-DF-v2",
    splits="test: the 178 real and 5,240 fake videos of the list; val and train as in Celeb-DF-v2 (ours)",
    terms="request form; research only",
    contact="form in the repository OUC-VAS/Celeb-DF-PP",
    traps="its reals and a tenth of its fakes are Celeb-DF-v2's: neither is new to a detector trained on the other",
    paper="Li et al., Celeb-DF++: A Large-scale Challenging Video DeepFake Benchmark, arXiv 2507.18015, 2025",
    unverified="in reenactments id0_id1_0000, that the face and video are id0's, moved by id1",
)
CARDS = {
    "Celeb-DF-v1": replace(
        _V2,
        size="408 real, 795 fake videos",
        splits="test: the videos of the list; val: a tenth of the identities left (ours); train: the rest",
    ),
    "Celeb-DF-v2": _V2,
    "Celeb-DF++": _PLUS,
}


@LAYOUTS.register("celeb_df")
class CelebDF(Layout):
    """Reads the tree as downloaded."""

    datasets = CARDS
    about = f"Celeb-real, YouTube-real, Celeb-synthesis, {LIST}"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only, so ``compression`` says nothing."""
        root, scan = self.begin(root, dataset, FOLDERS)
        found = (path for folder in FOLDERS for path in files_below(root / folder, VIDEO_SUFFIXES))
        paths = scan.named(found, lambda path: path.relative_to(root).with_suffix("").as_posix())
        test = _read_test_list(needed(root / LIST, "it comes with the dataset and names the test videos"))
        if absent := sorted(test - paths.keys()):
            scan.remarks.append(f"{len(absent)} videos of {LIST} are not there: {some(absent)}")
        videos = [
            SourceVideo(facts(dataset, video, "test" if video in test else "train"), path)
            for video, path in sorted(paths.items())
        ]
        scan.videos += with_validation(videos, lambda video: _identities(video.source)[0])
        return scan


def facts(dataset: str, video: str, split: str) -> Video:
    """What the name of ``video`` (``Celeb-synthesis/id0_id1_0000``) says about it."""
    folder, *scenario, stem = video.split("/")
    owner, clip, donor = _identities(stem)
    method, person = FOLDERS[folder], owner if clip else None
    if method != REAL:
        scenario = scenario if dataset == "Celeb-DF++" else []
        # Its folder Celeb-DF holds the fakes of version 2, which keep their name.
        method = scenario[-1] if scenario and not scenario[-1].startswith("Celeb-DF") else method
        person = owner if scenario[:1] == ["FaceReenact"] else donor or person
    source = f"{owner}_{clip}" if clip else stem
    return Video(dataset, video, int(method != REAL), method, source, split, donor=donor, person=person)


def _identities(stem: str) -> tuple[str, str | None, str | None]:
    """Whose video it is, which of theirs, and whose face was put in; of other names, the whole and nothing else."""
    parts = re.fullmatch(r"(id\d+)(?:_(id\d+))?_(\d+)(?:_test_.+)?", stem)
    return (parts[1], parts[3], parts[2]) if parts else (stem, None, None)


def _read_test_list(path: Path) -> set[str]:
    """``folder/stem`` of every listed video."""
    listed = set()
    for at, line in read_lines(path):
        flag, _, name = line.partition(" ")
        folder, _, file = name.strip().partition("/")
        if folder not in FOLDERS or not file:
            raise ConfigError(f"{at}: '{line}'; expected '1 YouTube-real/00170.mp4'")
        if flag != ("1" if FOLDERS[folder] == REAL else "0"):
            raise ConfigError(f"{at}: '{line}'; 1 stands for real and 0 for fake in this list")
        listed.add(PurePath(folder, file).with_suffix("").as_posix())
    return listed
