"""The look of the kiosk in one place: colours, type, spacing, corners, motion.

Sizes are millimetres on the glass (see `Panel`), because a finger and an eye have the same size
in front of every screen. The minimums and their sources: ADA 707.7.2 for the height of capitals,
EN 301 549 5.1.4 for large text, Colle and Hiszem 2004 for keys of 20 mm, WCAG 2.5.5 for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.ui.language import ENGLISH, Speech, has_rtl_letters
from kiosk.ui.panel import Panel

Colour = tuple[float, float, float, float]

CAPITAL_PER_EM = 0.668
"""Height of a capital letter in Atkinson Hyperlegible, as a part of its font size."""

CAPITALS_MM = {"text": 4.8, "lead": 6.1, "title": 8.0, "large": 12.0, "huge": 20.0}
"""The five steps of type, by the height of a capital."""


@dataclass(frozen=True, slots=True)
class Typeface:
    """The names of a font as it is registered, and the height of its lines."""

    regular: str
    bold: str
    line_per_em: float
    """The distance of two lines, as a part of the font size."""
    closeness: float
    """By how much lines stand closer than the font says; deep letters seldom meet high ones."""


LATIN = Typeface("Kiosk", "KioskBold", line_per_em=1.24, closeness=1.0)
ARABIC = Typeface("KioskArabic", "KioskArabicBold", line_per_em=1.34, closeness=0.95)
"""The same letters, and those of Arabic, Persian and Urdu beside them."""


def typeface_of(text: str) -> Typeface:
    """The font that has the letters of a text: Kivy looks for a glyph in no other."""
    return ARABIC if has_rtl_letters(text) else LATIN


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
ANSWER_PATIENCE_S = 3.0
"""When nothing answers a press for this long, the screen can be pressed again."""


class Tone(StrEnum):
    """What a colour says. Colour means state and nothing else."""

    CALM = "CALM"
    ACT = "ACT"
    DONE = "DONE"
    WAITING = "WAITING"
    FAILED = "FAILED"


def _colour(code: str) -> Colour:
    red, green, blue = (int(code[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return (red, green, blue, 1.0)


@dataclass(frozen=True, slots=True)
class ToneColours:
    """The three colours of a tone: `strong` carries `on_strong`; `soft` carries ink."""

    strong: Colour
    on_strong: Colour
    soft: Colour


GROUND = _colour("#F4F3EF")
SURFACE = _colour("#FFFFFF")
INK = _colour("#15202B")
INK_SOFT = _colour("#46525E")
EDGE = _colour("#7F8A94")
"""Around things that can be touched: 3:1 on the ground (WCAG 1.4.11)."""
LINE = _colour("#D5D8D8")
QUIET = _colour("#E6E6E1")
"""Doors and cells that are not meant now."""
PRESSED = _colour("#DCE6F7")
WHITE = _colour("#FFFFFF")

TONES = {
    Tone.CALM: ToneColours(_colour("#46525E"), WHITE, _colour("#E6E6E1")),
    Tone.ACT: ToneColours(_colour("#0B4EA8"), WHITE, _colour("#E2ECFA")),
    Tone.DONE: ToneColours(_colour("#0B6238"), WHITE, _colour("#DDF0E4")),
    Tone.WAITING: ToneColours(_colour("#FFBE3D"), INK, _colour("#FFF0D0")),
    Tone.FAILED: ToneColours(_colour("#A31D17"), WHITE, _colour("#FBE5E2")),
}
ACT_PRESSED = _colour("#083A7E")


@dataclass(frozen=True, slots=True)
class Theme:
    """The tokens in pixels, for one panel and one language."""

    panel: Panel
    speech: Speech = ENGLISH

    @property
    def is_rtl(self) -> bool:
        """Whether the screens are mirrored."""
        return self.speech.is_rtl

    def mm(self, millimetres: float) -> float:
        """Millimetres in whole pixels; edges on whole pixels are sharp."""
        return float(round(millimetres * self.panel.px_per_mm))

    def space(self, units: int) -> float:
        """A step of the spacing scale in pixels."""
        return self.mm(units * SPACING_UNIT_MM)

    def font(self, step: str) -> float:
        """The font size in pixels that gives capitals the height of this step."""
        return round(CAPITALS_MM[step] / CAPITAL_PER_EM * self.panel.px_per_mm)

    @property
    def is_portrait(self) -> bool:
        return self.panel.is_portrait

    @property
    def is_small(self) -> bool:
        """Whether the panel is so low that its capitals and gaps must be the smaller ones."""
        return min(self.panel.width_mm, self.panel.height_mm) < 110

    @property
    def margin(self) -> float:
        """The empty border at the left and right."""
        return self.space(24 if self.is_small else 48)

    @property
    def margin_vertical(self) -> float:
        """The empty border at the top and bottom; on low glass it leaves room for four keys."""
        return self.space(16 if self.is_small else 48)

    @property
    def gap(self) -> float:
        return self.space(16 if self.is_small else 24)

    @property
    def button_height(self) -> float:
        return self.mm(13 if self.is_small else BUTTON_MM)

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
        """How large titles are on this glass: a title is one or two lines."""
        if self.is_small:
            return "lead"
        return "large" if self.is_portrait and self.panel.width_mm >= 230 else "title"

    @property
    def body_step(self) -> str:
        return "lead" if self.title_step == "large" else "text"
