"""Validation data free of who trains: what is chosen on people that training saw says too much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from preprocessing.manifest import Record
from training.core.errors import ManifestError
from training.data.select import Selected


def held_out(validated: Selected, trained: Iterable[Selected]) -> Selected:
    """``validated`` without the videos that share a clip or a person, as source, donor or who is seen, with training.

    Raises:
        ManifestError: none is left.
    """
    seen = {name for one in trained for record in one.records for name in _names(record)}
    kept = [record for record in validated.records if not seen & set(_names(record))]
    videos, left = ({record.video for record in records} for records in (validated.records, kept))
    if not kept:
        raise ManifestError(
            f"{validated.name}: all {len(videos)} validation videos show clips or people that train too, and "
            "evaluate.held_out wants none; split them anew, or name another data set in data.val"
        )
    if len(left) == len(videos):
        return validated
    says = f"{len(videos - left)} of {len(videos)} validation videos show clips or people that train too; left out"
    return replace(validated, records=kept, notes=[*validated.notes, f"{validated.name}: {says} (evaluate.held_out)"])


def _names(record: Record) -> list[tuple[str, str]]:
    return [(record.dataset, name) for name in (record.source, record.donor, record.person) if name is not None]
