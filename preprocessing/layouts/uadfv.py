"""UADFV (Yang, Li and Lyu, ICASSP 2019).

``real/0000.mp4`` and ``fake/0000_fake.mp4``, made from it. There is no official split, and it is used for testing: all
of it is the test split.
"""

from __future__ import annotations

from pathlib import Path

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below
from preprocessing.manifest import REAL, Video

FOLDERS = {"real": REAL, "fake": "UADFV"}


@LAYOUTS.register("uadfv")
class UADFV(Layout):
    """Reads the tree as downloaded."""

    datasets = {
        "UADFV": Card(
            size="49 real, 49 fake videos",
            methods="FakeApp (face swap)",
            subjects="people of YouTube videos; one face, Nicolas Cage's, in all fakes",
            splits="none official; all of it is test (ours)",
            terms="none that we know of",
            contact="authors of the paper (University at Albany), Yuezun Li's page",
            traps="98 videos: one of them is a percent of the accuracy",
            paper="Yang et al., Exposing Deep Fakes Using Inconsistent Head Poses, ICASSP 2019",
        )
    }
    about = "real/0000.mp4, fake/0000_fake.mp4"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        root, scan = self.begin(root, dataset, FOLDERS)
        paths = (path for folder in FOLDERS for path in files_below(root / folder, VIDEO_SUFFIXES))
        for video, path in scan.named(paths, lambda path: f"{_folder(path, root)}/{path.stem}").items():
            scan.videos.append(SourceVideo(facts(dataset, video), path))
        return scan


def facts(dataset: str, video: str) -> Video:
    """What the name of ``video`` (``fake/0000_fake``) says about it."""
    folder, _, stem = video.partition("/")
    method = FOLDERS[folder]
    return Video(dataset, video, int(method != REAL), method, stem.removesuffix("_fake"), "test")


def _folder(path: Path, root: Path) -> str:
    return path.relative_to(root).parts[0]
