"""The main screens look as they did; `make goldens` keeps how they look now."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.goldens.goldens import (
    PANELS,
    SCREENS,
    TOLERANCE,
    difference,
    drawn,
    kept_at,
)

pytestmark = pytest.mark.window


@pytest.mark.parametrize("panel", PANELS)
def test_the_main_screens_look_as_they_did(tmp_path: Path, panel: str) -> None:
    differences = {}
    for name, picture in drawn(panel, tmp_path):
        with Image.open(kept_at(panel, name)) as kept:
            differences[name] = difference(picture, kept.convert("RGB"))
    assert len(differences) == len(SCREENS)
    changed = {name: much for name, much in differences.items() if much > TOLERANCE}
    assert not changed, f"these look otherwise, of 255: {changed}; if that is right: make goldens"


def test_a_button_that_moved_or_another_colour_is_seen() -> None:
    """The negative control."""
    with Image.open(kept_at(PANELS[0], "first")) as picture:
        kept = picture.convert("RGB")
    moved = kept.copy()
    moved.paste(kept.crop((0, 300, kept.width, 400)), (0, 304))
    assert difference(kept, moved) > TOLERANCE
    recoloured = kept.copy()
    ImageDraw.Draw(recoloured).rectangle((30, 350, 60, 370), fill=(150, 30, 30))
    assert difference(kept, recoloured) > TOLERANCE
    assert difference(kept, kept.copy()) == 0
