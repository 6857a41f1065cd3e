"""The look of the simulator's window: colours, fonts, icons, and the plain parts made of them.

The bank is steel and so grey; blue is what can be pressed; red, amber and green are states, and
each of them comes with an icon or a word.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from importlib import resources

from kivy.core.text import Label as CoreLabel
from kivy.core.text import LabelBase
from kivy.graphics import Color, SmoothRoundedRectangle
from kivy.graphics.texture import Texture
from kivy.input.motionevent import MotionEvent
from kivy.uix.label import Label
from kivy.uix.widget import Widget

from drivers.simulator.window_layout import Box

Colour = tuple[float, float, float, float]


def colour(code: str, alpha: float = 1.0) -> Colour:
    """`#RRGGBB` as Kivy wants it."""
    red, green, blue = (int(code[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return (red, green, blue, alpha)


GROUND = colour("#E9EBEC")
SURFACE = colour("#FFFFFF")
INK = colour("#15202B")
INK_SOFT = colour("#4A5661")
LINE = colour("#C6CCD1")
EDGE = colour("#7F8A94")
ACT = colour("#0B4EA8")
ACT_SOFT = colour("#E2ECFA")
DONE = colour("#0B6238")
WAITING = colour("#FFBE3D")
WAITING_SOFT = colour("#FFF0D0")
FAILED = colour("#A31D17")
FAILED_SOFT = colour("#FBE5E2")
WHITE = colour("#FFFFFF")
CLEAR = colour("#FFFFFF", 0.0)

ROW_GLYPHS = {
    "cable": "\ue37f",
    "cable-out": "\ue45d",
    "check": "\ue06c",
    "cloud": "\ue088",
    "cloud-off": "\ue08d",
    "courier": "\ue194",
    "hand": "\ue1d7",
    "info": "\ue0f9",
    "kiosk": "\ue11d",
    "lock": "\ue10b",
    "power": "\ue140",
    "package": "\ue129",
    "phone": "\ue133",
    "scan": "\ue258",
    "label": "\ue535",
    "technician": "\ue1b1",
    "trouble": "\ue193",
    "door": "\ue3d5",
    "door-open": "\ue3d6",
}
"""The icons by what they mean here: glyphs of the subset of Lucide in `assets/fonts`."""

_FONTS = {
    "Plain": "atkinson-hyperlegible-regular.ttf",
    "Bold": "atkinson-hyperlegible-bold.ttf",
    "Icons": "lucide-subset.ttf",
}
_open_files = ExitStack()


def load_fonts() -> None:
    """Register the fonts; once per process."""
    folder = resources.files("assets") / "fonts"
    for name, file_name in _FONTS.items():
        path = _open_files.enter_context(resources.as_file(folder / file_name))
        LabelBase.register(name, str(path))


SHADES = 32


def shades(top: str, bottom: str) -> Texture:
    """A texture that goes from one colour at the top to another at the bottom."""
    texture = Texture.create(size=(1, SHADES), colorfmt="rgba")
    low, high = colour(bottom), colour(top)
    pixels = [
        round(255 * (low[part] + (high[part] - low[part]) * step / (SHADES - 1)))
        for step in range(SHADES)
        for part in range(4)
    ]
    texture.blit_buffer(bytes(pixels), colorfmt="rgba", bufferfmt="ubyte")
    texture.wrap = "clamp_to_edge"
    texture.mag_filter = texture.min_filter = "linear"
    return texture


def grey_texture(rows: list[list[bool]]) -> Texture:
    """A picture of dark and light modules, from the top, that stays sharp when it grows."""
    width, height = len(rows[0]), len(rows)
    texture = Texture.create(size=(width, height), colorfmt="luminance")
    pixels = bytes(0 if dark else 255 for row in reversed(rows) for dark in row)
    texture.blit_buffer(pixels, colorfmt="luminance", bufferfmt="ubyte")
    texture.mag_filter = texture.min_filter = "nearest"
    return texture


LEAST_TEXT_PX = 10
"""Smaller letters nobody reads."""


class Words(Label):
    """A text in a box: one line, or several with `wraps`. What does not fit is written smaller, and
    one line that does not fit even so is cut with dots (at its left with `keeps_end`)."""

    def __init__(
        self,
        text: str = "",
        size: float = 14,
        *,
        ink: Colour = INK,
        bold: bool = False,
        halign: str = "left",
        valign: str = "middle",
        wraps: bool = False,
        keeps_end: bool = False,
    ) -> None:
        super().__init__(
            text=text,
            font_name="Bold" if bold else "Plain",
            font_size=size,
            color=ink,
            halign=halign,
            valign=valign,
            shorten=not wraps,
            shorten_from="left" if keeps_end else "right",
            size_hint=(None, None),
        )
        self._wanted_size, self._wraps = size, wraps
        self.bind(size=self._fit, text=self._fit, font_name=self._fit)

    def _fit(self, *_: object) -> None:
        self.text_size = self.size
        if self.width <= 0 or self.height <= 0:
            return
        size = self._wanted_size
        while size > LEAST_TEXT_PX and not self.fits(size):
            size -= 1
        self.font_size = size

    def fits(self, size: float) -> bool:
        """Whether all of the text is to be seen when its letters are so large."""
        room = self.width if self._wraps else None
        label = CoreLabel(
            text=self.text, font_name=self.font_name, font_size=size, text_size=(room, None)
        )
        label.refresh()
        width, height = label.content_size
        return width <= self.width + 0.5 and (not self._wraps or height <= self.height + 0.5)

    def resize(self, size: float) -> None:
        """Have the letters this large, where there is room."""
        self._wanted_size = size
        self._fit()

    def put(self, box: Box) -> None:
        """Take this place."""
        self.pos, self.size = box.pos, box.size


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How wide one line of text is, in pixels."""
    label = Label(text=text, font_name="Bold" if bold else "Plain", font_size=size)
    label.texture_update()
    return float(label.texture_size[0])


class Glyph(Label):
    """One icon in the middle of a box."""

    def __init__(self, name: str, size: float = 18, ink: Colour = INK) -> None:
        super().__init__(
            text=ROW_GLYPHS[name],
            font_name="Icons",
            font_size=size,
            color=ink,
            size_hint=(None, None),
        )

    def show(self, name: str, ink: Colour) -> None:
        """Become another icon."""
        self.text, self.color = ROW_GLYPHS[name], ink

    def put(self, box: Box) -> None:
        """Take this place."""
        self.pos, self.size = box.pos, box.size


class Surface(Widget):
    """A rounded rectangle with an edge, which carries other things."""

    def __init__(
        self,
        fill: Colour = SURFACE,
        edge: Colour = LINE,
        corner: float = 8,
        edge_width: float = 1,
    ) -> None:
        super().__init__(size_hint=(None, None))
        self._edge_width = edge_width
        with self.canvas.before:
            self._edge_ink = Color(*edge)
            self._outer = SmoothRoundedRectangle(radius=[corner])
            self._fill_ink = Color(*fill)
            self._inner = SmoothRoundedRectangle(radius=[max(corner - edge_width, 0)])
        self.bind(pos=self._place, size=self._place)

    @property
    def box(self) -> Box:
        return Box(self.x, self.y, self.width, self.height)

    def put(self, box: Box) -> None:
        """Take this place."""
        self.pos, self.size = box.pos, box.size

    def paint(self, fill: Colour, edge: Colour) -> None:
        """Change the colours."""
        self._fill_ink.rgba, self._edge_ink.rgba = fill, edge

    def arrange(self) -> None:
        """Put what it carries in its place; called whenever it moves or grows."""

    def _place(self, *_: object) -> None:
        width = self._edge_width
        self._outer.pos, self._outer.size = self.pos, self.size
        self._inner.pos = (self.x + width, self.y + width)
        self._inner.size = (max(self.width - 2 * width, 0), max(self.height - 2 * width, 0))
        self.arrange()


class Touchable(Surface):
    """A surface that does something when it is touched and let go on it."""

    def __init__(
        self,
        action: Callable[[], None],
        *,
        fill: Colour = SURFACE,
        edge: Colour = EDGE,
        pressed: Colour = ACT_SOFT,
        corner: float = 8,
    ) -> None:
        super().__init__(fill, edge, corner)
        self.action = action
        self._colours = (fill, edge)
        self._pressed = pressed

    def paint(self, fill: Colour, edge: Colour) -> None:
        self._colours = (fill, edge)
        super().paint(fill, edge)

    def on_touch_down(self, touch: MotionEvent) -> bool:
        wheel = "button" in touch.profile and touch.button != "left"
        if wheel or self.disabled or not self.collide_point(*touch.pos):
            return False
        touch.grab(self)
        super().paint(self._pressed, self._colours[1])
        return True

    def on_touch_up(self, touch: MotionEvent) -> bool:
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        super().paint(*self._colours)
        if self.collide_point(*touch.pos):
            self.action()
        return True


class PushButton(Touchable):
    """A touchable with words on it."""

    def __init__(self, text: str, action: Callable[[], None], *, size: float = 14) -> None:
        super().__init__(action, edge=ACT)
        self._font_size = size
        self._words = Words(text, size, ink=ACT, bold=True, halign="center")
        self.add_widget(self._words)

    def say(self, text: str) -> None:
        """Change the words."""
        self._words.text = text

    def arrange(self) -> None:
        self._words.resize(self._font_size if self.width > 108 else self._font_size - 1)
        self._words.put(Box(self.x + 4, self.y, max(self.width - 8, 0), self.height))
