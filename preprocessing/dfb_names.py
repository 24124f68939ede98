"""What DeepfakeBench's words mean: label words, and the names of videos in its data sets."""

from __future__ import annotations

import re
from dataclasses import replace

from preprocessing.layouts import celeb_df, deeperforensics, deepfakedetection, dfdcp, faceforensics, uadfv
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
    label, stem = int(method != REAL), video.rpartition("/")[2]
    known = _known(dataset, video, stem, method, split, compression)
    if known is None:
        return Video(dataset, video, label, method, video, split, compression=compression)
    return replace(known, video=video, label=label, method=method, split=split, compression=compression)


def _known(dataset: str, video: str, stem: str, method: str, split: str, compression: str | None) -> Video | None:
    """What the layout of the data set knows of such a name."""
    place = video.partition("/")[0]
    if dataset == "FaceForensics++":
        clip = faceforensics.facts(dataset, method, stem, split, compression)
        return clip or deepfakedetection.facts(dataset, method, stem, compression)
    if dataset.startswith("Celeb-DF") and place in celeb_df.FOLDERS:
        return celeb_df.facts(dataset, video, split)
    if dataset == "DFDC":
        return Video(dataset, video, 0, method, stem, split)
    if dataset == "DFDCP" and place in dfdcp.FOLDERS:
        return dfdcp.facts(dataset, video, split)
    if dataset == "UADFV" and place in uadfv.FOLDERS:
        return uadfv.facts(dataset, video)
    return deeperforensics.facts(dataset, video, split) if dataset == "DeeperForensics-1.0" else None
