"""Every pair of colours that the kiosk's screens put together, in every palette and with every
accent that a site may have; and that no colour is the only sign of anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from pydantic import ValidationError

from config.schema import Look
from kiosk.flows.views.choices import Choice
from kiosk.ui import texts, theme
from kiosk.ui.theme import Colour, Palette, Tone, colour, contrast
from tests.gallery.locker import sample_doors, sample_location
from tests.gallery.samples import sample_views

TEXT, LARGE_OR_GRAPHIC = 4.5, 3.0
PALETTES = {"light": theme.LIGHT, "night": theme.NIGHT, "access": theme.HIGH_CONTRAST}

STEPS = ("00", "33", "66", "99", "CC", "FF")
ACCENTS = [f"#{''.join(parts)}" for parts in product(STEPS, repeat=3)]


def pairs(palette: Palette) -> Iterator[tuple[str, Colour, Colour, float]]:
    """What is written or drawn on what, and how much it has to stand out (WCAG 1.4.3, 1.4.11)."""
    grounds = {"the ground": palette.ground, "a surface": palette.surface}
    pressed = {"what is pressed": palette.pressed, "what is quiet": palette.quiet}
    for name, ground in {**grounds, **pressed}.items():
        yield f"ink on {name}", palette.ink, ground, TEXT
        yield f"soft ink on {name}", palette.ink_soft, ground, TEXT
    for name, ground in grounds.items():
        yield f"edges on {name}", palette.edge, ground, LARGE_OR_GRAPHIC
    yield "words on a card of ink", palette.on_ink, palette.ink, TEXT
    for tone, each in palette.tones.items():
        yield f"words on {tone}", each.on_strong, each.strong, TEXT
        yield f"ink on soft {tone}", palette.ink, each.soft, TEXT
        yield f"soft ink on soft {tone}", palette.ink_soft, each.soft, TEXT
        for name, ground in {**grounds, f"soft {tone}": each.soft}.items():
            yield f"words of {tone} on {name}", each.strong_ink, ground, TEXT
    act = palette.tones[Tone.ACT]
    yield "words on a pressed main choice", act.on_strong, palette.act_pressed, TEXT


def faint(palette: Palette) -> list[str]:
    return [
        f"{name}: {contrast(one, other):.2f} and not {least}"
        for name, one, other, least in pairs(palette)
        if contrast(one, other) < least
    ]


@pytest.mark.parametrize("name", PALETTES)
def test_every_pair_of_colours_stands_out(name: str) -> None:
    assert faint(PALETTES[name]) == []


def is_let_in(accent: str) -> bool:
    try:
        Look.model_validate({"accent": accent})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", ["light", "night"])
def test_every_accent_that_is_let_in_stands_out(name: str) -> None:
    """The access mode has no accent: its colours are nobody's own."""
    let_in = [accent for accent in ACCENTS if is_let_in(accent)]
    assert let_in
    found = {
        accent: wrong
        for accent in let_in
        if (wrong := faint(PALETTES[name].with_accent(colour(accent))))
    }
    assert found == {}


def test_a_colour_that_hardly_stands_out_is_found() -> None:
    """The negative control."""
    pale = replace(theme.LIGHT, ink_soft=colour("#9AA3AB"))
    assert any(each.startswith("soft ink on the ground") for each in faint(pale))


def test_no_meaning_is_a_colour_alone() -> None:
    """Each tone comes with a picture and words, each state of a door with a sign of its own, each
    choice with a word."""
    location = sample_location()
    for name, view in sample_views():
        words = texts.words_for(view, location)
        if words.tone in (Tone.FAILED, Tone.WAITING, Tone.DONE):
            assert words.title, f"{name} says it by its colour alone"
        if words.note is not None:
            assert words.note.icon, name
            assert words.note.text, name
    signs = {texts.service.sign(row) for row in sample_doors().doors}
    assert len({sign.icon for sign in signs}) == len(signs), "two states have one picture"
    for choice in Choice:
        assert texts.choice_labels.choice_label(choice).label
