"""DF^3, DeepFakeFaceForensics (Ju et al., TMM 2023): faces made by six generators, then processed in several ways.

No public document tells its tree. Assumed is ``<generator>/.../*.png`` with the kinds of processing as folders between,
and real pictures anywhere below a folder ``real`` or ``0_real``. The first folder that is not called ``fake`` or
``1_fake`` names the method. It was made for testing: all is test.
"""

from __future__ import annotations

from pathlib import Path

from preprocessing.faces.video import PICTURE_SUFFIXES
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below, home, some
from preprocessing.manifest import REAL, Video
from training.core.errors import ConfigError
from training.core.paths import shown

REALS, FAKES = ("real", "0_real"), ("fake", "1_fake")


@LAYOUTS.register("df3")
class DF3(Layout):
    """Reads folders called like generators."""

    datasets = {
        "DF3": Card(
            size="pictures of 6 generators with 5 kinds of processing; how many is told in the paper only",
            methods="6 generators, GANs and diffusion; the names of the folders",
            subjects="nobody: whole faces are made",
            splits="none official; all of it is test",
            terms="request form; research",
            contact="form in the repository littlejuyan/GLFF (University at Buffalo)",
            traps="OW-DFA++ takes five classes of diffusion from it, but does not tell which",
            paper="Ju et al., GLFF: Global and Local Feature Fusion for AI-synthesized Image Detection, TMM 2023",
            unverified="the whole tree",
        )
    }
    about = "<generator>/.../*.png, real pictures below real/ or 0_real/"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        root, scan, outside = home(root, dataset), Scan(), []
        for name, path in scan.named(files_below(root, PICTURE_SUFFIXES), lambda path: _name(path, root)).items():
            if method := _method(name.split("/")[:-1]):
                scan.videos.append(SourceVideo(Video(dataset, name, int(method != REAL), method, name, "test"), path))
            else:
                outside.append(name)
        if not scan.videos:
            raise ConfigError(f"{shown(root)}: no {dataset} here; expected {self.about}")
        if outside:
            scan.remarks.append(f"{len(outside)} pictures are in no folder of a generator, left out: {some(outside)}")
        if all(video.facts.label for video in scan.videos):
            scan.remarks.append("no real pictures: none below a folder called real or 0_real")
        return scan


def _method(folders: list[str]) -> str | None:
    if any(folder in REALS for folder in folders):
        return REAL
    return next((folder for folder in folders if folder not in FAKES), None)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()
