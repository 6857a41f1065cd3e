"""The tour draws what a flow shows, from its first screen to its last."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.gallery.panels import PANELS
from tests.tour.film import MOST_BYTES

ROOT = Path(__file__).parents[2]
PANEL = "1024x600"
PART = ("--panel", PANEL, "--language", "en", "--mode", "light")


@pytest.mark.window
def test_every_screen_of_a_story_is_drawn(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.tour",
            "--out",
            str(tmp_path),
            "--only",
            "leaves_the_door_open",
            *PART,
        ],
        cwd=ROOT,
        check=True,
    )

    names = [path.stem for path in sorted((tmp_path / f"{PANEL}-en").glob("*.png"))]
    kinds = [name.split("-")[-1] for name in names]
    for kind in ("first", "entercode", "dooropen", "thanks"):
        assert kind in kinds
    assert [name[:3] for name in names] == [f"{number:03d}" for number in range(1, len(names) + 1)]
    pictures = [Image.open(tmp_path / f"{PANEL}-en" / f"{name}.png") for name in names]
    size = (PANELS[PANEL].width_px, PANELS[PANEL].height_px)
    assert {picture.size for picture in pictures} == {size}
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    assert (tmp_path / f"{PANEL}-en.png").exists()


def test_the_readme_shows_a_film_that_a_telephone_can_load() -> None:
    film = ROOT / "assets" / "pictures" / "film.webp"

    assert "](assets/pictures/film.webp)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert film.stat().st_size < MOST_BYTES
    with Image.open(film) as moving:
        assert getattr(moving, "n_frames", 1) > 1
