"""WildDeepfake (Zi et al., ACM Multimedia 2020): faces cut from videos of the internet.

``real_train``, ``real_test``, ``fake_train`` and ``fake_test`` (or with a space) hold archives ``6.tar.gz`` (plain tar
in spite of the name) with ``6/real/54/*.png``: a folder of pictures is one face followed through a video, and is taken
as a video. Unpack each archive where it lies. There is no official validation set: about a tenth of the archives'
numbers of the training set become one; what shares a number, real or fake, may come from one video.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from preprocessing.faces.video import PICTURE_SUFFIXES
from preprocessing.layouts.base import (
    LAYOUTS,
    Card,
    Layout,
    Scan,
    SourceVideo,
    folders_below,
    home,
    some,
    with_validation,
)
from preprocessing.manifest import REAL, Video

METHOD = "WildDeepfake"
FOLDERS = {f"{kind}_{split}": (kind, split) for kind in ("real", "fake") for split in ("train", "test")}
UNPACK = "unpack them there: for archive in */*.tar.gz; do tar -xf $archive -C $(dirname $archive); done"


@LAYOUTS.register("wilddeepfake")
class WildDeepfake(Layout):
    """Reads the unpacked archives."""

    datasets = {
        METHOD: Card(
            size="3,805 real, 3,509 fake face sequences (1.2 million pictures) of 707 videos",
            methods="unknown, as found on the internet",
            subjects="unknown",
            splits="official train and test; val: a tenth of train's archives (ours)",
            terms="agreement form; research only",
            contact="form in the repository OpenTAI/wild-deepfake, or its page at Hugging Face",
            traps="face crops already, 224 x 224: --detector already-cropped, or crops reach over the border",
            paper="Zi et al., WildDeepfake: A Challenging Real-World Dataset for Deepfake Detection, ACM MM 2020",
            unverified="that archives of one number belong together, and that no other pictures lie beside the frames",
        )
    }
    about = ", ".join(f"{folder}/<archive>/{kind}/<sequence>/*.png" for folder, (kind, _) in FOLDERS.items())

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        spaced = any((home(root, dataset) / folder.replace("_", " ")).is_dir() for folder in FOLDERS)
        names = {folder: folder.replace("_", " ") if spaced else folder for folder in FOLDERS}
        root, scan = self.begin(root, dataset, names.values())
        packed = []
        for folder, (kind, split) in FOLDERS.items():
            top, method = root / names[folder], REAL if kind == "real" else METHOD
            packed += sorted(path for path in top.glob("*.tar*") if not _unpacked(path).is_dir())
            for place in folders_below(top, PICTURE_SUFFIXES):
                video = (PurePath(folder) / place.relative_to(top)).as_posix()
                facts = Video(dataset, video, int(method != REAL), method, video, split)
                scan.videos.append(SourceVideo(facts, place))
        if packed:
            names = some(path.relative_to(root) for path in packed)
            scan.remarks.append(f"{len(packed)} archives are packed, left out: {names}; {UNPACK}")
        scan.videos = with_validation(scan.videos, lambda video: "".join(PurePath(video.video).parts[1:2]))
        return scan


def _unpacked(archive: Path) -> Path:
    return archive.with_name(archive.name.partition(".")[0])
