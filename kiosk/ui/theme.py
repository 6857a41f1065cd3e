"""The look of the kiosk in one place: colours, type, spacing, corners, motion.

Sizes are millimetres on the panel (see `Panel`), because a finger and an eye have the same size
in front of every screen. The minimums and their sources: ADA 707.7.2 for the height of capitals,
EN 301 549 5.1.4 for large text, Colle and Hiszem 2004 for keys of 20 mm, WCAG 2.5.5 for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from kiosk.ui.colours import (
    BLACK,
    WHITE,
    Colour,
    colour,
    contrast,
    distance,
    luminance,
    mixed,
    nearest,
)
from kiosk.ui.language import ENGLISH, Speech
from kiosk.ui.panel import Panel

__all__ = ["Colour", "colour", "contrast"]

CAPITAL_PER_EM = 0.668
"""Height of a capital letter in Atkinson Hyperlegible, as a part of its font size."""

CAPITALS_MM = {"text": 4.8, "lead": 6.1, "title": 8.0, "large": 12.0, "huge": 20.0}
"""The five steps of type, by the height of a capital."""
LARGE_TEXT = 6.1 / 4.8
"""How much larger they are in the access mode: 6.1 mm is 0.7 degrees seen from 500 mm."""
LARGER_TEXT = 1.6
"""The same on a large upright panel, which has room for it; where words have none, they become
smaller down to the least."""
_LARGE_ON_TALL = 1.25
"""A title there is larger than what stands under it, and still no poster."""


KEY_MM = 20.0
TARGET_MM = 9.0
"""Nothing that can be touched is smaller than this, in either direction."""
BUTTON_MM = 16.0

SPACING_UNIT_MM = 0.18
"""One unit of the spacing steps 8, 16, 24, 32, 48, 64."""

PRESS_GUARD_S = 0.2
"""After one screen replaced another, touches are ignored this long: they meant the old one."""
KEY_BOUNCE_S = 0.05
"""The same key touched again sooner than a finger can is one touch."""
SAME_KEY_S = (0.1, 0.3, 0.5, 1.0)
"""What a person in the access mode chooses from: the same key so soon is one strike (EN 301 549
5.8)."""
SAME_KEY_ACCESS_S = 0.3
"""What it is there before anybody chooses."""
STILL_TRYING_S = 3.0
"""A screen that waits for the machine says after so long that it still tries."""
ANSWER_PATIENCE_S = 3.0
"""When nothing answers a press for this long, the screen can be pressed again."""


class Tone(StrEnum):
    """What a colour says. Colour means state and nothing else."""

    CALM = "CALM"
    ACT = "ACT"
    DONE = "DONE"
    WAITING = "WAITING"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ToneColours:
    """The colours of a tone: `strong` carries `on_strong`; `soft` carries ink and `strong_ink`."""

    strong: Colour
    on_strong: Colour
    soft: Colour
    strong_ink: Colour
    """Words and icons of this tone on the ground, on a surface, and on `soft`."""


def _tone(strong: str, on_strong: str, soft: str, strong_ink: str = "") -> ToneColours:
    return ToneColours(
        colour(strong), colour(on_strong), colour(soft), colour(strong_ink or strong)
    )


@dataclass(frozen=True, slots=True)
class Palette:
    """All colours of the screens."""

    ground: Colour
    surface: Colour
    ink: Colour
    on_ink: Colour
    """On a card of ink."""
    ink_soft: Colour
    edge: Colour
    """Around things that can be touched: 3:1 on the ground (WCAG 1.4.11)."""
    line: Colour
    quiet: Colour
    """Doors and cells that are not meant now."""
    pressed: Colour
    act_pressed: Colour
    tones: Mapping[Tone, ToneColours]

    def with_accent(self, accent: Colour) -> Palette:
        """The same with a site's own colour for what can be done.

        A light one carries dark words. It is made lighter on a dark ground until it stands out, and
        darker or lighter until nobody takes it for the colour of errors.
        """
        is_dark = luminance(self.ground) < _DARK
        failed = self.tones[Tone.FAILED]

        def is_apart(shade: Colour) -> bool:
            reds = (failed.strong, failed.strong_ink)
            return min(distance(shade, red) for red in reds) >= APART_FROM_ERRORS

        def stands_out(shade: Colour) -> bool:
            return not is_dark or contrast(shade, self.ground) >= TEXT_CONTRAST

        strong = nearest(accent, lambda shade: is_apart(shade) and stands_out(shade))
        on_strong = next(
            (words for words in (WHITE, self.on_strong_dark()) if _is_read(words, strong)), BLACK
        )
        soft = mixed(strong, self.ground if is_dark else WHITE, 0.88)
        if distance(soft, failed.soft) < _APART_WHEN_PALE:
            soft = self.tones[Tone.CALM].soft
        grounds = (self.ground, self.surface, soft)
        ink = nearest(
            strong,
            lambda shade: is_apart(shade) and all(_is_read(shade, each) for each in grounds),
        )
        act = ToneColours(strong, on_strong, soft, ink)
        return replace(
            self,
            tones={**self.tones, Tone.ACT: act},
            pressed=mixed(soft, self.ink, 0.06),
            act_pressed=mixed(strong, BLACK if on_strong == WHITE else WHITE, 0.25),
        )

    def on_strong_dark(self) -> Colour:
        """The dark words on a light strong colour."""
        return min(self.ink, self.on_ink, key=luminance)


def _is_read(words: Colour, ground: Colour) -> bool:
    return contrast(words, ground) >= TEXT_CONTRAST


TEXT_CONTRAST: Final = 4.5
"""What words need at least (WCAG 1.4.3)."""
CONTROL_CONTRAST: Final = 3.0
"""What the edge of a thing that can be touched needs at least (WCAG 1.4.11)."""
APART_FROM_ERRORS: Final = 0.14
"""How far a site's own colour keeps from the colour of errors, as `distance` measures it."""
_APART_WHEN_PALE: Final = 0.02
_DARK: Final = 0.2

LIGHT = Palette(
    ground=colour("#F3F2ED"),
    surface=WHITE,
    ink=colour("#15202B"),
    on_ink=WHITE,
    ink_soft=colour("#46525E"),
    edge=colour("#7F8A94"),
    line=colour("#D5D8D8"),
    quiet=colour("#E6E6E1"),
    pressed=colour("#DCE6F7"),
    act_pressed=colour("#083A7E"),
    tones={
        Tone.CALM: _tone("#46525E", "#FFFFFF", "#E6E6E1"),
        Tone.ACT: _tone("#0B4EA8", "#FFFFFF", "#E2ECFA"),
        Tone.DONE: _tone("#0B6238", "#FFFFFF", "#DDF0E4"),
        Tone.WAITING: _tone("#FFBE3D", "#15202B", "#FFF0D0", "#6B4600"),
        Tone.FAILED: _tone("#A31D17", "#FFFFFF", "#FBE5E2"),
    },
)
NIGHT = Palette(
    ground=colour("#11171D"),
    surface=colour("#1E2730"),
    ink=colour("#E9EDF0"),
    on_ink=colour("#11171D"),
    ink_soft=colour("#AEB9C3"),
    edge=colour("#74818D"),
    line=colour("#35414C"),
    quiet=colour("#28323C"),
    pressed=colour("#2C3D52"),
    act_pressed=colour("#B7D2FA"),
    tones={
        Tone.CALM: _tone("#AEB9C3", "#11171D", "#28323C"),
        Tone.ACT: _tone("#8FB8F5", "#0C1218", "#1C2D43"),
        Tone.DONE: _tone("#6FD19B", "#0C1218", "#17332A"),
        Tone.WAITING: _tone("#FFC65C", "#15202B", "#3B2F17"),
        Tone.FAILED: _tone("#FF9D93", "#0C1218", "#42211F"),
    },
)
HIGH_CONTRAST = Palette(
    ground=BLACK,
    surface=BLACK,
    ink=WHITE,
    on_ink=BLACK,
    ink_soft=WHITE,
    edge=WHITE,
    line=colour("#B8B8B8"),
    quiet=colour("#2B2B2B"),
    pressed=colour("#333333"),
    act_pressed=WHITE,
    tones={
        Tone.CALM: _tone("#FFFFFF", "#000000", "#2B2B2B"),
        Tone.ACT: _tone("#9CCBFF", "#000000", "#0A2038"),
        Tone.DONE: _tone("#7CF2A8", "#000000", "#0A2A18"),
        Tone.WAITING: _tone("#FFD24A", "#000000", "#332700"),
        Tone.FAILED: _tone("#FFA79D", "#000000", "#3A0D09"),
    },
)
"""For the access mode: everything 7:1 and more."""


@dataclass(frozen=True)
class SiteLook:
    """What a site sets about its look."""

    accent: Colour | None = None
    """Its colour for what can be done; None for the usual blue."""
    logo: Path | None = None
    """A picture that stands where the location's name would."""
    is_night: Callable[[], bool] = lambda: False
    """Whether the dark palette is wanted now."""
    moves: bool = True
    """Whether anything on the screens moves by itself; in the access mode nothing does."""
    saver_after_s: float = 180.0
    """How long nobody must have touched the first screen before it goes dark."""

    def palette(self, *, is_access: bool) -> Palette:
        """The colours for this moment."""
        if is_access:
            return HIGH_CONTRAST
        usual = NIGHT if self.is_night() else LIGHT
        return usual if self.accent is None else usual.with_accent(self.accent)


@dataclass(frozen=True, slots=True)
class Theme:
    """The tokens in pixels, for one panel, one language, one palette; large in the access mode.

    A screen is made with a theme and never changes it: another language, palette or mode makes the
    screen again.
    """

    panel: Panel
    speech: Speech = ENGLISH
    colours: Palette = LIGHT
    is_access: bool = False
    """Large text, and what can be touched in the lower part of the panel."""
    moves: bool = True
    """Whether anything on the screens moves by itself."""
    same_key_s: float = KEY_BOUNCE_S
    """So soon after a key on the panel the same one is one touch with it."""

    def tone(self, tone: Tone) -> ToneColours:
        """The colours of a tone."""
        return self.colours.tones[tone]

    def edge_around(self, fill: Colour) -> Colour:
        """The edge of a thing that can be touched: its own colour, unless that does not stand out
        from the ground."""
        is_seen = contrast(fill, self.colours.ground) >= CONTROL_CONTRAST
        return fill if is_seen else self.tone(Tone.ACT).strong_ink

    def capital_mm(self, step: str) -> float:
        """The height of capitals of this step; those that are huge already stay so."""
        least = CAPITALS_MM["text"] * LARGE_TEXT
        usual = CAPITALS_MM[step]
        if not self.is_access or step == "huge":
            return usual
        if step == "text":
            return least
        if step == "large":
            return usual * _LARGE_ON_TALL if self.is_tall else usual
        return usual * (LARGER_TEXT if self.is_tall else LARGE_TEXT)

    @property
    def is_rtl(self) -> bool:
        """Whether the screens are mirrored."""
        return self.speech.is_rtl

    @property
    def large(self) -> float:
        """How much larger than usual what carries a word must be."""
        return LARGE_TEXT if self.is_access else 1.0

    def mm(self, millimetres: float) -> float:
        """Millimetres in whole pixels; edges on whole pixels are sharp."""
        return float(round(millimetres * self.panel.px_per_mm))

    def space(self, units: int) -> float:
        """A step of the spacing scale in pixels."""
        return self.mm(units * SPACING_UNIT_MM)

    def font(self, step: str) -> float:
        """The font size in pixels that gives capitals the height of this step."""
        return round(self.capital_mm(step) / CAPITAL_PER_EM * self.panel.px_per_mm)

    @property
    def is_portrait(self) -> bool:
        return self.panel.is_portrait

    @property
    def is_small(self) -> bool:
        """Whether the panel is so low that its capitals and gaps must be the smaller ones."""
        return min(self.panel.width_mm, self.panel.height_mm) < 110

    @property
    def is_cramped(self) -> bool:
        """Large text on the smallest panel: what does not have to be there is left out."""
        return self.is_small and self.is_access

    @property
    def margin(self) -> float:
        """The empty border at the left and right."""
        return self.space(24 if self.is_small else 64 if self.is_tall else 48)

    @property
    def margin_vertical(self) -> float:
        """The empty border at the top and bottom; on a low panel it leaves room for four keys."""
        return self.space(16 if self.is_small else 64 if self.is_tall else 48)

    @property
    def is_tall(self) -> bool:
        """Whether it is a large upright panel: there is room for larger things, not for more."""
        return self.is_portrait and self.panel.width_mm >= 180

    @property
    def gap(self) -> float:
        return self.space(16 if self.is_small else 24)

    @property
    def button_height(self) -> float:
        return self.mm(13 if self.is_small else 20 if self.is_tall else BUTTON_MM)

    @property
    def button_steps(self) -> tuple[str, ...]:
        """The type on buttons, the largest that fits."""
        return ("lead", "text") if self.is_tall else ("text",)

    @property
    def least_button_width(self) -> float:
        """Narrower than this, buttons go into another row."""
        return self.mm(33 if self.is_small else 40)

    @property
    def line_height(self) -> float:
        """The distance of lines, as a part of the font's own."""
        return 0.94 if self.is_small else 1.02

    @property
    def radius(self) -> float:
        return self.space(16)

    @property
    def hairline(self) -> float:
        """The width of an edge, at least a pixel and a half so that it stays visible."""
        return max(1.2, 0.35 * self.panel.px_per_mm)

    @property
    def title_step(self) -> str:
        """How large titles are on this panel: a title is one or two lines."""
        if self.is_small:
            return "lead"
        return "large" if self.is_tall else "title"

    @property
    def body_step(self) -> str:
        if not self.is_tall:
            return "text"
        return "title" if self.panel.width_mm >= 230 else "lead"
