"""What OW-DFA is made of: its classes, how CPL draws tags for them, and how it cuts them into training and test.

Facts: CPL (Sun et al., ICCV 2023) and its published preparation. A class is a method of one source: StyleGAN2 of
ForgeryNet and StyleGAN2 of ForgeryNIR are two, and so are the real faces of FaceForensics++ and of Celeb-DF.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SEED = 2000
FF, CELEB, NET, NIR, DFFD = "FaceForensics++", "CelebDF", "ForgeryNet", "ForgeryNIR+", "DFFD"
FOLDERS = {FF: "faceforensics", CELEB: "CelebDF", NET: "ForgeryNet", NIR: "ForgeryNIR", DFFD: "DFFD"}
"""Source as the lists call it -> name of its folders."""
REAL_FACE, SWAP, EXPRESSION, ATTRIBUTE, SYNTHESIS = CATEGORIES = (
    "RealFace",
    "IdentitySwap",
    "ExpressionTransfer",
    "AttributeManipulation",
    "EntireFaceSyncthesis",
)
"""Top folders, in the order of their numbers; the spelling is theirs."""
UNUSED, LABELLED, UNLABELLED = 0, 1, 2
"""Tags."""
COLUMNS = (
    ("img_name", "label", "method", "forgery_type", "forgery_label", "face_type", "tag", "code", "image_source")
    + ("img_path", "compression", "frame_idx")
)  # fmt: skip
"""Of a list, in their order; ``face_type`` is 1 for real and 0 for fake, the reverse of our label."""


@dataclass(frozen=True, slots=True)
class Class:
    """One class of OW-DFA."""

    method: str
    source: str
    category: str
    known: bool = False

    @property
    def folder(self) -> str:
        """Where its pictures lie in the release tree."""
        return f"{self.category}/{self.method}/{FOLDERS[self.source]}"


CLASSES = (
    Class("Deepfakes", FF, SWAP, known=True),
    Class("Face2Face", FF, EXPRESSION, known=True),
    Class("FaceSwap", FF, SWAP),
    Class("NeuralTextures", FF, EXPRESSION),
    Class("Real", FF, REAL_FACE, known=True),
    Class("Real", CELEB, REAL_FACE),
    Class("FaceShifter", NET, SWAP),
    Class("FSGAN", NET, SWAP),
    Class("DeepFaceLab", NET, SWAP, known=True),
    Class("Talking-Head-Video", NET, EXPRESSION),
    Class("ATVG-Net", NET, EXPRESSION),
    Class("FOMM", NET, EXPRESSION, known=True),
    Class("StyleGAN2", NET, SYNTHESIS),
    Class("MaskGAN", NET, ATTRIBUTE, known=True),
    Class("StarGAN2", NET, ATTRIBUTE),
    Class("SC-FEGAN", NET, ATTRIBUTE),
    Class("FaceAPP", DFFD, ATTRIBUTE, known=True),
    Class("PGGAN", DFFD, SYNTHESIS),
    Class("StyleGAN", DFFD, SYNTHESIS, known=True),
    Class("StarGAN", DFFD, ATTRIBUTE),
    Class("CycleGAN", NIR, SYNTHESIS, known=True),
    Class("StyleGAN2", NIR, SYNTHESIS),
)
"""In the order of their rows in CPL's lists."""
_DRAWN = {
    CELEB: ("Real",),
    DFFD: ("StarGAN", "StyleGAN", "PGGAN", "FaceAPP"),
    FF: ("Real", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"),
    NIR: ("StyleGAN2", "CycleGAN"),
    NET: ("FOMM", "StyleGAN2", "MaskGAN", "StarGAN2", "SC-FEGAN")
    + ("Talking-Head-Video", "DeepFaceLab", "FSGAN", "FaceShifter", "ATVG-Net"),
}
"""In the order in which CPL's preparation drew tags: sources by name, and in each the largest class first."""


def draw_tags(counts: Mapping[Class, int], real_kept: int) -> dict[Class, list[int]]:
    """The tag of each picture of each class, in one stream of Python's generator.

    Three quarters of a known class are labelled, the rest unlabelled. Of a novel one three quarters are unlabelled and
    the rest unused, but of Celeb-DF's real faces ``real_kept`` are unlabelled.
    """
    rng, tags = random.Random(SEED), {}
    for each in sorted(counts, key=lambda c: (c.source, _DRAWN[c.source].index(c.method))):
        count = counts[each]
        share = int(0.75 * count + 0.5)
        kept = min(real_kept, count) if each.source == CELEB else share
        drawn, tag = (share, LABELLED) if each.known else (count - kept, UNUSED)
        tags[each] = [UNLABELLED] * count
        for at in rng.sample(range(count), drawn):
            tags[each][at] = tag
    return tags


def labels(counts: Mapping[Class, tuple[int, int]]) -> dict[Class, int]:
    """The number of each class: known ones by their labelled pictures, then the others by their unlabelled ones.

    Args:
        counts: labelled and unlabelled pictures of each class, in the order of rows, which stays among equals.
    """
    known = sorted((c for c in counts if counts[c][0]), key=lambda c: -counts[c][0])
    novel = sorted((c for c in counts if not counts[c][0]), key=lambda c: -counts[c][1])
    return {each: number for number, each in enumerate([*known, *novel])}


def training_rows(groups: Iterable[Sequence[int]], seed: int = SEED, share: float = 0.8) -> list[int]:
    """The rows that train: a drawn ``share`` of each group, in the order drawn; CPL's groups are source and label.

    The generator starts anew for each group, so groups of one size lose the same places. It draws as pandas'
    ``sample(frac=share, random_state=seed)`` does.
    """
    rows: list[int] = []
    for group in groups:
        drawn = np.random.RandomState(seed).permutation(len(group))[: round(share * len(group))]
        rows += [group[at] for at in drawn]
    return rows
