"""Which frames of a video are taken."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.faces.video import frame_indices
from tests.golden.compare import Result
from tests.golden.registry import Golden, case


@case("prep/sampling")
def sampling(golden: Golden) -> Iterator[Result]:
    """The distinct indices of 32 evenly spaced frames, for many lengths."""
    for total, expected in golden["preprocess_indices"].items():
        ours = frame_indices(int(total), 32, "even")
        yield Result(f"preprocess_indices.{total}", ours == expected["distinct"], f"takes {ours}")
    for entry in ("loader_frame_mode", "loader_clip_mode"):
        reason = "the reference's loader takes the first frames of a video, ours spreads them evenly"
        yield Result(entry, None, reason)
