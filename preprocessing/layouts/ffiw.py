"""FFIW-10K, Face Forensics in the Wild (Zhou et al., CVPR 2021): videos of several people, one or more of them faked.

``source/<split>/<name>.mp4`` are the reals, ``target/<split>/<name>.mp4`` the fakes, and videos in
``target_mask/<split>`` show where. The test set comes in an archive of its own: unpack it into the same root (its
folder may be called ``FFIW10K-...``).
"""

from __future__ import annotations

from pathlib import Path

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below, home, some
from preprocessing.manifest import REAL, SPLITS, Video

FOLDERS = {"source": REAL, "target": "FFIW"}
MASKS = "target_mask"


@LAYOUTS.register("ffiw")
class FFIW(Layout):
    """Reads the archives as unpacked, each in its own folder or all in one."""

    datasets = {
        "FFIW": Card(
            size="10,000 real, 10,000 fake videos",
            methods="three face swaps (DeepFaceLab, FSGAN, FaceSwap), not told apart",
            subjects="people of YouTube videos, three in a frame on average",
            splits="official: 8,000 / 250 / 1,738 reals and as many fakes were counted",
            terms="terms of use, through a form; research only",
            contact="form in the repository tfzhou/FFIW",
            traps="one face per frame is taken, which may be an untouched one; the masks show which faces are fake",
            paper="Zhou et al., Face Forensics in the Wild, CVPR 2021",
            unverified="that source holds the reals, that a fake is called like its real, and how the test set lies",
        )
    }
    about = f"source/<split>, target/<split>, {MASKS}/<split>; also in folders FFIW10K-..."

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        root = home(root, dataset)
        tops = [root, *sorted(root.glob("FFIW10K*"))]
        tops = [top for top in tops if any((top / folder).is_dir() for folder in FOLDERS)] or [root]
        places = [(top / folder).relative_to(root) for top in tops for folder in FOLDERS]
        root, scan = self.begin(root, dataset, [place.as_posix() for place in places])
        found = (path for place in places for path in files_below(root / place, VIDEO_SUFFIXES))
        lost = []
        for video, path in scan.named(found, lambda path: _name(path, root)).items():
            folder, split, stem = video.split("/")
            if split not in SPLITS:
                lost.append(path.name)
                continue
            method = FOLDERS[folder]
            facts = Video(dataset, video, int(method != REAL), method, f"{split}/{stem}", split)
            scan.videos.append(SourceVideo(facts, path, None if method == REAL else _mask(path)))
        if lost:
            scan.remarks.append(f"{len(lost)} videos are in no split, left out: {some(lost)}")
        return scan


def _name(path: Path, root: Path) -> str:
    """``source/train/x``: the split is the folder below, or what the file's name starts with."""
    parts = path.relative_to(root).parts
    start = next(i for i, part in enumerate(parts) if part in FOLDERS)
    inner = parts[start + 1] if len(parts) > start + 2 else path.stem.partition("_")[0]
    return f"{parts[start]}/{inner}/{path.stem}"


def _mask(fake: Path) -> Path | None:
    """``target_mask/train/x.mp4`` of ``target/train/x.mp4``, if it is there."""
    parts = list(fake.parts)
    parts[len(parts) - 1 - parts[::-1].index("target")] = MASKS
    return path if (path := Path(*parts)).is_file() else None
