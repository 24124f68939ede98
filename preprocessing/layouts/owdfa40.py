"""OWDFA40-Benchmark (Zheng et al., AAAI 2026): 40 methods and real faces, for open-world attribution.

``data/<number>_<kind>_<method>/.../*.png``, 42 folders, because real faces come from two sets and are one class, number
0. preprocessing/fetch_owdfa40.py gets the newest revision, notes which that was, and unpacks it. ``method`` is the
folder's name without number and kind (``StyleGAN2_Net`` and ``StyleGAN2_NIR`` are two classes), and ``video`` begins
with the folder.

The benchmark has no lists: its loader draws what trains, what is labelled and what tests anew for each protocol, in an
order of folders that the file system decides. So all pictures are kept, and a fifth of each folder, chosen by a hash,
is the test split for all protocols; how many of a class are used and which are labelled is for the protocol to draw.
"""

from __future__ import annotations

from pathlib import Path

from preprocessing import fetch_owdfa40
from preprocessing.faces.video import PICTURE_SUFFIXES
from preprocessing.layouts._owdfa40 import FOLDERS, HUB
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below, some
from preprocessing.manifest import REAL, Video
from preprocessing.splits import pick_share
from training.core.cli import run_entry
from training.core.errors import ConfigError
from training.core.paths import shown

TEST_SHARE = 0.2


@LAYOUTS.register("owdfa40")
class OWDFA40(Layout):
    """Reads the unpacked folders."""

    datasets = {
        "OWDFA-40": Card(
            size="used are 20,000 real and 1,500 to 2,000 pictures of each method; the folders hold more",
            methods="40: 10 swaps, 12 reenactments, 6 edits, 12 syntheses; OW-DFA's 20 and 20 like DF40's",
            subjects="those of FaceForensics++, Celeb-DF, ForgeryNet, DFFD and ForgeryNIR",
            splits="drawn by the loader of the benchmark; here a fifth of each folder is test, by a hash (ours)",
            terms="none told on its page; research",
            contact=f"data set {HUB} at Hugging Face; preprocessing/fetch_owdfa40.py gets it",
            traps="frames of one video are in training and test; three protocols with other known classes each",
            paper="Zheng et al., Open-World Deepfake Attribution via Confidence-Aware Asymmetric Learning, AAAI 2026",
            unverified="how many pictures the folders hold; whether pictures are face crops already",
        )
    }
    about = f"data/<folder>/*.png of {FOLDERS[0]}, {FOLDERS[1]}, {FOLDERS[2]} and 39 more"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        root = root / "data" if (root / "data").is_dir() else root
        if packed := sorted(path.name for path in root.glob("*.zip") if not path.with_suffix("").is_dir()):
            unpack = "python preprocessing/fetch_owdfa40.py --offline unpacks them"
            raise ConfigError(f"{shown(root)}: {some(packed)} are packed; {unpack}")
        root, scan = self.begin(root, dataset, FOLDERS)
        for folder in FOLDERS:
            files = files_below(root / folder, PICTURE_SUFFIXES)
            paths = scan.named(files, lambda path: path.relative_to(root).with_suffix("").as_posix())
            test = pick_share(paths, TEST_SHARE)
            _, kind, name = folder.split("_", 2)
            method = REAL if kind == "Real" else name
            for video, path in paths.items():
                split = "test" if video in test else "train"
                facts = Video(dataset, video, int(method != REAL), method, video, split)
                scan.videos.append(SourceVideo(facts, path))
        strangers = sorted(path.name for path in root.iterdir() if path.is_dir() and path.name not in FOLDERS)
        if strangers:
            scan.remarks.append(f"{len(strangers)} folders are not of the benchmark, left out: {some(strangers)}")
        return scan


def program(argv: list[str]) -> int:
    """``python -m preprocessing.layouts.owdfa40 fetch --output FOLDER``: get the data set; see fetch_owdfa40.py."""
    if argv[:1] != ["fetch"]:
        raise ConfigError("what shall be done? python -m preprocessing.layouts.owdfa40 fetch --output FOLDER")
    return fetch_owdfa40.main(argv[1:])


if __name__ == "__main__":
    run_entry(program)
