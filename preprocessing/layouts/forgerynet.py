"""ForgeryNet (He et al., CVPR 2021): pictures and, as a set of its own, videos.

``Training/image/train_release/<1..19>/<hash>/<hash>/frame00038.jpg`` with ``Training/image_list.txt``, and likewise
``Validation/image/val_perturb_release``; lines of a list are ``<path below image/> <real 0, fake 1> <three classes>
<sixteen classes>``. Videos lie in ``<part>/video/<train or val>_video_release/<1..19>/.../video.mp4``.

A folder's number tells the method (1 to 15), or where a real one comes from (16 RAVDESS, 17 CREMA-D, 18 AVSpeech, 19
VoxCeleb2). The last number of a line counts the methods in another order; the authors say to go by the folder (issue 17
of their repository). Lists of videos tell only which frames are fake, and pass over 2 and 8: they are not read.

What was published of the test set has no labels, so the validation part is the test split here, as is usual. About a
tenth of the first hashes of the training part become the validation split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts._lists import read_lines
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below, needed, with_validation
from preprocessing.manifest import REAL, Video
from training.core.errors import ConfigError

PARTS = {"Training": ("train_release", "train"), "Validation": ("val_perturb_release", "test")}
METHODS = (
    ("FaceShifter", "FSGAN", "DeepFakes", "BlendFace", "MMReplacement", "DeepFakes-StarGAN-Stack")
    + ("Talking-Head-Video", "ATVG-Net", "StarGAN-BlendFace-Stack", "FOMM", "StyleGAN2", "MaskGAN")
    + ("StarGAN2", "SC-FEGAN", "DiscoFaceGAN")
)  # fmt: skip
"""Of the folders 1 to 15, in this order."""
LIST_FROM = "it comes as train_list.tar or val_list.tar beside the pictures"
PICTURES, VIDEOS = "ForgeryNet", "ForgeryNet-videos"

_PICTURES = Card(
    size="1,438,201 real, 1,457,861 fake pictures with the test set, which has no labels",
    methods="15: face swaps, reenactments, edits and synthesis, some after another (see METHODS)",
    subjects="more than 5,400 people of RAVDESS, CREMA-D, VoxCeleb2 and AVSpeech",
    splits="official training; its validation is test here; val: a tenth of the sources left (ours)",
    terms="form on the project's page; non-commercial research and education",
    contact="the project's page and the repository yinanhe/ForgeryNet",
    traps="a line's last number is not the folder's and not in the order of the authors' list of methods; one note "
    "file is kept per picture",
    paper="He et al., ForgeryNet: A Versatile Benchmark for Comprehensive Forgery Analysis, CVPR 2021",
    unverified="that what shares the first hash of a path has one source",
)
CARDS = {
    PICTURES: _PICTURES,
    VIDEOS: replace(
        _PICTURES,
        size="99,630 real, 121,617 fake videos with the test set, which has no labels",
        methods="8: the first eight of the pictures'",
        traps="only stretches of a fake video are fake, but for FSGAN and ATVG-Net: some of its frames are real ones",
    ),
}


@LAYOUTS.register("forgerynet")
class ForgeryNet(Layout):
    """Reads the parts as unpacked."""

    datasets = CARDS
    about = "Training and Validation, each with image/, image_list.txt and video/"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        pictures = dataset != VIDEOS
        kind = "image" if pictures else "video"
        root, scan = self.begin(root, dataset, [f"{part}/{kind}" for part in PARTS])
        for part, (release, split) in PARTS.items():
            place = root / part / kind
            if not place.is_dir():
                continue
            there = {path.relative_to(place).as_posix(): path for path in _files(place, pictures)}
            if pictures:
                listed = set(_listed(root / part / "image_list.txt", release, scan))
                scan.compare(f"{part}/image_list.txt", listed, there)
                there = {name: there[name] for name in sorted(listed & there.keys())}
            scan.videos += [SourceVideo(facts(dataset, name, split), path) for name, path in there.items()]
        scan.videos = with_validation(scan.videos, lambda video: video.source)
        return scan


def facts(dataset: str, name: str, split: str) -> Video:
    """What the path of a picture or video (``train_release/7/<hash>/<hash>/frame00038.jpg``) says about it."""
    parts = PurePosixPath(name).with_suffix("").parts
    folder = int(parts[1])
    method = METHODS[folder - 1] if folder <= len(METHODS) else REAL
    return Video(dataset, "/".join(parts), int(method != REAL), method, parts[2], split)


def _files(place: Path, pictures: bool) -> Iterator[Path]:
    """What lies in the numbered folders of a part."""
    for path in files_below(place, None if pictures else VIDEO_SUFFIXES):
        if _numbered(path.relative_to(place).as_posix()):
            yield path


def _numbered(name: str) -> bool:
    return re.fullmatch(r"[^/]+/([1-9]|1[0-9])/[^/]+/.*[^/]", name) is not None


def _listed(path: Path, release: str, scan: Scan) -> Iterator[str]:
    """The pictures of a list. The folder decides what is fake; lines that say otherwise are counted."""
    contrary = 0
    for at, line in read_lines(needed(path, LIST_FROM)):
        name, *numbers = line.split()
        if not _numbered(name) or len(numbers) != 3 or numbers[0] not in ("0", "1"):
            raise ConfigError(f"{at}: '{line}'; expected '{release}/7/<hash>/<hash>/frame00038.jpg 1 1 15'")
        contrary += int(name.split("/")[1]) <= len(METHODS) and numbers[0] == "0"
        contrary += int(name.split("/")[1]) > len(METHODS) and numbers[0] == "1"
        yield name
    if contrary:
        scan.remarks.append(f"{contrary} lines of {path.parent.name}/{path.name} call a real one fake or the reverse")
