"""Doors whose labels are not of Latin letters: from the site file to every sentence about them."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from config import DEMO_SITE, check_site, load_site
from config.rewriting import rewire
from kiosk.flows.views.choices import Purpose
from kiosk.flows.views.shared import DoorOpen
from kiosk.site_model import location_of, remarks
from kiosk.ui.fonts import letters_missing
from kiosk.ui.language import languages, speech
from kiosk.ui.texts import words_for

LABELS = ("Я1", "Ї-7", "Ω2", "É4", "أ3", "پ٧", "Łß")


def written(folder: Path, label: str) -> Path:
    """The demo site whose door 7, and the cabinet A around it, have another label."""
    text = DEMO_SITE.read_text("utf-8").replace('label = "7"', f'label = "{label}"')
    path = folder / "site.toml"
    path.write_text(text.replace('label = "A"', f'label = "{label}"'), "utf-8")
    return path


@pytest.mark.parametrize("label", LABELS)
def test_a_label_of_any_script_is_right_and_can_be_drawn(tmp_path: Path, label: str) -> None:
    path = written(tmp_path, label)
    assert check_site(path) == []
    site = load_site(path)
    assert site.slots[6].label == label
    assert not [each for each in remarks(site) if "fonts" in each]


def test_a_label_that_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    said = [each for each in remarks(load_site(written(tmp_path, "東1"))) if "fonts" in each]
    assert len(said) == 2, "the door's and the cabinet's"
    assert all("東" in each for each in said)


@pytest.mark.parametrize("label", ["7 ", "a b", "7_", "\u200d7", "📦", "½"])
def test_what_no_label_is_made_of_is_refused(tmp_path: Path, label: str) -> None:
    assert any(
        "letters of any script" in str(each) for each in check_site(written(tmp_path, label))
    )


def test_an_accent_behind_its_letter_is_the_same_label(tmp_path: Path) -> None:
    path = written(tmp_path, unicodedata.normalize("NFD", "É4"))
    assert load_site(path).slots[6].label == "É4"
    rewire(path, {}, {"É4": ("left", 8), "8": ("left", 7)})
    assert [slot.channel for slot in load_site(path).slots[6:8]] == [8, 7]


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("label", LABELS)
def test_a_sentence_about_a_door_has_all_its_letters(
    tmp_path: Path, language: str, label: str
) -> None:
    location = replace(location_of(load_site(written(tmp_path, label))), languages=(language,))
    words = words_for(DoorOpen(slot=label, purpose=Purpose.TAKE), location, speech(language))
    assert label in f"{words.title} {words.body}"
    assert not letters_missing(f"{words.title} {words.body}")
