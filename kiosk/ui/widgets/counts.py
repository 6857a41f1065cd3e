"""How far a courier's run is, and how many doors of each size are free, in one line each."""

from __future__ import annotations

from collections.abc import Sequence

from kivy.graphics import Color, RoundedRectangle
from kivy.uix.widget import Widget

from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.buttons import Card, mirror
from kiosk.ui.widgets.text import Icon, Words


class RunBar(Card):
    """How many are in, in words, and under them as a bar that fills."""

    is_brief = False
    """Without the bar, where the panel is low."""
    _pad = 0.0

    def __init__(self, theme: Theme, text: str, short: str, share: float | None) -> None:
        """`short` stands where the text has no room in one line."""
        super().__init__(theme, fill=theme.colours.surface, edge=theme.colours.line)
        self._said, self._short, self.share = text, short, share
        self.words = Words(theme, text=text, bold_face=True)
        self.bar = Widget()
        for part in (self.words, self.bar):
            self.add_widget(part)

    def fit(self, width: float) -> None:
        """Become this wide and as high as it needs."""
        theme = self.theme
        steps: tuple[str, ...] = (
            ("title", "lead", "text") if theme.is_portrait else ("lead", "text")
        )
        steps = steps[-1:] if self.is_brief else steps
        self.words.text = self._said
        if not self.words.fit(width - 2 * theme.gap, steps=steps, lines=1):
            self.words.text = self._short
            self.words.fit(width - 2 * theme.gap, steps=steps, lines=1)
        bar = self._bar_height() + 0.3 * theme.gap if self._has_bar else 0.0
        self._pad = theme.gap * (0.2 if self.is_brief else 0.4)
        self.size = (width, self.words.height + bar + 2 * self._pad)
        self.arrange()

    @property
    def _has_bar(self) -> bool:
        return self.share is not None and not self.is_brief

    def _bar_height(self) -> float:
        return self.theme.mm(1.5 if self.theme.is_small else 2.5)

    def lay_out(self) -> None:
        theme = self.theme
        y = self.top - self._pad - self.words.height
        self.words.pos = (self.x + theme.gap, y)
        self.bar.canvas.clear()
        if not self._has_bar:
            return
        self.bar.size = (self.width - 2 * theme.gap, self._bar_height())
        self.bar.pos = (self.x + theme.gap, self.y + 0.45 * theme.gap)
        self._fill()

    def _fill(self) -> None:
        """The part that is in, in the colour of what is done; from where reading begins."""
        bar, radius = self.bar, self.bar.height / 2
        done = bar.width * min(1.0, self.share or 0.0)
        x = bar.right - done if self.theme.is_rtl else bar.x
        with bar.canvas:
            Color(*self.theme.colours.edge)
            RoundedRectangle(pos=bar.pos, size=bar.size, radius=[radius])
            if done >= bar.height:
                Color(*self.theme.tone(Tone.DONE).strong)
                RoundedRectangle(pos=(x, bar.y), size=(done, bar.height), radius=[radius])


class FreeStrip(Widget):
    """The free doors of each size beside each other; where there are none, an icon says so too."""

    def __init__(self, theme: Theme, text: str, free: Sequence[tuple[str, int]]) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self.label = Words(theme, text=text, ink=theme.colours.ink_soft)
        self.add_widget(self.label)
        self.parts: list[tuple[Words, Icon, Words]] = []
        for size, count in free:
            ink = theme.colours.ink if count else theme.tone(Tone.FAILED).strong_ink
            name = Words(theme, text=size, bold_face=True)
            icon = Icon(theme, "" if count else "circle-slash", theme.font("text"), ink=ink)
            number = Words(theme, text=theme.speech.number(count), ink=ink)
            self.parts.append((name, icon, number))
            for part in (name, icon, number):
                self.add_widget(part)
        self.bind(pos=self._place, size=self._place)

    def fit(self, width: float) -> None:
        """Become as wide as what it says and one line high, in this room at most."""
        step = "lead" if self.theme.is_tall else "text"
        self.label.fit_line((step,))
        for name, icon, number in self.parts:
            name.fit_line((step,))
            number.fit_line((step,))
            icon.font_size = self.theme.font(step)
        for far, near in ((0.9, 0.35), (0.6, 0.25), (0.3, 0.15)):
            self._far, self._near = far * self.theme.gap, near * self.theme.gap
            self.label.opacity = 1
            if self._width() <= width:
                break
        else:
            self.label.opacity = 0  # the names of the sizes say what is counted
            if self._width() > width:
                for _, icon, _ in self.parts:
                    icon.text = ""  # and a nought says that there is none
        self.size = (min(width, self._width()), self.label.height)
        self._place()

    def _width(self) -> float:
        sizes = sum(
            name.width + number.width + self._near + (icon.width + self._near) * bool(icon.text)
            for name, icon, number in self.parts
        )
        label = (self.label.width + self._far) * self.label.opacity
        return float(label + sizes + self._far * max(0, len(self.parts) - 1))

    _far = _near = 0.0

    def _place(self, *_: object) -> None:
        x = self.x
        if self.label.opacity:
            self.label.pos = (x, self.y)
            x += self.label.width + self._far
        for name, icon, number in self.parts:
            name.pos = (round(x), self.y)
            x += name.width + self._near
            if icon.text:
                icon.pos = (round(x), self.center_y - icon.height / 2)
                x += icon.width + self._near
            number.pos = (round(x), self.y)
            x += number.width + self._far
        if self.theme.is_rtl:
            mirror(self)
