"""Which frames of a video are taken."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from preprocessing.faces.sampling import Sampling

GOLDEN = Path(__file__).parents[1] / "golden/data/prep/sampling.json"


def test_even_sampling_gives_the_golden_indices():
    for total, expected in json.loads(GOLDEN.read_text())["preprocess_indices"].items():
        assert list(Sampling("even", 32).indices(int(total))) == expected["distinct"]


@given(st.integers(1, 500), st.integers(1, 64), st.sampled_from(["even", "first", "all"]))
def test_indices_increase_within_the_video(total, wanted, kind):
    indices = list(Sampling(kind, wanted).indices(total))
    assert indices == sorted(set(indices))
    assert indices[0] == 0 and indices[-1] < total
    assert len(indices) == (total if kind == "all" else min(total, wanted))
    assert kind != "even" or wanted == 1 or indices[-1] == total - 1


@given(st.integers(1, 500), st.integers(1, 9), st.integers(1, 40))
def test_clips_are_whole_runs_that_reach_from_end_to_end_and_never_overlap(total, clips, length):
    indices = list(Sampling("clips", clips=clips, clip_length=length).indices(total))
    assert indices == sorted(set(indices)) and indices[0] == 0 and indices[-1] < total
    if total < length:
        assert indices == list(range(total))
        return
    count = min(clips, total // length)
    assert len(indices) == count * length
    starts = indices[::length]
    assert all(indices[i * length : (i + 1) * length] == list(range(s, s + length)) for i, s in enumerate(starts))
    steps = [b - a for a, b in zip(starts, starts[1:], strict=False)]
    assert count == 1 or (indices[-1] == total - 1 and max(steps) - min(steps) <= 1)


def test_only_what_decides_is_on_record():
    assert Sampling("even", 8, 2, 4).facts == {"sampling": "even", "frames": 8}
    assert Sampling("clips", 8, 2, 4).facts == {"sampling": "clips", "clips": 2, "clip_length": 4}
    assert Sampling("all", 8, 2, 4).facts == {"sampling": "all"}
