"""What is known of the datasets that can be preprocessed, for the terminal and for ``datasets/README.md``.

``python -m preprocessing.cards`` writes the cards into the README again, after a layout was added or a card changed.
"""

from __future__ import annotations

import re
import textwrap

from preprocessing.layouts.base import LAYOUTS, Card, layout_for
from preprocessing.names import ALIASES, full_name, subset
from training.core.errors import ConfigError
from training.core.paths import DATASETS, atomic, shown

README = DATASETS / "README.md"
BEGIN, END = "<!-- cards, written by: python -m preprocessing.cards -->", "<!-- end of cards -->"
WIDTH = 120
WORDS = {
    "size": "size",
    "methods": "methods",
    "subjects": "people",
    "splits": "splits",
    "terms": "to sign",
    "contact": "where to ask",
    "traps": "watch out",
    "paper": "paper",
    "unverified": "assumed",
}
"""Field of a card -> what it is called."""


def listing() -> str:
    """All datasets by layout, with where to ask for them and what must be signed."""
    blocks = []
    for key in LAYOUTS.names():
        layout = LAYOUTS.get(key)
        alike: dict[str, list[str]] = {}
        for name, card in layout.datasets.items():
            rows = {"below --root": layout.about, "where to ask": card.contact, "to sign": card.terms}
            alike.setdefault(_table(rows), []).append(f"{_called(name)}{' *' if card.unverified else ''}")
        alike = alike or {_table({"below --root": layout.about}): ["your own"]}
        for rows, names in alike.items():
            blocks.append(_wrapped(f"{', '.join(names)} (layout {key})") + f"\n{rows}")
    note = "* parts of the tree are assumed; --dataset NAME --list-datasets prints all that is known of one"
    return "\n\n".join([*blocks, note])


def described(dataset: str) -> str:
    """The whole card of one dataset.

    Raises:
        ConfigError: a dataset without a card.
    """
    dataset = full_name(dataset)
    layout = layout_for(dataset)
    if dataset not in layout.datasets:
        raise ConfigError(f"'{dataset}' is a layout for data of any name: {layout.about}")
    return f"{_called(dataset)}\n" + _table({"below --root": layout.about, **_rows(layout.datasets[dataset])})


def where_from(dataset: str) -> str:
    """One line: where to ask for a dataset that is named on a command line, what to sign, and what to do with it."""
    whole = subset(full_name(dataset)).dataset
    make = f"preprocessing/preprocess.py --dataset {whole} --root FOLDER, preprocessing/rearrange.py --dataset {whole}"
    cards = {name: card for key in LAYOUTS.names() for name, card in LAYOUTS.get(key).datasets.items()}
    if whole not in cards:
        return f"data of your own: {make}"
    return f"ask: {cards[whole].contact}; to sign: {cards[whole].terms}; then {make}"


def markdown() -> str:
    """All cards, between the two marks."""
    lines = [BEGIN]
    for key in LAYOUTS.names():
        for name, card in LAYOUTS.get(key).datasets.items():
            rows = {"below `--root`": f"`{LAYOUTS.get(key).about}`"}
            rows |= {word: re.sub(r"([<*])", r"\\\1", text) for word, text in _rows(card).items()}
            lines += ["", f"### {_called(name)}", ""]
            lines += [_wrapped(f"- {word}: {text}") for word, text in rows.items()]
    return "\n".join([*lines, "", END])


def written_in(text: str) -> str:
    """``text`` of the README with its cards brought up to date.

    Raises:
        ConfigError: it lacks the marks between which the cards stand.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"{shown(README)}: lacks the lines '{BEGIN}' and '{END}'")
    return f"{before}{markdown()}{after}"


def _rows(card: Card) -> dict[str, str]:
    return {word: text for field, word in WORDS.items() if (text := getattr(card, field))}


def _called(dataset: str) -> str:
    short = [alias for alias, name in ALIASES.items() if name == dataset]
    return f"{dataset} ({', '.join(short)})" if short else dataset


def _table(rows: dict[str, str]) -> str:
    return "\n".join(_wrapped(f"  {word:14}{text}", 16) for word, text in rows.items())


def _wrapped(text: str, indent: int = 2) -> str:
    """``text`` in lines of at most ``WIDTH`` columns, all but the first indented."""
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    with atomic(README) as temporary:
        temporary.write_text(written_in(README.read_text(encoding="utf-8")), encoding="utf-8")
