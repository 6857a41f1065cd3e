"""Which doors everybody reaches, and what an installer hears of what not everybody does."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import DEMO_SITE, Face, check_site, load_site
from kiosk.site_model import location_of, remarks

DEMO_TEXT = DEMO_SITE.read_text("utf-8")
PANEL = "left_mm = 506\nbottom_mm = 740"
SCANNER = "left_mm = 600\nbottom_mm = 640"

NARROW = "[reach]\nlowest_mm = 800\nhighest_mm = 1100\n\n[policy]"


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = DEMO_TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "site.toml"
    path.write_text(text, "utf-8")
    return path


def low_doors(path: Path) -> list[str]:
    return [slot.label for slot in location_of(load_site(path)).slots if slot.is_low]


def said_of(word: str, path: Path) -> str:
    [said] = [each for each in remarks(load_site(path)) if word in each]
    return said


def test_a_door_is_low_that_lies_between_380_and_1220_mm_from_edge_to_edge(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ("left_mm = 20, bottom_mm = 540", "left_mm = 20, bottom_mm = 380"),
        ("left_mm = 20, bottom_mm = 60, width_mm = 400, height_mm = 480", _door(20, 0, 379)),
        ("left_mm = 20, bottom_mm = 1140", "left_mm = 20, bottom_mm = 1100"),
        ("left_mm = 20, bottom_mm = 1020, width_mm = 400, height_mm = 120", _door(20, 1020, 79)),
    )
    assert check_site(path) == []
    reached = low_doors(path)
    assert "7" in reached, "it begins at 380 mm"
    assert "3" in reached, "it ends at 1220 mm"
    assert "8" not in reached, "nobody bends down to the floor for it"
    assert "1" not in reached, "it is above everybody's head"


def _door(left_mm: int, bottom_mm: int, height_mm: int) -> str:
    return f"left_mm = {left_mm}, bottom_mm = {bottom_mm}, width_mm = 400, height_mm = {height_mm}"


def test_a_site_may_ask_for_less(tmp_path: Path) -> None:
    assert low_doors(written(tmp_path, ("[policy]", NARROW))) == ["5"]


def test_the_lowest_is_below_the_highest(tmp_path: Path) -> None:
    setting = "[reach]\nlowest_mm = 900\nhighest_mm = 900\n\n[policy]"
    [mistake] = check_site(written(tmp_path, ("[policy]", setting)))
    assert mistake.key == "reach.lowest_mm"
    assert "900" in mistake.problem


def test_check_names_each_door_out_of_reach_its_height_and_what_is_right() -> None:
    high, low = said_of("too high", DEMO_SITE), said_of("too near to the floor", DEMO_SITE)
    for door, height_mm in (("1", 1740), ("3", 1260), ("20", 1260)):
        assert f" {door} (up to {height_mm} mm)" in high
    assert "1220 mm at most" in high
    assert " 8 (from 60 mm)" in low
    assert "380 mm at least" in low
    for reached in low_doors(DEMO_SITE):
        assert f" {reached} (" not in high + low


def test_check_names_a_size_that_nobody_gets_within_reach() -> None:
    said = said_of("No door of size", DEMO_SITE)
    assert "size L" in said
    assert "380 to 1220 mm" in said


@pytest.mark.parametrize(
    ("change", "part", "stands", "right"),
    [
        ((PANEL, "left_mm = 506\nbottom_mm = 780"), "[screen]", "780 to 1256", "380 to 744"),
        (("[policy]", NARROW), "[screen]", "740 to 1216", "height_mm of at most 300"),
        ((SCANNER, "left_mm = 600\nbottom_mm = 300"), "[scanner_place]", "300 to 350", "to 1170"),
    ],
)
def test_check_names_a_panel_and_a_scanner_out_of_reach(
    tmp_path: Path, change: tuple[str, str], part: str, stands: str, right: str
) -> None:
    path = written(tmp_path, change)
    assert check_site(path) == []
    said = said_of(part, path)
    assert stands in said
    assert right in said


def test_check_asks_where_the_scanner_is(tmp_path: Path) -> None:
    start = DEMO_TEXT.index("[scanner_place]")
    place = DEMO_TEXT[start : DEMO_TEXT.index("# The doors are numbered")]
    assert "380 to 1220 mm" in said_of("[scanner_place]", written(tmp_path, (place, "")))
    assert not [each for each in remarks(load_site(DEMO_SITE)) if "scanner" in each]


def test_of_each_thing_that_people_touch_one_ends_below_1220_mm() -> None:
    """The demo's panel, its scanner, and a door of each size: the high reach of EN 301 549."""
    site = load_site(DEMO_SITE)
    assert site.scanner_place is not None
    kinds: list[list[Face]] = [[site.screen], [site.scanner_place]]
    kinds += [[slot for slot in site.slots if slot.size == size] for size in site.sizes]
    for parts in kinds:
        assert any(part.bottom_mm + part.height_mm <= 1220 for part in parts)
