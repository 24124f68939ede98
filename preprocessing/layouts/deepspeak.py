"""DeepSpeak, version 1.0 and 1.1 (Barrington, Bohacek and Farid, 2024): people before their webcams.

``annotations-real.csv`` (``video-file``, ``identity``), ``annotations-fake.csv`` (``video-file``, ``kind``, ``engine``,
``identity-source``, ``identity-target``, ``recording-source``, ``recording-target``) and ``annotations-split-def.csv``
(``identity``, ``split``), beside the folders of the unpacked archives. Reals are called ``<identity>-<recording>...``.

Source and target mean two things: a face swap puts the source's face into the recording of the target; a lip-sync makes
the source's recording speak what the target says. There is no official validation set: about a tenth of the people of
the training set become one, those together whose faces were swapped.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePath

from scipy.cluster.hierarchy import DisjointSet

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts._lists import read_rows
from preprocessing.layouts.base import (
    LAYOUTS,
    Card,
    Layout,
    Scan,
    SourceVideo,
    files_below,
    needed,
    some,
    with_validation,
)
from preprocessing.manifest import REAL, Video
from training.core.errors import ConfigError, did_you_mean

REALS, FAKES, SPLITS_OF = (f"annotations-{kind}.csv" for kind in ("real", "fake", "split-def"))
KINDS = ("face-swap", "lip-sync")


@LAYOUTS.register("deepspeak")
class DeepSpeak(Layout):
    """Reads the unpacked archives and the three tables beside them."""

    datasets = {
        "DeepSpeak-v1": Card(
            size="44 hours of video, real and fake (v1.0); v1.1 has more",
            methods="face swaps: facefusion, facefusion_gan, facefusion_live; lip-sync: wav2lip, retalking",
            subjects="220 people (v1.0), recorded for this with their consent",
            splits="official train and test by identity; val: a tenth of train's identities (ours)",
            terms="license form, free of charge for academic institutions",
            contact="faridlab/deepspeak_v1 and deepspeak_v1_1 at Hugging Face (UC Berkeley)",
            traps="lip-sync changes the mouth only; voices of some fakes are generated too",
            paper="Barrington et al., The DeepSpeak Dataset, arXiv 2408.05366, 2024",
            unverified="columns of the tables for reals and splits; which recording a fake's frames come from",
        )
    }
    about = f"{REALS}, {FAKES}, {SPLITS_OF}, and the videos in any folders"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        root, scan = self.begin(root, dataset, (REALS, FAKES, SPLITS_OF))
        reals, fakes, people = (needed(root / name, "it comes with the dataset") for name in (REALS, FAKES, SPLITS_OF))
        splits, together = _splits(people), DisjointSet()
        paths = scan.named(files_below(root, VIDEO_SUFFIXES), lambda path: path.stem)
        known = _reals(dataset, reals) | _fakes(dataset, fakes)
        scan.compare("the annotations", known, paths)
        lost = []
        for stem in sorted(known.keys() & paths.keys()):
            facts = known[stem]
            shown, filmed = str(facts.person), facts.source.partition("-")[0]
            split = splits.get(shown)
            if split is None or splits.get(filmed) != split:
                lost.append(stem)
                continue
            together.add(shown)
            together.add(filmed)
            together.merge(shown, filmed)
            scan.videos.append(SourceVideo(replace(facts, split=split), paths[stem]))
        if lost:
            scan.remarks.append(f"{len(lost)} videos show people of no split or of two, left out: {some(lost)}")
        scan.videos = with_validation(scan.videos, lambda video: together[str(video.person)])
        return scan


def _reals(dataset: str, table: Path) -> dict[str, Video]:
    """By the stem of the file's name; splits are filled in later."""
    known = {}
    for _, row in read_rows(table, "video-file", "identity"):
        stem = PurePath(row["video-file"]).stem
        recording = re.match(rf"{re.escape(row['identity'])}-(\d+)", stem)
        source = recording[0] if recording else f"{row['identity']}-{stem}"
        known[stem] = Video(dataset, f"real/{stem}", 0, REAL, source, "train", person=row["identity"])
    return known


def _fakes(dataset: str, table: Path) -> dict[str, Video]:
    """By the stem of the file's name; splits are filled in later."""
    known = {}
    sides = [f"{what}-{side}" for side in ("source", "target") for what in ("identity", "recording")]
    for at, row in read_rows(table, "video-file", "kind", "engine", *sides):
        if row["kind"] not in KINDS:
            raise ConfigError(f"{at}: kind is '{row['kind']}'; {did_you_mean(row['kind'], KINDS)}")
        stem = PurePath(row["video-file"]).stem
        source, target = (f"{row[f'identity-{side}']}-{row[f'recording-{side}']}" for side in ("source", "target"))
        frames, other = (target, source) if row["kind"] == "face-swap" else (source, target)
        video = f"{row['engine']}/{stem}"
        person = row["identity-source"]
        known[stem] = Video(dataset, video, 1, row["engine"], frames, "train", donor=other, person=person)
    return known


def _splits(table: Path) -> dict[str, str]:
    """Split of each identity."""
    splits = {}
    for at, row in read_rows(table, "identity", "split"):
        splits[row["identity"]] = split = row["split"].lower()
        if split not in ("train", "test"):
            raise ConfigError(f"{at}: split is '{row['split']}'; expected train or test")
    return splits
