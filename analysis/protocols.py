"""Which runs were measured under the same conditions: others get a letter, and are not ranked together without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from analysis import style
from training.core.conditions import differences

Hashes = Mapping[str, str | None]
"""Of one run: test set -> hash of the protocol, None where it is not known."""
SAID = 4
"""Differences that a sentence names; the rest is counted."""


def letters(runs: Sequence[Hashes]) -> list[str]:
    """A letter per run, equal where their hashes agree on every test set that they share; all empty if all agree."""
    groups: list[list[int]] = []
    for number, run in enumerate(runs):
        home = next((group for group in groups if all(_agree(run, runs[other]) for other in group)), None)
        if home is None:
            groups.append([number])
        else:
            home.append(number)
    if len(groups) < 2:
        return [""] * len(runs)
    named = {number: _letter(at) for at, group in enumerate(groups) for number in group}
    return [named[number] for number in range(len(runs))]


def _agree(one: Hashes, other: Hashes) -> bool:
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def _letter(at: int) -> str:
    return ascii_uppercase[at] if at < len(ascii_uppercase) else str(at + 1)


def mark(letter: str) -> str:
    """What stands behind the name of a run."""
    return f" [protocol {letter}]" if letter else ""


def sentences(conditions: Sequence[Mapping[str, Mapping[str, Any]]], hashes: Sequence[Hashes]) -> Iterator[str]:
    """What a reader must know of the protocols of runs: their hashes by test set, and how the others differ from the
    first. ``conditions`` are those behind the ``hashes``, where they are known. Nothing where no hash is.
    """
    if not any(value for run in hashes for value in run.values()):
        return
    named = letters(hashes)
    groups = {letter: [n for n, other in enumerate(named) if other == letter] for letter in dict.fromkeys(named)}
    first = next(iter(groups))
    for letter, members in groups.items():
        found = {name: value for n in members for name, value in hashes[n].items()}
        said = ", ".join(f"{style.dataset_name(name)} {value or 'not known'}" for name, value in found.items())
        yield f"protocol{f' {letter}' if letter else ''}: {said}"
        if letter != first:
            yield f"protocol {letter} is not {first}, so their figures rank apart: {_why(conditions, groups, letter)}"


def _why(conditions: Sequence[Mapping[str, Mapping[str, Any]]], groups: Mapping[str, list[int]], letter: str) -> str:
    """How the conditions of the group ``letter`` differ from the first one's, on the first test set where they do."""
    for other in next(iter(groups.values())):
        for own in groups[letter]:
            for name in conditions[own].keys() & conditions[other].keys():
                ours, theirs = conditions[own][name], conditions[other][name]
                if ours and theirs and (found := differences(ours, theirs)):
                    rest = f"; and {len(found) - SAID} more" if len(found) > SAID else ""
                    return "; ".join(found[:SAID]) + rest
    return "one of them is not known"
