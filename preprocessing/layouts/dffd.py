"""DFFD, the Diverse Fake Face Dataset (Dang et al., CVPR 2020): the pictures that its authors may give away.

``<generator>/{train,validation,test}/*.png``, and for edited faces ``<generator>/<split>_mask`` with what was changed.
The other parts of the set (CelebA, FaceForensics++, DeepFaceLab) must be had from their own authors.
"""

from __future__ import annotations

from pathlib import Path

from preprocessing.faces.video import PICTURE_SUFFIXES
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below
from preprocessing.manifest import REAL, Video

FOLDERS = {"ffhq": REAL} | {
    name: name for name in ("faceapp", "stargan", "pggan_v1", "pggan_v2", "stylegan_celeba", "stylegan_ffhq")
}
SPLITS = {"train": "train", "validation": "val", "test": "test"}


@LAYOUTS.register("dffd")
class DFFD(Layout):
    """Reads the unpacked archives."""

    datasets = {
        "DFFD": Card(
            size="58,703 real, 240,336 fake pictures with the parts that are not given away",
            methods="faceapp and stargan (edits), pggan_v1, pggan_v2, stylegan_celeba and stylegan_ffhq (synthesis)",
            subjects="people of FFHQ and CelebA, not named",
            splits="official: half, a twentieth and the rest, no identity in two of them",
            terms="request form with an advisor's address; research only",
            contact="form on the data set's page, CVLab of Michigan State University",
            traps="face crops already: --detector already-cropped; real and fake differ in resolution and source",
            paper="Dang et al., On the Detection of Digital Face Manipulation, CVPR 2020",
            unverified="that all pictures are crops, and that everything brighter than black in a mask was changed",
        )
    }
    about = ", ".join(FOLDERS) + ": each with train, validation, test"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        root, scan = self.begin(root, dataset, FOLDERS)
        for folder, method in FOLDERS.items():
            for name, split in SPLITS.items():
                place = root / folder / name
                masks = {path.stem: path for path in files_below(root / folder / f"{name}_mask", PICTURE_SUFFIXES)}
                for stem, path in scan.named(files_below(place, PICTURE_SUFFIXES), lambda path: path.stem).items():
                    video = f"{folder}/{name}/{stem}"
                    facts = Video(dataset, video, int(method != REAL), method, stem, split)
                    scan.videos.append(SourceVideo(facts, path, masks.get(stem)))
        return scan
