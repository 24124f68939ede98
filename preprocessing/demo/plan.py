"""Which videos a demo consists of: people, pairs, splits, file names. Nothing is drawn here."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from preprocessing.demo.camera import HANDHELD, STUDIO, Camera

FORENSICS, CELEB = "FaceForensics++", "Celeb-DF-v2"
FORENSICS_METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Size:
    """How much to draw.

    `pairs`: pairs of people per split of the FaceForensics++-like set. `celebrities` and `strangers`: people outside
    and inside the test list of the Celeb-DF-like set; each celebrity has `clips` videos, each forged with `donors`
    faces. `sides`: width and height of the frames of the two sets.
    """

    pairs: tuple[int, int, int]
    celebrities: tuple[int, int]
    strangers: tuple[int, int]
    clips: int
    donors: int
    frames: int
    sides: tuple[int, int]


SIZES = {
    "tiny": Size((1, 1, 1), (0, 2), (1, 1), clips=1, donors=1, frames=8, sides=(160, 144)),
    "small": Size((14, 3, 10), (2, 8), (2, 8), clips=2, donors=2, frames=10, sides=(224, 192)),
    "long": Size((1, 1, 2), (0, 3), (1, 1), clips=1, donors=2, frames=16, sides=(224, 192)),
    "full": Size((40, 10, 20), (4, 16), (10, 30), clips=4, donors=3, frames=40, sides=(320, 288)),
}


@dataclass(frozen=True, slots=True)
class Fake:
    """A video to forge from a footage. Paths are relative to the output folder; `clip` is the donor's real video."""

    method: str
    donor: str
    clip: str
    video: str
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class Footage:
    """A real video and everything forged from it: the unit of work. `person` is unique within its dataset."""

    dataset: str
    person: str
    video: str
    fakes: tuple[Fake, ...]
    camera: Camera
    frames: int
    side: int

    @property
    def files(self) -> list[str]:
        """Every video that this footage gives, masks included."""
        masks = [fake.mask for fake in self.fakes if fake.mask]
        return [self.video, *(fake.video for fake in self.fakes), *masks]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole demo: what to film, and the text files (relative path -> content) that come with it."""

    footage: list[Footage]
    texts: dict[str, str]


def make_plan(size: Size, seed: int) -> Plan:
    """Plan both sets."""
    forensics, celeb = _plan_forensics(size, seed), _plan_celeb(size)
    return Plan(forensics.footage + celeb.footage, forensics.texts | celeb.texts)


def _plan_forensics(size: Size, seed: int) -> Plan:
    """Pairs (a, b) of people in one split only; each pair gives the originals a, b and the fakes a_b, b_a."""
    people = [f"{number:03d}" for number in range(2 * sum(size.pairs))]
    order = np.random.default_rng(seed).permutation(people).tolist()
    pairs = list(zip(order[::2], order[1::2], strict=True))
    footage = [
        Footage(FORENSICS, target, _original(target), _four_fakes(target, source), STUDIO, size.frames, size.sides[0])
        for a, b in pairs
        for target, source in ((a, b), (b, a))
    ]
    ends = np.cumsum(size.pairs)
    texts = {
        f"{FORENSICS}/{split}.json": json.dumps(pairs[end - count : end])
        for split, count, end in zip(SPLITS, size.pairs, ends, strict=True)
    }
    return Plan(footage, texts)


def _original(person: str) -> str:
    return f"{FORENSICS}/original_sequences/youtube/c23/videos/{person}.mp4"


def _four_fakes(target: str, source: str) -> tuple[Fake, ...]:
    fakes = []
    for method in FORENSICS_METHODS:
        folder, name = f"{FORENSICS}/manipulated_sequences/{method}", f"videos/{target}_{source}.mp4"
        fakes.append(Fake(method, source, _original(source), f"{folder}/c23/{name}", f"{folder}/masks/{name}"))
    return tuple(fakes)


def _plan_celeb(size: Size) -> Plan:
    """Celebrities inside and outside the test list never lend each other a face."""
    total = sum(size.celebrities)
    celebrities = [f"id{number}" for number in range(total)]
    groups = celebrities[size.celebrities[1] :], celebrities[: size.celebrities[1]]
    training, testing = (
        [_celebrity(p, group, clip, size) for p in group for clip in range(size.clips)] for group in groups
    )
    strangers = [_celeb_footage(size, f"stranger{n}", f"YouTube-real/{n:05d}") for n in range(sum(size.strangers))]
    testing += strangers[: size.strangers[1]]
    training += strangers[size.strangers[1] :]
    listed = [f"1 {footage.video}" for footage in testing]
    listed += [f"0 {fake.video}" for footage in testing for fake in footage.fakes]
    lines = "".join(line.replace(f"{CELEB}/", "") + "\n" for line in listed)
    return Plan(testing + training, {f"{CELEB}/List_of_testing_videos.txt": lines})


def _celebrity(person: str, group: list[str], clip: int, size: Size) -> Footage:
    """One video of a celebrity, forged with the faces of the next ones in the group."""
    start = group.index(person)
    donors = [group[(start + k) % len(group)] for k in range(1, min(size.donors, len(group) - 1) + 1)]
    fakes = tuple(
        Fake(
            "Celeb-synthesis",
            donor,
            f"{CELEB}/Celeb-real/{donor}_{clip:04d}.mp4",
            f"{CELEB}/Celeb-synthesis/{person}_{donor}_{clip:04d}.mp4",
        )
        for donor in donors
    )
    return _celeb_footage(size, person, f"Celeb-real/{person}_{clip:04d}", fakes)


def _celeb_footage(size: Size, person: str, name: str, fakes: tuple[Fake, ...] = ()) -> Footage:
    return Footage(CELEB, person, f"{CELEB}/{name}.mp4", fakes, HANDHELD, size.frames, size.sides[1])
