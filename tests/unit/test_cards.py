"""What people are told of the datasets: on the terminal and in datasets/README.md."""

from __future__ import annotations

from dataclasses import fields

import pytest

from preprocessing import cards
from preprocessing.layouts.base import LAYOUTS, Card
from training.core.errors import ConfigError

CARDS = {name: card for key in LAYOUTS.names() for name, card in LAYOUTS.get(key).datasets.items()}


def test_the_readme_has_the_cards_of_the_layouts():
    text = cards.README.read_text(encoding="utf-8")
    assert cards.written_in(text) == text, "datasets/README.md is behind the layouts: run python -m preprocessing.cards"


def test_every_field_of_a_card_is_shown():
    assert list(cards.WORDS) == [field.name for field in fields(Card)]


@pytest.mark.parametrize("name", CARDS)
def test_cards_say_everything_in_one_line_each(name):
    for field in fields(Card):
        text = getattr(CARDS[name], field.name)
        assert text or field.name == "unverified", f"{name} does not say its {field.name}"
        assert "\n" not in text and text == text.strip() and not text.endswith("."), f"{name}: {field.name}"


def test_the_list_names_every_dataset_whom_to_ask_and_fits_the_terminal():
    lines = cards.listing().splitlines()
    assert max(map(len, lines)) <= 120
    unbroken = " ".join(" ".join(lines).split())
    for name, card in CARDS.items():
        assert name in unbroken and card.contact in unbroken and card.terms in unbroken
        assert (f"{name} *" in unbroken or f"{name} (DSv1) *" in unbroken) == bool(card.unverified)


def test_one_dataset_is_shown_whole_under_any_of_its_names():
    unbroken = " ".join(cards.described("DSv1").split())
    assert unbroken.startswith("DeepSpeak-v1 (DSv1) ")
    assert all(text in unbroken for field in fields(Card) if (text := getattr(CARDS["DeepSpeak-v1"], field.name)))


@pytest.mark.parametrize(("name", "says"), [("UADFW", "did you mean 'UADFV'?"), ("folder", "for data of any name")])
def test_a_name_without_a_card_is_answered(name, says):
    with pytest.raises(ConfigError) as error:
        cards.described(name)
    assert says in str(error.value)


def test_a_readme_without_marks_is_named():
    with pytest.raises(ConfigError, match=r"README\.md: lacks the lines '<!-- cards"):
        cards.written_in("# Data sets\n")
