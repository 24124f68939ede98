"""Is every file that a manifest names there, and whole?"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from tqdm import tqdm

from preprocessing.checks.lookalikes import Look, look
from preprocessing.checks.part import Part
from preprocessing.codecs import LOSSY, Codec, codec_of
from preprocessing.manifest import SPLITS, Manifest, Record
from preprocessing.store import FrameStore
from training.core.errors import DataError
from training.core.paths import processors

BATCH = 256


@dataclass(slots=True)
class _Opened:
    """What came of the files of one record."""

    files: int = 0
    broken: list[str] = field(default_factory=list)
    look: Look | None = None
    codec: Codec | None = None


def files(listed: Manifest, store: FrameStore) -> tuple[Part, list[Look]]:
    """Open every picture, mask and landmark file of ``listed``; the looks of its faces come along.

    ``facts["broken"]`` has one sentence per file that is missing or cannot be read.
    """
    # DeepfakeBench's lists name a video in several splits.
    records = {record.image: record for split in SPLITS for record in listed.records(split)}
    found: list[_Opened] = []
    with ThreadPoolExecutor(processors()) as pool, tqdm(total=len(records), unit="face", desc=listed.dataset) as bar:
        rest = iter(records.values())
        while batch := list(islice(rest, BATCH)):
            found += pool.map(partial(_open, store), batch)
            bar.update(len(batch))
    looks = [opened.look for opened in found if opened.look is not None]
    codecs = Counter(opened.codec or "other" for opened in found if opened.look is not None)
    facts = {
        "looked_at": sum(opened.files for opened in found),
        "faces": len(found),
        "codecs": dict(codecs),
        "lossy": any(codec in LOSSY for codec in codecs),
        "broken": [says for opened in found for says in opened.broken],
    }
    how = ", ".join(f"{codec}{' (lossy)' if codec in LOSSY else ''}" for codec in codecs)
    looked_at = f"{facts['looked_at']} files of {len(found)} faces looked at{f', faces as {how}' if how else ''}"
    return Part("files", f"{looked_at}; {len(facts['broken'])} missing or broken", facts), looks


def _open(store: FrameStore, record: Record) -> _Opened:
    opened = _Opened()
    readers = {
        record.image: store.image,
        record.mask: store.mask,
        record.landmarks: store.landmarks,
        record.source_image: store.source,
    }
    for path, read in ((path, read) for path, read in readers.items() if path is not None):
        opened.files += 1
        try:
            content = read(record)
        except DataError as error:
            opened.broken.append(str(error))
        else:
            if path == record.image:
                opened.look, opened.codec = look(record, content), codec_of(store.content.get(path))
    return opened
