"""The fixed frame of every screen: where the name, the words, the figure and the buttons stand.

Above, on a calm field in the colour of its meaning: where I am, the tools, the words. Below, on the
ground: what can be touched, with leaving at the left and the main choice at the right.
"""

from __future__ import annotations

from kivy.graphics import Color, Rectangle, SmoothRoundedRectangle
from kivy.uix.widget import Widget

from kiosk.model.invariants import present
from kiosk.ui.screens.actions import (
    LEAVING,
    MANY_IN_A_COLUMN,
    in_reading_order,
    place_in_rows,
    size_in_a_column,
)
from kiosk.ui.screens.turning import Area, Turner, Turning
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.buttons import Banner, WordButton, mirror
from kiosk.ui.widgets.text import Words

_MOST_FOR_ROWS = 0.55
"""Of the height, for rows of actions under large text on a low panel."""
_LEAST_BESIDE_COLUMN = 0.42
"""Where a column of buttons leaves less of the width than this, words beside it cannot be read."""
_NO_FIGURE = "a figure that is not there is not placed"
_OVER_PX = 2
_NARROW_SHARE = 0.34
"""Of the width, for a figure that yields to the words beside it."""
_LEAST_LINES = 3
"""With less room than this nobody reads on and on."""
_TITLE_LINES = 2.6
"""A title with more lines than this takes smaller type."""
_SIZES = ("large", "title", "lead", "text")
_STEPS = (
    *(("large", "title"), ("large", "lead"), ("title", "lead"), ("title", "text")),
    *(("lead", "text"), ("text", "text")),
)
"""The type of title and body, from large to small."""


class Frame(Widget):
    """Lays the parts of a screen out; `Page` says what the parts are.

    Portrait: everything under each other, centred, the figure low where a hand reaches it.
    Landscape: words left, figure right. It is laid out as it is read from left to right, and turned
    over as a whole for a language that is read the other way.
    """

    figure_beside_actions = False
    """In landscape the figure takes the full height, and the actions stay under the words."""
    figure_share = 0.5
    """The part of the width that the figure takes in landscape."""
    figure_share_stacked = 0.62
    """The part of the height that the figure takes, if it wants it, before the words."""
    is_compact = False
    """In landscape the row with the name is left out, so that the figure has its height."""
    keeps_name = False
    """The name stands in the top row even where there is little room."""
    name_steps: tuple[str, ...] = ("text",)
    """The type of the location's name in the top row."""
    figure_least_mm = 0.0
    """The height that the figure keeps over or under words that need the room."""
    figure_yields = False
    """It becomes so low before the words are turned, page after page."""
    field_may_wait = False
    """The field has a page of its own where the words are turned; what is typed never has."""
    figure_may_wait = False
    """It stands on a page of its own where it leaves no room for words."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.tone = Tone.CALM
        with self.canvas.before:
            Color(*theme.colours.ground)
            self._ground = Rectangle()
            self._hero_colour = Color(*theme.colours.surface)
            self._hero = SmoothRoundedRectangle(size=(0, 0))
        align = "center" if theme.is_portrait else "left"
        self.header = Words(theme, ink=theme.colours.ink_soft)
        self.logo: Widget | None = None
        self.title = Words(theme, bold_face=True, halign=align)
        self.body = Words(theme, ink=theme.colours.ink_soft, halign=align)
        self.note: Banner | None = None
        self.sign: Widget | None = None
        self.field: Widget | None = None
        self.figure: Widget | None = None
        self.buttons: list[WordButton] = []
        self._shows_tools = True
        self._turning = Turning(self)
        self._parted: list[WordButton] = []
        """Actions that have pages of their own."""
        self.tools: list[WordButton] = []
        """Small buttons of the frame: language, access, help; from left to right."""

    # --- for the families ---

    def has_button_column(self) -> bool:
        """Whether the actions stand under each other at the right, in landscape."""
        return False

    def figure_size(self, area: Area) -> tuple[float, float]:
        """How large the figure is in the room it can have."""
        return area.width, area.height

    def measure_field(self, room: Area) -> None:
        """Give the field its size for this width."""

    @property
    def _figure_shares(self) -> tuple[float, float]:
        """The part of the width that the figure takes, and where the words need the room."""
        return self.figure_share, min(self.figure_share, _NARROW_SHARE)

    # --- the whole ---

    def arrange(self, *_: object) -> None:
        """Put every part in its place; done whenever the screen changes."""
        if self.width < 2 or self.height < 2:
            return
        self._turning.tries_narrow_figure = False
        self._arrange_with(shows_tools=True)
        if self._turning.turns_words and self.figure_yields and not self.theme.is_portrait:
            self._turning.tries_narrow_figure = True
            self._arrange_with(shows_tools=True)
        if self.page_count > 1 and self.theme.is_small:
            # The words matter more than the tools, which stand on the screens before and after.
            self._arrange_with(shows_tools=False)
            if self.page_count > 1:
                self._arrange_with(shows_tools=True)

    def _arrange_with(self, *, shows_tools: bool) -> None:
        self._shows_tools = shows_tools
        self._turning.begin()
        self._arrange_once()
        if self._turning.lacks_turner():
            self._turning.begin(keeps_room=True)
            self._arrange_once()
        self._turning.end()
        if self.theme.is_rtl:
            self._mirror()

    @property
    def page_count(self) -> int:
        """How many pages it takes to show all of this; more than one is turned by a button."""
        return self._turning.page_count

    @property
    def turner(self) -> Turner | None:
        """The button that turns the page; None where there is one alone."""
        return self._turning.turner

    def turn_to(self, number: int) -> None:
        """Show this page, from 0."""
        self._turning.number = number
        self.arrange()

    def _arrange_once(self) -> None:
        theme = self.theme
        self._ground.pos, self._ground.size = self.pos, self.size
        self._set_hero(None)
        self._parted = []
        inner = Area(
            self.x + theme.margin,
            self.y + theme.margin_vertical,
            self.width - 2 * theme.margin,
            self.height - 2 * theme.margin_vertical,
        )
        if self.has_button_column() and not theme.is_portrait:
            self._arrange_with_column(inner)
        elif theme.is_portrait or self.figure is None:
            self._arrange_stacked(inner)
        else:
            self._arrange_beside(inner)

    def _mirror(self) -> None:
        mirror(self)
        left = self._hero.pos[0] - self.x
        self._hero.pos = (self.right - left - self._hero.size[0], self._hero.pos[1])
        top_left, top_right, bottom_right, bottom_left = (each[0] for each in self._hero.radius)
        self._hero.radius = [top_right, top_left, bottom_left, bottom_right]

    def _set_hero(self, area: Area | None) -> None:
        """Draw the field behind the words: this area, or none."""
        if area is None:
            self._hero.size = (0, 0)
            return
        colours = self.theme.colours
        calm = self.tone is Tone.CALM
        self._hero_colour.rgba = colours.surface if calm else self.theme.tone(self.tone).soft
        corner = self.theme.space(24)
        # A little over the edges of the panel: its own soft edge would show there as a line.
        over_right = _OVER_PX if area.right >= self.right - 1 else 0
        over_low = _OVER_PX if area.y <= self.y else 0
        self._hero.pos = (round(area.x) - _OVER_PX, round(area.y) - over_low)
        self._hero.size = (
            round(area.width) + _OVER_PX + over_right,
            round(area.height) + _OVER_PX + over_low,
        )
        # It hangs from the top edge of the panel; only its free corners are round.
        right = corner if area.right < self.right - 1 else corner * (area.y > self.y)
        self._hero.radius = [0, 0, right, corner if area.x > self.x else right]

    def _hero_from(self, bottom: float, right: float) -> Area:
        """The field from the top left corner of the panel down to `bottom` and out to `right`."""
        return Area(self.x, bottom, right - self.x, self.top - bottom)

    def _arrange_stacked(self, inner: Area) -> None:
        header_bottom = self._place_header(inner)
        actions_top = self._place_actions(inner)
        gap = self.theme.space(32) if self.theme.is_tall else self.theme.gap
        if self.theme.is_small:
            gap /= 2
        bottom = actions_top + gap if actions_top > inner.y else inner.y
        room = Area(inner.x, bottom, inner.width, header_bottom - bottom)
        if self.figure is not None:
            self._stack(room)
            return
        if actions_top > inner.y:
            self._set_hero(self._hero_from(bottom, self.right))
            room = Area(room.x, room.y + gap, room.width, room.height - gap)
        else:
            self._set_hero(Area(self.x, self.y, self.width, self.height))
        if self.sign is not None and not self.theme.is_portrait:
            self._place_sign_beside(room)
            if not self._turning.turns_words:
                return
            self._turning.drop_pages()
            self.sign.opacity = 0
        self._place_words(room, lift=0.56)

    def _place_sign_beside(self, room: Area) -> None:
        """A low panel: the picture stands left of the words, level with their first line."""
        sign = present(self.sign, "a picture that is not there is not placed")
        left = sign.width + self.theme.space(32)
        beside = Area(room.x + left, room.y, room.width - left, room.height)
        self._place_words(beside, lift=0.55)
        middle = self.title.y + self.title.height / 2
        half = sign.height / 2
        sign.opacity = 1
        sign.pos = (room.x, round(min(middle, room.top - half) - half))

    def _stack(self, room: Area) -> None:
        """The figure low, the words over it in the middle of what is left."""
        theme = self.theme
        figure = present(self.figure, _NO_FIGURE)
        between = theme.space(48 if theme.is_tall else 24) if theme.is_portrait else theme.gap
        words_height = self._words_over_figure(room, 2 * between)
        if self._turning.has_figure_apart:
            self._set_hero(self._hero_from(room.y - theme.gap / 2, self.right))
            self._stand_apart(room)
            return
        left_over = Area(room.x, room.y, room.width, room.height - words_height - 2 * between)
        width, height = self.figure_size(left_over)
        figure.size = (width, height)
        figure.pos = (round(room.x + (room.width - width) / 2), round(room.y))
        bottom = figure.top + between
        self._set_hero(self._hero_from(bottom, self.right))
        above = Area(room.x, bottom + between / 2, room.width, room.top - bottom - between / 2)
        self._place_words(above, lift=0.5)

    def _words_over_figure(self, room: Area, between: float) -> float:
        """The height of the words; where they have no room, the figure yields as far as it can."""
        _, wanted = self.figure_size(room)
        least = min(wanted, self.theme.mm(self.figure_least_mm))
        kept = max(least, min(wanted, room.height * self.figure_share_stacked))
        height = 0.0
        for figure_height in (kept, least) if self.figure_yields else (kept,):
            self._turning.drop_pages()
            words_room = Area(room.x, room.y, room.width, room.height - figure_height - between)
            height = self._block_height(self._measured(words_room))
            if not self._turning.turns_words:
                break
        if self.figure_may_wait and not self._has_room_for_both(room, height, between):
            self._turning.part_figure()
        return height

    def _has_room_for_both(self, room: Area, words_height: float, between: float) -> bool:
        left_over = Area(room.x, room.y, room.width, room.height - words_height - between)
        is_low = words_height < _LEAST_LINES * self.title.line_distance()
        is_turned_in_bits = self._turning.turns_words and is_low
        return not is_turned_in_bits and self.figure_size(left_over)[1] <= left_over.height + 1

    def _arrange_with_column(self, inner: Area) -> None:
        """Words over figure at the left, the actions in a column at the right."""
        theme = self.theme
        order = list(reversed(in_reading_order(self.buttons)))
        # Many buttons stand closer before they become too small for a finger.
        gap = theme.space(12 if len(order) < MANY_IN_A_COLUMN else 7)
        width, height = size_in_a_column(theme, self.buttons, inner, gap)
        has_room = all(button.height_at(width) <= height for button in order)
        if not has_room or inner.width - width < inner.width * _LEAST_BESIDE_COLUMN:
            self._arrange_with_actions_apart(inner)
            return
        y = inner.top - height
        for button in order:
            button.size = (width, round(height))
            button.pos = (inner.x + inner.width - width, round(y))
            y -= height + gap
        # The way back stays where it always is: at the bottom.
        if order and order[-1].choice in LEAVING:
            order[-1].pos = (order[-1].x, inner.y)
        left = Area(inner.x, inner.y, inner.width - width - theme.space(32), inner.height)
        header_bottom = self._place_header(left)
        self._column_stack(Area(left.x, left.y, left.width, header_bottom - left.y))

    def _arrange_with_actions_apart(self, inner: Area) -> None:
        """The main choice and the way out stand below; the others come after the words."""
        kept, others = self._kept_and_others()
        top = self._place_header(inner)
        low = place_in_rows(self.theme, kept, inner)
        low += self.theme.gap if kept else 0.0
        room = Area(inner.x, low, inner.width, top - low)
        self._column_stack(room)
        self._turning.part_actions(others, room)

    def _column_stack(self, room: Area) -> None:
        """Words over figure as one block, set in the middle of the room."""
        figure = present(self.figure, _NO_FIGURE)
        between = self.theme.gap
        words_height = self._words_over_figure(room, between)
        if self._turning.has_figure_apart:
            self._stand_apart(room)
            return
        left_over = Area(room.x, room.y, room.width, room.height - words_height - between)
        width, height = self.figure_size(left_over)
        spare = max(0, room.height - words_height - between - height)
        figure.size = (width, height)
        figure.pos = (room.x + (room.width - width) // 2, round(room.y + spare / 2))
        bottom = figure.top + between
        self._place_words(Area(room.x, bottom, room.width, words_height), lift=0)

    def _stand_apart(self, room: Area) -> None:
        """Words and figure have the same room, one after the other."""
        figure = present(self.figure, _NO_FIGURE)
        self._place_words(room, lift=0.5)
        beside = self._turning.beside_turner(room)
        width, height = self.figure_size(beside)
        figure.size = (width, height)
        middle = (beside.width - width) / 2, (beside.height - height) / 2
        figure.pos = (round(beside.x + middle[0]), round(beside.y + middle[1]))

    def _arrange_beside(self, inner: Area) -> None:
        """Words at the left, the figure at the right; over the actions, or to the full height."""
        theme = self.theme
        figure = present(self.figure, _NO_FIGURE)
        gap = theme.space(16 if theme.is_small else 32)
        buttons = max((button.least_width() for button in self.buttons), default=0.0)
        widest = inner.width - 2 * gap - (buttons if self.figure_beside_actions else 0.0)
        share = self._figure_shares[self._turning.tries_narrow_figure]
        most = Area(inner.x, inner.y, min(widest, inner.width * share), inner.height)
        if not self.figure_beside_actions:
            actions_top = self._place_actions(inner)
            bottom = actions_top + theme.gap if actions_top > inner.y else inner.y
            most = Area(most.x, bottom, most.width, inner.top - bottom)
        width, height = self.figure_size(most)
        left = Area(inner.x, inner.y, inner.width - width - 2 * gap, inner.height)
        if self.figure_beside_actions:
            actions_top = self._place_actions(left)
            bottom = actions_top + theme.gap if actions_top > inner.y else inner.y
        figure.size = (width, height)
        figure.pos = (inner.right - width, round(most.y + (most.height - height) / 2))
        pad = theme.gap / 2 if theme.is_small else theme.gap
        hero_bottom = bottom - theme.gap + pad if actions_top > inner.y else self.y
        self._set_hero(self._hero_from(hero_bottom, left.right + gap))
        header_bottom = self._place_header(left)
        room_bottom = max(hero_bottom + pad, inner.y)
        self._place_words(
            Area(left.x, room_bottom, left.width, header_bottom - room_bottom), lift=0.55
        )

    # --- the rows at the top and at the bottom ---

    def tools_are_low(self) -> bool:
        """Whether the tools stand with the actions: what is touched is then low on the panel."""
        return self.theme.is_access and self.theme.is_portrait

    def _place_header(self, inner: Area) -> float:
        """Put name and tools at the top; return the bottom of that row."""
        theme = self.theme
        has_name = theme.is_portrait or self.keeps_name
        has_name = has_name or not (self.is_compact or theme.is_small)
        tools = [] if self.tools_are_low() else self._shown_tools()
        name = self.logo or self.header
        self.header.opacity = 1 if has_name and self.logo is None else 0
        if self.logo is not None:
            self.logo.opacity = 1 if has_name else 0
        if not has_name and not tools:
            return inner.top
        height = self._tools_height()
        y = inner.top - height
        self.header.fit_line(self.name_steps)
        needed = min(name.width, inner.width * 0.45) + theme.gap if has_name else 0.0
        if theme.is_cramped:
            needed = inner.width
        _shorten(tools, inner.width - needed)
        # A tool's word stands level with the margin, not its invisible edge.
        x = inner.right + theme.gap / 2
        for tool in reversed(tools):
            tool.size = (round(tool.natural_width()), height)
            x -= tool.width
            tool.pos = (round(x), y)
        if has_name:
            self._place_name(name, Area(inner.x, y, x - inner.x - theme.gap, height))
        return y

    def _shown_tools(self) -> list[WordButton]:
        """The tools that have room: where there is little, those that are choices of the view."""
        for tool in self.tools:
            is_shown = self._shows_tools or tool.choice is not None
            tool.opacity, tool.disabled = (1, False) if is_shown else (0, True)
        return [tool for tool in self.tools if tool.opacity]

    def _place_name(self, name: Widget, room: Area) -> None:
        if name is self.header and name.width > room.width:
            is_kept = self.keeps_name and not self.theme.is_cramped
            if not self.theme.is_portrait and not is_kept:
                name.opacity = 0  # half a name says nothing
            name.fit_start(room.width)
        name.pos = (room.x, round(room.y + (room.height - name.height) / 2))

    def row_height(self) -> float:
        """The height of the row of tools."""
        return self.theme.mm(9.5 if self.theme.is_small else 14)

    def _tools_height(self) -> float:
        """The height of their row, in which their letters have room."""
        return max(self.row_height(), *(tool.least_height() for tool in self.tools), 0.0)

    def _place_actions(self, inner: Area) -> float:
        """Put the actions at the bottom, and over them the tools where they are low; return their
        top, or the bottom of `inner` where there are none."""
        top = self._place_buttons(inner)
        if not self.tools_are_low() or not self.tools:
            return top
        y = top + self.theme.gap if top > inner.y else top
        gap = self.theme.gap
        width = (inner.width - (len(self.tools) - 1) * gap) / len(self.tools)
        for number, tool in enumerate(self.tools):
            tool.is_bare = False
            tool.is_bare = tool.may_be_bare and tool.natural_width() > width
            tool.size = (round(width), self._tools_height())
            tool.pos = (round(inner.x + number * (width + gap)), round(y))
            tool.arrange()
        return y + self._tools_height()

    def _place_buttons(self, inner: Area) -> float:
        """Put the actions at the bottom, leaving left and main right; return their top. Where that
        leaves large text no room, only those that always stand there."""
        top = place_in_rows(self.theme, self.buttons, inner)
        is_low = self.theme.is_cramped and not self.theme.is_portrait
        if is_low and top - inner.y > inner.height * _MOST_FOR_ROWS:
            kept, self._parted = self._kept_and_others()
            top = place_in_rows(self.theme, kept, inner)
        return top

    def _kept_and_others(self) -> tuple[list[WordButton], list[WordButton]]:
        """The main choice and the way out, and what may stand on pages of its own."""
        kept = [b for b in self.buttons if b.tone is Tone.ACT or b.choice in LEAVING]
        return kept, [button for button in self.buttons if button not in kept]

    # --- the block of words ---

    def _place_words(self, room: Area, lift: float) -> None:
        """Set sign, title, body, note and field as one block; `lift` is its place from below."""
        self._turning.part_actions(self._parted, room)
        parts = self._measured(room)
        self._turning.place_turner(room, self.field if self.field in parts else None)
        room = self._turning.beside_turner(room)
        height = self._block_height(parts)
        y = room.y + (room.height - height) * lift + height
        for number, part in enumerate(parts):
            y -= part.height + (self.space_before(part) if number else 0)
            x = room.x
            if self.theme.is_portrait:
                x += (room.width - part.width) / 2
            # What is turned begins at the top each time, and what is typed stays in its place.
            at_bottom = self._turning.turns_words and part is self.field
            part.pos = (round(x), round(room.y if at_bottom else y))

    def _block_height(self, parts: list[Widget]) -> float:
        if self._turning.turns_words:
            return self._turning.height
        between = sum(self.space_before(part) for part in parts[1:])
        return float(sum(part.height for part in parts) + between)

    def space_before(self, part: Widget) -> float:
        """What belongs together stands together: title and body near, the rest apart."""
        if part is self.body:
            return self.theme.space(16 if self.theme.is_tall else 8)
        return self.theme.space(40 if self.theme.is_tall else 10 if self.theme.is_small else 24)

    def _measured(self, room: Area) -> list[Widget]:
        """The parts of the block, measured with the largest type that fits the room; where none
        does, those of the page that is turned to."""
        room = self._turning.beside_turner(room)
        if not self._turning.turns_words:
            parts = self._measured_whole(room)
            if parts is not None:
                return parts
        return self._turning.turn_words(room)

    def _measured_whole(self, room: Area) -> list[Widget] | None:
        """All parts in the largest type that fits, without the picture before one is lost."""
        for sign in (self.sign, None) if self.sign is not None else (None,):
            parts: list[Widget] = []
            for title_step, body_step in self._steps():
                parts = self._measured_at(room, title_step, body_step, sign)
                is_short = self.title not in parts or self._title_lines() < _TITLE_LINES
                if is_short and self._block_height(parts) <= room.height:
                    return parts
            if self._block_height(parts) <= room.height + 1:
                return parts
        return None

    def _steps(self) -> list[tuple[str, str]]:
        """The type of title and body, from the largest that this panel may have to the smallest."""
        first = (self.theme.title_step, self.theme.body_step)
        return [first, *(pair for pair in _STEPS if _is_smaller(pair, first))]

    def _measured_at(
        self, room: Area, title_step: str, body_step: str, sign: Widget | None
    ) -> list[Widget]:
        narrow = 0.86 if self.theme.is_portrait else 1
        self.title.fit(room.width, steps=(title_step,), is_even=True)
        self.body.fit(room.width * narrow, steps=(body_step,), is_even=True)
        if self.note is not None:
            self.note.fit(room.width, (body_step,))
        if self.field is not None:
            self.measure_field(room)
        beside = self.figure is None and not self.theme.is_portrait
        if self.sign is not None and not beside:
            self.sign.opacity = 0 if sign is None else 1
        block = (None if beside else sign, self.title, self.body, self.note, self.field)
        return [
            part
            for part in block
            if part is not None and not (part in (self.title, self.body) and not part.text)
        ]

    def _title_lines(self) -> float:
        return float(self.title.height / self.title.line_distance())


def _shorten(tools: list[WordButton], room: float) -> None:
    """Leave the words of tools out, from the left, until all have room."""
    for tool in tools:
        tool.is_bare = False
    for tool in tools:
        if sum(each.natural_width() for each in tools) <= room:
            return
        tool.is_bare = tool.may_be_bare


def _is_smaller(one: tuple[str, str], other: tuple[str, str]) -> bool:
    sizes = [tuple(_SIZES.index(step) for step in pair) for pair in (one, other)]
    return sizes[0] > sizes[1] and all(a >= b for a, b in zip(*sizes, strict=True))
