"""The bank of steel in the simulator's window: doors that swing, jammed locks, packages inside."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kivy.animation import Animation
from kivy.core.text import Label as CoreLabel
from kivy.graphics import (
    Color,
    InstructionGroup,
    Line,
    Rectangle,
    SmoothEllipse,
    SmoothLine,
    SmoothQuad,
    SmoothRoundedRectangle,
)
from kivy.graphics.texture import Texture
from kivy.input.motionevent import MotionEvent
from kivy.properties import NumericProperty
from kivy.uix.widget import Widget

from drivers.simulator import window_look as look
from drivers.simulator.window_layout import BankDrawing, Box, DoorFace, Scale

SWING_S = 0.2
OPEN_ANGLE = math.radians(72)


@dataclass(frozen=True, slots=True)
class DoorLook:
    """What is to be seen of a door."""

    is_open: bool = False
    is_jammed: bool = False
    is_chosen: bool = False
    package: str = ""
    """What lies inside; empty when nothing does."""


class _Textures:
    """Drawn once, used by every door."""

    def __init__(self) -> None:
        self.steel = look.shades("#DDE2E6", "#BFC7CE")
        self.leaf = look.shades("#AEB8C0", "#8E99A3")
        self.cabinet = look.shades("#66727D", "#515C66")
        self.inside = look.shades("#11171D", "#232C34")
        self.card = look.shades("#C99457", "#A8743B")
        self._texts: dict[tuple[str, str, float, look.Colour], Texture] = {}

    def text(
        self, text: str, size: float, ink: look.Colour = look.INK, font: str = "Bold"
    ) -> Texture:
        """A text as a picture of its own size."""
        key = (text, font, size, ink)
        if key not in self._texts:
            label = CoreLabel(text=text, font_size=size, font_name=font, color=ink)
            label.refresh()
            self._texts[key] = label.texture
        return self._texts[key]

    def icon(self, name: str, size: float, ink: look.Colour) -> Texture:
        return self.text(look.ROW_GLYPHS[name], size, ink, "Icons")


class DoorView(Widget):
    """One door; it is drawn again whenever something about it changes."""

    swing = NumericProperty(0.0)
    """0 when it is shut, 1 when it stands open."""

    def __init__(self, face: DoorFace, textures: _Textures) -> None:
        super().__init__(size_hint=(None, None))
        self.face = face
        self._textures = textures
        self._look = DoorLook()
        self.bind(pos=self._draw, size=self._draw, swing=self._draw)

    @property
    def box(self) -> Box:
        return Box(self.x, self.y, self.width, self.height)

    def show(self, wanted: DoorLook) -> None:
        """Look like this; a door that opens or shuts swings."""
        if wanted == self._look:
            return
        moves = wanted.is_open is not self._look.is_open
        self._look = wanted
        if moves:
            Animation.cancel_all(self)
            Animation(swing=float(wanted.is_open), duration=SWING_S, t="out_quad").start(self)
        self._draw()

    def _draw(self, *_: object) -> None:
        self.canvas.clear()
        if self.width < 4 or self.height < 4:
            return
        with self.canvas:
            if self.swing > 0:
                self._draw_inside()
                self._draw_leaf()
            else:
                self._draw_shut()
            if self._look.is_chosen:
                Color(*look.ACT)
                Line(rectangle=(self.x, self.y, self.width, self.height), width=1.6)

    # --- shut ----------------------------------------------------------------------------------

    def _draw_shut(self) -> None:
        x, y, width, height = self.x, self.y, self.width, self.height
        Color(1, 1, 1, 1)
        Rectangle(pos=self.pos, size=self.size, texture=self._textures.steel)
        Color(1, 1, 1, 0.75)
        Rectangle(pos=(x + 1, y + height - 1), size=(width - 2, 1))
        Color(*look.colour("#8C979F"))
        Rectangle(pos=(x, y), size=(width, 1))
        self._draw_hinges()
        if self._look.is_jammed:
            self._draw_jam()
        else:
            self._draw_lock()
        self._draw_number()

    def _draw_hinges(self) -> None:
        Color(*look.colour("#77838D"))
        length = min(10, self.height * 0.24)
        for part in (0.22, 0.78):
            Rectangle(pos=(self.x, self.y + self.height * part - length / 2), size=(2, length))

    def _draw_lock(self) -> None:
        radius = min(4.5, self.height * 0.14)
        x, y = self.x + self.width - 12, self.y + self.height / 2
        Color(*look.colour("#8C979F"))
        SmoothEllipse(pos=(x - radius, y - radius), size=(2 * radius, 2 * radius))
        Color(*look.colour("#39444E"))
        Rectangle(pos=(round(x) - 1, y - radius * 0.6), size=(2, radius * 1.2))

    def _draw_jam(self) -> None:
        size = min(13.0, self.height * 0.5)
        icon = self._textures.icon("trouble", size, look.WHITE)
        word = self._textures.text("jammed", size, look.WHITE)
        number = self._textures.text(self.face.slot, self._number_size, look.INK)
        width = icon.width + word.width + 12
        fits = self._number_left + number.width + 6 + width + 3 <= self.width
        if not fits:
            width = icon.width + 8
        height = min(self.height - 4, word.height + 4)
        x, middle = self.x + self.width - width - 3, self.y + self.height / 2
        Color(*look.FAILED)
        SmoothRoundedRectangle(pos=(x, middle - height / 2), size=(width, height), radius=[3])
        self._draw_texture(icon, x + 4, middle)
        if fits:
            self._draw_texture(word, x + 8 + icon.width, middle)

    def _draw_number(self) -> None:
        texture = self._textures.text(self.face.slot, self._number_size, look.INK)
        middle = self.y + self.height / 2
        if self.height > 60:
            middle = self.y + self.height - texture.height / 2 - 6
        self._draw_texture(texture, self.x + self._number_left, middle)

    @property
    def _number_left(self) -> float:
        return float(max(9.0, self.width * 0.09))

    @property
    def _number_size(self) -> float:
        return float(min(20.0, max(12.0, self.height * 0.48)))

    def _draw_texture(self, texture: Texture, left: float, middle: float) -> None:
        Color(1, 1, 1, 1)
        Rectangle(
            pos=(round(left), round(middle - texture.height / 2)),
            size=texture.size,
            texture=texture,
        )

    # --- open ----------------------------------------------------------------------------------

    def _draw_inside(self) -> None:
        x, y, width, height = self.x, self.y, self.width, self.height
        Color(1, 1, 1, 1)
        Rectangle(pos=self.pos, size=self.size, texture=self._textures.inside)
        # The floor of the compartment catches the light.
        deep = min(height * 0.22, 18)
        Color(*look.colour("#3A4651"))
        SmoothQuad(points=[x, y, x + width, y, x + width - deep, y + deep, x + deep, y + deep])
        Color(*look.colour("#2C3640"))
        right, ceiling = x + width - deep, y + height - deep
        SmoothLine(points=[x + width, y + height, right, ceiling], width=1)
        SmoothLine(points=[right, y + deep, right, ceiling, x + deep, ceiling], width=1)
        if self._look.package:
            self._draw_package(deep)
        number = self._textures.text(self.face.slot, self._number_size, look.WHITE)
        self._draw_texture(number, x + width - number.width - 7, y + height - number.height / 2 - 3)

    def _draw_package(self, deep: float) -> None:
        height = min(self.height * 0.62, self.width * 0.42)
        width = min(self.width * 0.4, height * 1.7)
        x, y = self.x + self.width * 0.36, self.y + deep * 0.45
        Color(0, 0, 0, 0.45)
        SmoothEllipse(pos=(x - 3, y - height * 0.08), size=(width + 6, height * 0.18))
        Color(1, 1, 1, 1)
        Rectangle(pos=(x, y), size=(width, height), texture=self._textures.card)
        Color(*look.colour("#E7CBA0"))
        Rectangle(pos=(x + width * 0.43, y), size=(width * 0.14, height))
        Color(*look.WHITE)
        Rectangle(pos=(x + width * 0.62, y + height * 0.4), size=(width * 0.3, height * 0.38))
        Color(*look.colour("#39444E"))
        for place in (0.48, 0.58, 0.68):
            Rectangle(pos=(x + width * 0.66, y + height * place), size=(width * 0.22, 1))

    def _draw_leaf(self) -> None:
        angle = OPEN_ANGLE * self.swing
        width = self.width * math.cos(angle)
        near = min(self.height * 0.05, 5) * math.sin(angle)
        x, y, top = self.x, self.y, self.y + self.height
        Color(0, 0, 0, 0.3)
        SmoothQuad(points=[x, y, x + width + 5, y - near, x + width + 5, top + near, x, top])
        Color(*look.colour("#A9B3BB"))
        SmoothQuad(points=[x, y, x + width, y - near, x + width, top + near, x, top])
        Color(*look.colour("#E8ECEF"))
        Rectangle(pos=(x + width - 2, y - near), size=(2, self.height + 2 * near))
        if self._look.is_jammed:
            icon = self._textures.icon("trouble", 13, look.FAILED)
            self._draw_texture(icon, x + (width - icon.width) / 2, y + self.height / 2)


class BankView(Widget):
    """All of the bank, to scale. `on_door` is called with the slot of a door that is touched."""

    def __init__(self, drawing: BankDrawing, on_door: Callable[[str], None]) -> None:
        super().__init__(size_hint=(None, None))
        self._drawing = drawing
        self._on_door = on_door
        self._textures = _Textures()
        self._steel = InstructionGroup()
        self.canvas.add(self._steel)
        self.doors = {face.slot: DoorView(face, self._textures) for face in drawing.doors}
        for door in self.doors.values():
            self.add_widget(door)
        self.bind(pos=self._place, size=self._place)

    def put(self, box: Box) -> None:
        """Take this place, which has the bank's proportions."""
        self.pos, self.size = box.pos, box.size

    def show(self, looks: Mapping[str, DoorLook]) -> None:
        """Draw the doors like this."""
        for slot, wanted in looks.items():
            self.doors[slot].show(wanted)
        # An open door stands before its neighbours.
        for slot, wanted in looks.items():
            door = self.doors[slot]
            if wanted.is_open and self.children[0] is not door:
                self.remove_widget(door)
                self.add_widget(door)

    def on_touch_down(self, touch: MotionEvent) -> bool:
        if "button" in touch.profile and touch.button != "left":
            return False
        for slot, door in self.doors.items():
            if door.box.holds(*touch.pos):
                self._on_door(slot)
                return True
        return False

    # --- the steel around the doors ------------------------------------------------------------

    def _place(self, *_: object) -> None:
        if self.width < 10 or self.height < 10:
            return
        scale = Scale(self._drawing.outline, Box(self.x, self.y, self.width, self.height))
        self._steel.clear()
        self._add_floor()
        for locker in self._drawing.lockers:
            self._add_locker(scale(locker.box), locker.label, scale)
        self._add_screen(scale)
        for door in self.doors.values():
            box = scale(door.face.box)
            # A hair of the cabinet shows between doors.
            door.pos, door.size = (box.left + 1, box.bottom + 1), (box.width - 2, box.height - 2)

    def _add_floor(self) -> None:
        self._add(look.colour("#B4BBC1"), Rectangle(pos=self.pos, size=(self.width, 2)))

    def _add_locker(self, box: Box, label: str, scale: Scale) -> None:
        self._add(
            look.WHITE,
            Rectangle(pos=box.pos, size=box.size, texture=self._textures.cabinet),
        )
        plinth = round(40 * scale.px_per_mm)
        self._add(look.colour("#3B454E"), Rectangle(pos=box.pos, size=(box.width, plinth)))
        size = min(13.0, 44 * scale.px_per_mm)
        if size >= 8:
            text = self._textures.text(label, size, look.colour("#E3E8EC"))
            pos = (round(box.left + 10), round(box.top - 30 * scale.px_per_mm - text.height / 2))
            self._add(look.WHITE, Rectangle(pos=pos, size=text.size, texture=text))

    def _add_screen(self, scale: Scale) -> None:
        frame = scale(self._drawing.screen)
        self._add(
            look.colour("#20282F"),
            SmoothRoundedRectangle(
                pos=(frame.left - 3, frame.bottom - 3),
                size=(frame.width + 6, frame.height + 6),
                radius=[4],
            ),
        )
        self._add(look.colour("#F4F3EF"), Rectangle(pos=frame.pos, size=frame.size))
        self._add_screen_words(frame)
        place = self._drawing.scanner
        if place is not None:
            box = scale(place)
            self._add(
                look.colour("#20282F"),
                SmoothRoundedRectangle(pos=box.pos, size=box.size, radius=[3]),
            )
            y = box.middle[1]
            self._add(
                look.colour("#E5483E"),
                Rectangle(pos=(box.left + 4, round(y) - 1), size=(box.width - 8, 2)),
            )

    def _add_screen_words(self, frame: Box) -> None:
        icon = self._textures.icon("kiosk", min(24.0, frame.width * 0.34), look.ACT)
        word = self._textures.text("Kiosk", min(14.0, frame.width * 0.22), look.INK)
        x, y = frame.middle
        for texture, middle in ((icon, y + word.height / 2), (word, y - icon.height / 2 - 2)):
            pos = (round(x - texture.width / 2), round(middle - texture.height / 2))
            self._add(look.WHITE, Rectangle(pos=pos, size=texture.size, texture=texture))

    def _add(self, ink: look.Colour, shape: Rectangle) -> None:
        self._steel.add(Color(*ink))
        self._steel.add(shape)
