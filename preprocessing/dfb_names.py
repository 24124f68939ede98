"""What DeepfakeBench's words mean: label words, and the names of videos in its data sets."""

from __future__ import annotations

import re
from dataclasses import replace

from preprocessing.layouts import celeb_df, faceforensics
from preprocessing.manifest import REAL, Video
from preprocessing.names import subset
from training.core.errors import ManifestError, did_you_mean

_METHODS = {
    "FF-real": REAL,
    "FF-DF": "Deepfakes",
    "FF-F2F": "Face2Face",
    "FF-FS": "FaceSwap",
    "FF-NT": "NeuralTextures",
    "FF-FH": "FaceShifter",
    "FF-SH": "FaceShifter",
    "DFD_fake": "DeepFakeDetection",
    "CelebDFv1_fake": "Celeb-synthesis",
    "CelebDFv2_fake": "Celeb-synthesis",
    "DFDCP_FakeA": "method_A",
    "DFDCP_FakeB": "method_B",
    "DF_fake": "DeeperForensics",
}
"""Label words that do not name their method themselves; others read ``<method>_Real`` or ``<method>_Fake``."""


def method_of(word: str, at: str) -> str:
    """The method that a label word stands for, ``real`` for real videos.

    Raises:
        ManifestError: naming ``at``, when the word does not say.
    """
    if word in _METHODS:
        return _METHODS[word]
    parts = re.fullmatch(r"(.+)_(real|fake)\w*", word, re.IGNORECASE)
    if parts is None:
        raise ManifestError(
            f"{at}: label '{word}' is neither <name>_Real nor <name>_Fake; {did_you_mean(word, _METHODS)}"
        )
    return REAL if parts[2].lower() == "real" else parts[1]


def home_of(dataset: str) -> str:
    """The data set in whose folder and LMDB the faces of ``dataset`` lie: Google's DFD came with FaceForensics++."""
    return "FaceForensics++" if dataset == "DeepFakeDetection" else subset(dataset).dataset


def facts_of(dataset: str, video: str, method: str, split: str, compression: str | None) -> Video:
    """All that the name of a video tells: ``Deepfakes/c23/000_003`` of FaceForensics++ is made from clip 000 by 003."""
    plain = Video(dataset, video, int(method != REAL), method, video, split, compression=compression)
    stem = video.rpartition("/")[2]
    if dataset == "FaceForensics++":
        known = faceforensics.facts(dataset, method, stem, split, compression)
        return _actors(plain, stem) if known is None else replace(known, video=video)
    if dataset.startswith("Celeb-DF") and video.partition("/")[0] in celeb_df.FOLDERS:
        return replace(celeb_df.facts(dataset, video, split), label=plain.label, method=method)
    if dataset == "UADFV":
        return replace(plain, source=stem.removesuffix("_fake"))
    return _deeper(plain, stem) if dataset == "DeeperForensics-1.0" else plain


def _actors(plain: Video, stem: str) -> Video:
    """Google's DFD: ``01__walking`` is actor 01, ``01_02__walking__CODE`` has the face of actor 02 in that scene."""
    parts = re.fullmatch(r"(\d+)(?:_(\d+))?__(.+?)(?:__\w+)?", stem)
    if parts is None:
        return plain
    actor, donor, scene = parts.groups()
    return replace(plain, source=f"{actor}__{scene}", donor=donor, person=donor or actor)


def _deeper(plain: Video, stem: str) -> Video:
    """DeeperForensics-1.0: ``000_W121`` has the face of actor W121 in FaceForensics++'s clip 000."""
    first, _, rest = stem.partition("_")
    if plain.method == REAL:
        return replace(plain, person=first)
    return replace(plain, source=first, donor=rest, person=rest) if rest else plain
