"""Dataset names as people write them on a command line, and what each selects from a manifest."""

from __future__ import annotations

from dataclasses import dataclass

from preprocessing.manifest import REAL

COMPRESSIONS = ("raw", "c23", "c40")
DATASETS = (
    "FaceForensics++",
    "DeepFakeDetection",
    "Celeb-DF-v1",
    "Celeb-DF-v2",
    "DFDCP",
    "DFDC",
    "DeeperForensics-1.0",
    "UADFV",
)
ALIASES = {"DFD": "DeepFakeDetection", "DSv1": "DeepSpeak-v1"}
"""What papers call data sets in short."""
# FaceForensics++'s four methods of 2019; FaceShifter came later and is reported apart from them.
_FF_METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
_FF_PARTS = {
    "FaceForensics++": _FF_METHODS,
    "FF-DF": ("Deepfakes",),
    "FF-F2F": ("Face2Face",),
    "FF-FS": ("FaceSwap",),
    "FF-NT": ("NeuralTextures",),
    "FaceShifter": ("FaceShifter",),
}


@dataclass(frozen=True, slots=True)
class Subset:
    """A choice of videos: manifest ``dataset``, its ``methods`` (None: all) and ``compression`` (None: any)."""

    dataset: str
    methods: tuple[str, ...] | None = None
    compression: str | None = None


def full_name(name: str) -> str:
    """``name``, or what it is short for."""
    return ALIASES.get(name, name)


def subset(name: str) -> Subset:
    """What ``name`` stands for: ``FF-DF`` are the real and the Deepfakes videos of FaceForensics++, an ending like
    ``_c40`` picks the compression, and any other name is that dataset whole.
    """
    base, compression = _split(name)
    base = full_name(base)
    if base in _FF_PARTS:
        return Subset("FaceForensics++", (REAL, *_FF_PARTS[base]), compression)
    return Subset(base, None, compression)


def manifest_names(name: str) -> list[str]:
    """What the manifest of ``name`` may be called, the most special first.

    DeepfakeBench writes ``FF-DF.json`` beside ``FaceForensics++.json``, and looks for ``FF-DF_c40.json``.
    """
    return list(dict.fromkeys((name, _split(name)[0], subset(name).dataset)))


def _split(name: str) -> tuple[str, str | None]:
    """A name without its ending for the compression, and that."""
    stem, _, ending = name.rpartition("_")
    known = stem in _FF_PARTS or full_name(stem) in DATASETS
    return (stem, ending) if known and ending in COMPRESSIONS else (name, None)
