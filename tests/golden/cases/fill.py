"""The fill rule itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.golden.compare import Result, compare
from tests.golden.fill import fill_one, rule_input
from tests.golden.registry import Golden, case

SHAPES = {"backbone.conv1.weight": (32, 3, 3, 3), "backbone.last_linear.weight": (2, 2048)}


@case("v1/_fill_check")
def fill_check(golden: Golden) -> Iterator[Result]:
    """First three values and the sum of some entries."""
    salt = golden.get("salt", "")
    for version, values in golden["values"].items():
        for key, expected in values.items():
            if named := re.fullmatch(r"(\w+)\(([\d,]+)\)", key):
                ours = rule_input([int(n) for n in named[2].split(",")], named[1], salt)
            else:
                ours = fill_one(key, SHAPES.get(key, (32,)), salt=salt)
            yield compare(
                f"{version}.{key}", expected, [*ours.flatten()[:3].tolist(), float(ours.double().sum())], 1e-5
            )
