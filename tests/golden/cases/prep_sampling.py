"""Which frames of a video are taken."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.faces.sampling import Sampling
from tests.golden.compare import Result
from tests.golden.registry import Golden, case
from training.data.select import SAMPLING


@case("prep/sampling")
def sampling(golden: Golden) -> Iterator[Result]:
    """The distinct indices of 32 evenly spaced frames, for many lengths; the loader's first ones, by our switch."""
    for total, expected in golden["preprocess_indices"].items():
        ours = list(Sampling("even", 32).indices(int(total)))
        yield Result(f"preprocess_indices.{total}", ours == expected["distinct"], f"takes {ours}")
    for situation, expected in golden["loader_frame_mode"].items():
        available, count = (int(part.partition("=")[2]) for part in situation.split(","))
        taken = SAMPLING["first"](list(range(available)), count)
        ours = dict.fromkeys(("train", "test"), f"{taken[0]}..{taken[-1]}") | {"count": len(taken)}
        yield Result(f"loader_frame_mode.{situation}", ours == expected, f"takes {ours}")
    yield Result("loader_clip_mode", None, "ours draws one clip per video")


@case("prep/preprocess_behaviour")
def behaviour(golden: Golden) -> Iterator[Result]:
    """The frames that its preprocessing writes; what it does with bad files is what ours does otherwise."""
    even = Sampling("even", 32)
    for total, expected in golden["indices_written"].items():
        if total.isdigit():
            ours = list(even.indices(int(total)))
            yield Result(f"indices_written.{total}", ours == expected["written"], f"takes {ours}")
        else:
            yield Result(f"indices_written.{total}", None, "ours has no fixed stride")
    videos = golden["frames_without_face"]
    first, last = (int(part) for part in videos["blank"].split(".."))
    ours = [index for index in even.indices(videos["frames"]) if not first <= index <= last]
    yield Result("frames_without_face.written", ours == videos["written"], f"writes {ours}")
    for entry in sorted(golden.keys() - {"indices_written", "frames_without_face"}):
        yield Result(entry, None, "its folders, log lines and defects; tests/unit/test_preprocess*.py hold ours")
