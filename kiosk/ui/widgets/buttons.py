"""Cards: the rounded rectangles that carry things, and those of them that can be pressed."""

from __future__ import annotations

from collections.abc import Callable

from kivy.graphics import Color, SmoothLine, SmoothRoundedRectangle
from kivy.input.motionevent import MotionEvent
from kivy.properties import BooleanProperty, ColorProperty, NumericProperty
from kivy.uix.widget import Widget

from kiosk.flows.views.choices import Choice
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.text import LINES_MEET, NO_RULES, Icon, Words, line_count


def mirror(whole: Widget) -> None:
    """Turn the parts of a widget over, so that what was laid out at the left is at the right."""
    for part in whole.children:
        # Not `x` alone: who hears of that still sees the middle where it was.
        part.pos = (whole.x + whole.right - part.right, part.y)


_CLEAR = (0, 0, 0, 0)
_TOO_WIDE = 99
"""See `line_count`."""


class Card(Widget):
    """A rounded rectangle with an edge."""

    fill = ColorProperty()
    edge = ColorProperty()
    edge_width = NumericProperty(0)
    corner = NumericProperty(8)

    def __init__(self, theme: Theme, **properties: object) -> None:
        self.theme = theme
        properties.setdefault("fill", theme.colours.surface)
        properties.setdefault("edge", theme.colours.surface)
        properties.setdefault("corner", theme.radius)
        properties.setdefault("edge_width", theme.hairline)
        super().__init__(size_hint=(None, None), **properties, **NO_RULES)
        with self.canvas.before:
            self._edge_colour = Color(*self.edge)
            self._edge_box = SmoothRoundedRectangle()
            self._fill_colour = Color(*self.fill)
            self._fill_box = SmoothRoundedRectangle()
        for name in ("pos", "size", "corner", "edge_width"):
            self.fbind(name, self._take_shape)
        self.bind(fill=self._take_colours, edge=self._take_colours)
        self._take_shape()
        self.bind(pos=self._place, size=self._place)

    def _take_colours(self, *_: object) -> None:
        self._edge_colour.rgba = self.edge
        self._fill_colour.rgba = self.fill

    def _take_shape(self, *_: object) -> None:
        (left, bottom), (width, height), line = self.pos, self.size, self.edge_width
        self._edge_box.pos, self._edge_box.size = (left, bottom), (width, height)
        self._edge_box.radius = [self.corner]
        self._fill_box.pos = (left + line, bottom + line)
        self._fill_box.size = (width - 2 * line, height - 2 * line)
        self._fill_box.radius = [max(1, self.corner - line)]

    def _place(self, *_: object) -> None:
        self.arrange()

    def arrange(self) -> None:
        """Put the content in its place; done whenever the card moves or grows."""
        self.lay_out()
        if self.theme.is_rtl:
            mirror(self)

    def lay_out(self) -> None:
        """Put the content in its place, as it is read from left to right."""


class Pressable(Card):
    """A card that does something when it is pressed.

    It looks pressed as soon as it is touched. It acts when the finger leaves it while still on
    it, so that a wrong touch can slide away; with `on_down` it acts at the touch itself.
    """

    pressed = BooleanProperty(False)

    def __init__(
        self,
        theme: Theme,
        action: Callable[[], None],
        *,
        on_down: bool = False,
        **properties: object,
    ) -> None:
        super().__init__(theme, **properties)
        self.action = action
        self.on_down = on_down
        self.bind(pressed=self._look, disabled=self._look)

    @property
    def spoken(self) -> str:
        """What is said of it when a keypad comes to it: all its words."""
        words = [part.text for part in self.children[::-1] if isinstance(part, Words)]
        return ". ".join(text for text in words if text)

    def _look(self, *_: object) -> None:
        self.restyle()

    def restyle(self) -> None:
        """Show whether it is pressed or switched off."""

    def on_touch_down(self, touch: MotionEvent) -> bool:
        if not self.collide_point(*touch.pos):
            return False
        if self.disabled:
            return True
        touch.grab(self)
        self.pressed = True
        if self.on_down:
            self.action()
        return True

    def on_touch_up(self, touch: MotionEvent) -> bool:
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        self.pressed = False
        if not self.on_down and not self.disabled and self.collide_point(*touch.pos):
            self.action()
        return True


class WordButton(Pressable):
    """A word, with an icon where there is room for both."""

    def __init__(
        self,
        theme: Theme,
        text: str,
        icon: str,
        action: Callable[[], None],
        *,
        tone: Tone = Tone.CALM,
        plain: bool = False,
        choice: Choice | None = None,
    ) -> None:
        super().__init__(theme, action)
        self.tone = tone
        self.plain = plain
        self.choice = choice
        """What is pressed with it, where that is a choice of the view."""
        self.may_be_bare = False
        """Whether its icon says enough where there is little room."""
        self.is_bare = False
        steps = ("text",) if plain else theme.button_steps
        self.words = Words(theme, text=text, bold_face=True, halign="center", valign="middle")
        self.icon = Icon(theme, icon, theme.font(steps[0]) * 1.15)
        self.add_widget(self.icon)
        self.add_widget(self.words)
        self.steps = steps
        # Measured once: asking for it later must not disturb how the word stands.
        self.words.fit_line(steps[-1:])
        self._widths, self._space = self.words.word_widths()
        self._line_distance = self.words.line_distance()
        self._letters = self.words.height - 2 * LINES_MEET * self.words.font_size
        self._letters_per_em = self._letters / self.words.font_size
        # In the access mode it is larger where the button happens to have the room.
        self.words.fit_line(steps[-1:] if theme.is_access else steps)
        self._line_width = float(self.words.width)
        self.restyle()

    def restyle(self) -> None:
        colours, act = self.theme.colours, self.theme.tone(Tone.ACT)
        if self.disabled:
            fill, edge, ink = colours.quiet, colours.quiet, colours.ink_soft
        elif self.tone is Tone.ACT:
            fill = colours.act_pressed if self.pressed else act.strong
            edge, ink = self.theme.edge_around(fill), act.on_strong
        else:
            usual = _CLEAR if self.plain else colours.surface
            fill = colours.pressed if self.pressed else usual
            edge, ink = (fill if self.plain else colours.edge), colours.ink
        self.fill, self.edge = fill, edge
        self.words.ink = self.icon.ink = ink

    def two_lines_width(self) -> float:
        """The width at which it stands in two lines of the smallest type, without the icon."""
        widths, gaps = self._widths, self._space
        halves = ((widths[:count], widths[count:]) for count in range(1, len(widths) + 1))
        both = (max(sum(part) + gaps * max(0, len(part) - 1) for part in two) for two in halves)
        return min(both, default=0.0) + self.theme.gap

    def least_height(self) -> float:
        """The height of its letters in one line of the smallest type; some scripts are high."""
        return float(self._letters)

    def height_at(self, width: float) -> float:
        """The height that its letters need at this width in the smallest type, in as many lines as
        it takes."""
        lines = line_count(self._widths, self._space, width - self.theme.gap / 2)
        if lines > _TOO_WIDE:
            lines += 1 - _TOO_WIDE  # one more for what the hyphen takes
        return float(self._letters + (lines - 1) * self._line_distance)

    def _steps_in_height(self) -> tuple[str, ...]:
        """The type whose letters have room in this height; the smallest, where none has."""
        font, per_em = self.theme.font, self._letters_per_em
        fits = tuple(each for each in self.steps if font(each) * per_em <= self.height)
        return fits or self.steps[-1:]

    def natural_width(self) -> float:
        """The width at which icon and word stand in one line."""
        if self.is_bare:
            return float(self.icon.width + 1.2 * self.theme.gap)
        return float(self.icon.width + 2 * self.theme.gap + self._line_width)

    def least_width(self) -> float:
        """The width at which the word stands in one line, without the icon."""
        return self._line_width + self.theme.gap

    def lay_out(self) -> None:
        self.words.opacity = 0 if self.is_bare else 1
        if self.is_bare:
            self.icon.opacity = 1
            self.words.size = (0, 0)
            self.icon.center = self.words.center = self.center
            return
        between = self.theme.gap * 0.6
        room = self.width - self.theme.gap / 2
        steps = self._steps_in_height()
        if not self.words.fit_line(steps, room):
            self.words.fit(room, self.height, steps)
        whole = self.icon.width + between + max(self._line_width, self.words.width)
        has_room = whole <= self.width - self.theme.gap and self.icon.height <= self.height
        with_icon = bool(self.icon.text) and has_room
        self.icon.opacity = 1 if with_icon else 0
        left = self.center_x - (whole if with_icon else self.words.width) / 2
        if with_icon:
            self.icon.pos = (left, self.center_y - self.icon.height / 2)
            left += self.icon.width + between
        self.words.pos = (round(left), round(self.center_y - self.words.height / 2))


class Banner(Card):
    """A remark in the tone of its meaning: icon and text on a soft ground."""

    def __init__(self, theme: Theme, text: str, icon: str, tone: Tone) -> None:
        colours = theme.tone(tone)
        # The edge keeps it apart where it stands on a field of the same colour.
        edge = colours.soft if tone is Tone.CALM else colours.strong
        super().__init__(theme, fill=colours.soft, edge=edge)
        self.tone = tone
        ink = colours.strong_ink
        self.icon = Icon(theme, icon, theme.font("text") * 1.15, ink=ink)
        self.words = Words(theme, text=text, ink=theme.colours.ink, halign="left")
        self.add_widget(self.icon)
        self.add_widget(self.words)

    def fit(self, width: float, steps: tuple[str, ...] = ("text",)) -> None:
        """Become as wide as the text needs, at most this, and as high as its lines."""
        pad = self.theme.gap
        self.icon.font_size = round(self.theme.font(steps[0]) * 1.15)
        beside = self.icon.width + 2.6 * pad
        if not self.words.fit_line(steps, width - beside):
            self.words.fit(width - beside, steps=steps, is_even=True)
        height = max(self.words.height, self.icon.height) + 1.2 * pad
        self.size = (self.words.width + beside, height)
        self.arrange()

    def lay_out(self) -> None:
        pad = self.theme.gap
        self.icon.pos = (self.x + pad, self.center_y - self.icon.height / 2)
        self.words.pos = (self.icon.right + 0.6 * pad, self.center_y - self.words.height / 2)


class Badge(Card):
    """A round mark with an icon: the picture of a whole screen. Around it runs down how long the
    screen has, where it ends by itself."""

    def __init__(self, theme: Theme, icon: str, tone: Tone, diameter: float) -> None:
        colours = theme.tone(tone)
        super().__init__(
            theme,
            fill=colours.strong,
            edge=colours.strong,
            corner=diameter / 2,
            size=(diameter, diameter),
        )
        self.tone = tone
        self.left: float | None = None
        """The part of the time that is left, 1 to 0; None where nothing runs down."""
        self._ring: tuple[SmoothLine, SmoothLine] | None = None
        self.icon = Icon(theme, icon, diameter * 0.52, ink=colours.on_strong)
        self.add_widget(self.icon)

    def run_down(self, left: float) -> None:
        """This part of the time is left, 1 to 0."""
        self.left = left
        if self._ring is None:
            width = max(2.0, self.theme.mm(1.2))
            with self.canvas.after:
                Color(*self.theme.colours.line)
                track = SmoothLine(width=width)
                Color(*self.theme.tone(self.tone).strong_ink)
                self._ring = track, SmoothLine(width=width, cap="none")
        self.arrange()

    def lay_out(self) -> None:
        self.icon.center = self.center
        if self._ring is None or self.left is None:
            return
        track, arc = self._ring
        radius = self.width / 2 + 2 * track.width
        track.circle = (*self.center, radius, 0, 360)
        arc.circle = (*self.center, radius, 0, 360 * self.left)


class NumberSign(Card):
    """A door's number, huge, with the arrow that points to it."""

    def __init__(self, theme: Theme, text: str, arrow: str, tone: Tone) -> None:
        colours = theme.tone(tone)
        self._pad = theme.space(32)
        super().__init__(theme, fill=colours.strong, edge=colours.strong)
        size = theme.font("large" if theme.is_small else "huge") * (1.5 if theme.is_tall else 1)
        self.words = Words(theme, text=text, bold_face=True, ink=colours.on_strong)
        self.words.font_size = size
        self.words.texture_update()
        self.words.size = self.words.texture_size
        self.arrow = Icon(theme, arrow, size * 0.8, ink=colours.on_strong)
        self.add_widget(self.arrow)
        self.add_widget(self.words)
        pad = self._pad
        self.height = size * 1.3
        self.width = self.words.width + self.arrow.width + 2.8 * pad

    def lay_out(self) -> None:
        self.words.pos = (self.x + self._pad, self.center_y - self.words.height / 2)
        self.arrow.pos = (
            self.words.right + 0.8 * self._pad,
            self.center_y - self.arrow.height / 2,
        )
