"""DeepFakeDetection, Google's and Jigsaw's addition to FaceForensics++ (2019), in the tree of that.

``original_sequences/actors/<compression>/videos/01__walking.mp4`` and
``manipulated_sequences/DeepFakeDetection/{<compression>,masks}/videos/01_02__walking__CODE.mp4``: the face of actor 02
in that scene of actor 01. There is no official split, and every actor meets many others in some fake: sides that share
no actor could be had only by leaving most fakes out. The set is used for testing, so all of it is the test split.
"""

from __future__ import annotations

import re
from pathlib import Path

from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan
from preprocessing.layouts.faceforensics import scan_part
from preprocessing.manifest import REAL, Video

METHOD = "DeepFakeDetection"
FOLDERS = {REAL: "original_sequences/actors", METHOD: f"manipulated_sequences/{METHOD}"}


@LAYOUTS.register("deepfakedetection")
class DeepFakeDetection(Layout):
    """Reads the tree of FaceForensics++'s download script."""

    datasets = {
        METHOD: Card(
            size="363 real, 3,068 fake videos; each raw, c23 and c40",
            methods="one face swap (not published)",
            subjects="28 paid actors in 16 scenes",
            splits="none official; all of it is test (ours)",
            terms="the same form as FaceForensics++; research and education only, no redistribution",
            contact="form in the repository ondyari/FaceForensics (TU Munich)",
            traps="give --root the folder of FaceForensics++; some scenes show several people",
            paper="Dufour and Gully, Contributing Data to Deepfake Detection Research, Google AI Blog, 2019",
        )
    }
    about = " and ".join(f"{folder}/<compression>/videos" for folder in FOLDERS.values())

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`."""
        root, scan = self.begin(root, dataset, FOLDERS.values())
        for method, folder in FOLDERS.items():
            scan_part(scan, root / folder, compression, lambda stem, m=method: facts(dataset, m, stem, compression))
        return scan


def facts(dataset: str, method: str, stem: str, compression: str | None) -> Video | None:
    """What ``01__walking`` (a real video) or ``01_02__walking__CODE`` (a fake) says; None: another name."""
    parts = re.fullmatch(r"(\d+)(?:_(\d+))?__(.+?)(?:__\w+)?", stem)
    if parts is None or (method == REAL) != (parts[2] is None):
        return None
    actor, donor, scene = parts.groups()
    return Video(
        dataset=dataset,
        video=f"{'actors' if method == REAL else method}/{compression}/{stem}",
        label=int(method != REAL),
        method=method,
        source=f"{actor}__{scene}",
        split="test",
        donor=donor,
        person=donor or actor,
        compression=compression,
    )
