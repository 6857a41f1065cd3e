"""The simulator's window: a bank of steel, the phones of its recipients, and labels to scan.

It stands in for the people at a simulated site. All it does is to post commands to the
running simulation and to draw what that tells; nothing here waits. Call
`window_environment.prepare` before this module is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from kivy.app import App
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from drivers.simulator import commands
from drivers.simulator import window_look as look
from drivers.simulator.simulation import DoorView, Event, Simulation
from drivers.simulator.window_bank import BankView, DoorLook
from drivers.simulator.window_cards import (
    BadgeCard,
    HeldQr,
    LabelCard,
    LabelStack,
    PhoneCard,
    PhoneRow,
    PinCard,
    SwitchRow,
    phone_number,
)
from drivers.simulator.window_contents import Contents
from drivers.simulator.window_hint import Scene, hint
from drivers.simulator.window_layout import Areas, Box, arrange
from drivers.simulator.window_phones import PhoneMessage, PhoneWatch
from drivers.simulator.window_site import SWITCHES, Switch, WindowSite, qr_text

HOLD_S = 1.5
"""How long a QR code is held before the scanner, to look at."""
LOOK_AFTER_S = 0.2
"""How often the window looks whether the simulation still runs."""
FEW_DOORS = 4
"""So many open doors are named at most."""


class Header(Widget):
    """What this is, and what to do now."""

    def __init__(self, name: str) -> None:
        super().__init__(size_hint=(None, None))
        self._name = look.Words(name, 21, bold=True)
        self._kind = look.Words("simulated locker bank", 15, ink=look.INK_SOFT)
        self._icon = look.Glyph("info", 18, look.ACT)
        self._hint = look.Words("", 15, ink=look.ACT, bold=True)
        for part in (self._name, self._kind, self._icon, self._hint):
            self.add_widget(part)

    def say(self, hint: str) -> None:
        """Say what to do now."""
        self._hint.text = hint

    def put(self, box: Box) -> None:
        """Take this place."""
        width = min(look.width_of(self._name.text, 21, bold=True) + 2, box.width)
        half = box.height / 2
        self._name.put(Box(box.left, box.bottom + half, width, half))
        rest = box.left + width + 10
        self._kind.put(Box(rest, box.bottom + half - 1, max(box.right - rest, 0), half))
        self._icon.put(Box(box.left, box.bottom, 20, half))
        self._hint.put(Box(box.left + 27, box.bottom, box.width - 27, half))


_BAR_COLOURS = {
    "door-open": (look.WAITING_SOFT, look.WAITING, look.INK),
    "trouble": (look.FAILED_SOFT, look.FAILED, look.FAILED),
}
"""The bar's colours for icons that mean more than calm: its ground, its edge, the icon."""


class DoorBar(look.Surface):
    """Under the bank: what can be done with the door that was chosen, or stands open."""

    def __init__(self) -> None:
        super().__init__()
        self._icon = look.Glyph("hand", 19, look.INK_SOFT)
        self.add_widget(self._icon)
        self._text = look.Words("", 14, wraps=True)
        self._buttons = (look.PushButton("", _nothing), look.PushButton("", _nothing))
        self._shown: tuple[look.PushButton, ...] = ()
        self._places = (Box(0, 0, 0, 0), Box(0, 0, 0, 0))
        self.add_widget(self._text)

    def show(self, icon: str, text: str, *actions: tuple[str, Callable[[], None]]) -> None:
        """Say this, and offer up to two actions."""
        fill, edge, ink = _BAR_COLOURS.get(icon, (look.SURFACE, look.LINE, look.INK_SOFT))
        self.paint(fill, edge)
        self._icon.show(icon, ink)
        self._text.text = text
        for button in self._shown:
            self.remove_widget(button)
        self._shown = self._buttons[len(self._buttons) - len(actions) :]
        for button, (words, action) in zip(self._shown, actions, strict=True):
            button.say(words)
            button.action = action
            self.add_widget(button)
        self.arrange()

    def put_bar(self, box: Box, buttons: tuple[Box, Box]) -> None:
        """Take this place, with the buttons in theirs."""
        self._places = buttons
        self.put(box)
        self.arrange()

    def arrange(self) -> None:
        box, right = self.box, self.right
        for button, place in zip(self._buttons, self._places, strict=True):
            button.put(place)
            if button in self._shown:
                right = min(right, place.left - 8)
        self._icon.put(Box(box.left + 8, box.bottom, 24, box.height))
        left = box.left + 40
        self._text.put(Box(left, box.bottom, max(right - left, 0), box.height))


def _nothing() -> None:
    """A button without a meaning yet."""


class Heading(Widget):
    """The title of a part, with its icon."""

    def __init__(self, icon: str, title: str, more: str) -> None:
        super().__init__(size_hint=(None, None))
        self._icon = look.Glyph(icon, 17, look.INK_SOFT)
        self._title = look.Words(title, 16, bold=True)
        self._more = look.Words(more, 13, ink=look.INK_SOFT)
        for part in (self._icon, self._title, self._more):
            self.add_widget(part)
        self._box = Box(0, 0, 0, 0)

    def say(self, more: str) -> None:
        """Say something else beside the title."""
        self._more.text = more
        self.put(self._box)

    def put(self, box: Box) -> None:
        """Take this place."""
        self._box = box
        self._icon.put(Box(box.left, box.bottom, 20, box.height))
        width = look.width_of(self._title.text, 16, bold=True) + 2
        self._title.put(Box(box.left + 26, box.bottom, width, box.height))
        left = box.left + 26 + width + 10
        self._more.put(Box(left, box.bottom - 1, max(box.right - left, 0), box.height))
        # It is a help only when it is whole.
        fits = left + look.width_of(self._more.text, 13) <= box.right
        self._more.opacity = float(fits)


class Table(Widget):
    """All of the window: the parts in their places, and what touching them does."""

    def __init__(
        self,
        simulation: Simulation,
        site: WindowSite,
        contents: Contents,
        tell: Callable[[Event], None],
    ) -> None:
        super().__init__()
        self._simulation = simulation
        self._tell = tell
        self._site = site
        self._contents = contents
        self._chosen = ""
        self._held: HeldQr | None = None
        self._lines = simulation.lines()
        self._header = Header(site.name)
        self._inside = dict(contents.inside())
        self._has_code = self._has_fetched = self._has_brought = False
        self._bank = BankView(site.drawing, self._touch_door)
        self._bar = DoorBar()
        self._cables = [
            SwitchRow(self._cable(line.port), partial(self._pull, line.port))
            for line in self._lines
        ]
        self._switches = {
            name: SwitchRow(SWITCHES[name], partial(self._turn, name)) for name in site.switches
        }
        self._labels = LabelStack(simulation.labels, self._scan_label)
        self._labels_heading = Heading("label", "Packages", "touch to scan")
        hold_badge = self._scan_badge if site.badge and site.has_scanner else None
        self._pins = PinCard(site.pins, hold_badge) if site.pins else None
        self._badges = [
            BadgeCard(name, text, partial(self._scan, text)) for name, text in site.badges
        ]
        self._phones = PhoneRow(self._hold)
        self._phones_heading = Heading("phone", "Phones", "newest message first")
        for part in self._parts():
            self.add_widget(part)
        self._names = {
            "".join(filter(str.isdigit, label.phone)): label.name for label in simulation.labels
        }
        self.refresh = Clock.create_trigger(self._refresh, 0)
        self.bind(size=self._place, pos=self._place)
        self._refresh()

    def show_messages(self, messages: Sequence[PhoneMessage]) -> None:
        """Show what people got on their phones."""
        self._has_code = any(message.code for message in messages)
        self._follow()
        self._phones.show(
            messages,
            lambda message: self._names.get(message.number) or phone_number(message.number),
            lambda message: qr_text(self._site.location, message.digits),
        )
        self._count_phones()

    def _count_phones(self) -> None:
        self._phones_heading.say(
            f"{self._phones.count}, swipe sideways to see them all"
            if self._phones.is_pulled
            else "newest message first"
        )

    def on_touch_down(self, touch: MotionEvent) -> bool:
        if self._held is not None:
            # Whatever is touched, the phone is put down first.
            self._let_go()
        return bool(super().on_touch_down(touch))

    # --- what people do ------------------------------------------------------------------------

    def _touch_door(self, slot: str) -> None:
        if self._door(slot).is_open:
            self._simulation.post(commands.Close(slot))
            self._chosen = ""
        else:
            self._chosen = "" if self._chosen == slot else slot
        self._refresh()

    def _force(self, slot: str) -> None:
        self._chosen = ""
        self._simulation.post(commands.Open(slot))

    def _pull(self, port: str) -> None:
        is_plugged = any(line.port == port and line.is_plugged for line in self._simulation.lines())
        self._simulation.post(commands.Unplug(port) if is_plugged else commands.Plug(port))

    def _turn(self, name: str) -> None:
        row = self._switches[name]
        row.show(is_on=not row.is_on)
        self._follow()
        self._tell({"event": "switch", "name": name, "on": row.is_on})

    def _scan_badge(self) -> None:
        self._scan(self._site.badge)

    def _scan(self, text: str) -> None:
        if self._site.has_scanner:
            self._simulation.post(commands.Scan(text))

    def _scan_label(self, card: LabelCard) -> None:
        if self._site.has_scanner:
            self._simulation.post(commands.Scan(card.label.barcode))
            card.mark_scanned()

    def _hold(self, card: PhoneCard) -> None:
        if not self._site.has_scanner or card.qr is None:
            return
        self._simulation.post(commands.Scan(qr_text(self._site.location, card.message.digits)))
        card.mark(scanned=True)
        self._let_go()
        held = self._held = HeldQr(card, card.qr, self._let_go)
        self.add_widget(held)
        self._place()
        Clock.schedule_once(lambda _: self._let_go(held), HOLD_S)

    def _let_go(self, held: HeldQr | None = None) -> None:
        if self._held is not None and held in (None, self._held):
            self.remove_widget(self._held)
            self._held = None

    def _change_mind(self, slot: str) -> None:
        self._contents.change_mind(slot)
        self._refresh()

    # --- what is shown -------------------------------------------------------------------------

    def _door(self, slot: str) -> DoorView:
        return next(door for door in self._simulation.doors() if door.slot == slot)

    def _refresh(self, *_: object) -> None:
        doors = self._simulation.doors()
        inside = self._contents.inside()
        if any(door.slot == self._chosen and door.is_open for door in doors):
            self._chosen = ""
        self._bank.show(
            {
                door.slot: DoorLook(
                    door.is_open,
                    door.is_jammed,
                    door.slot == self._chosen,
                    inside.get(door.slot, ""),
                )
                for door in doors
            }
        )
        for row, line in zip(self._cables, self._simulation.lines(), strict=True):
            row.show(is_on=line.is_plugged)
        self._show_bar(doors)
        self._has_fetched |= bool(self._inside.keys() - inside.keys())
        self._has_brought |= bool(inside.keys() - self._inside.keys())
        self._inside = dict(inside)
        self._follow()

    def _follow(self) -> None:
        """Have the hint say what is going on."""
        doors = self._simulation.doors()
        self._header.say(
            hint(
                Scene(
                    open_slots=[door.slot for door in doors if door.is_open],
                    jammed_slots=[door.slot for door in doors if door.is_jammed],
                    is_powered=self._is_on("power"),
                    is_networked=self._is_on("network"),
                    is_cabled=all(line.is_plugged for line in self._simulation.lines()),
                    has_scanner=self._site.has_scanner,
                    has_code=self._has_code,
                    has_fetched=self._has_fetched,
                    has_brought=self._has_brought,
                )
            )
        )

    def _is_on(self, name: str) -> bool:
        row = self._switches.get(name)
        return row is None or row.is_on

    def _show_bar(self, doors: Sequence[DoorView]) -> None:
        open_slots = [door.slot for door in doors if door.is_open]
        if self._chosen:
            self._show_chosen(self._door(self._chosen))
        elif len(open_slots) == 1:
            self._show_open(open_slots[0])
        elif open_slots:
            few = len(open_slots) <= FEW_DOORS
            which = f"Doors {', '.join(open_slots)}" if few else f"{len(open_slots)} doors"
            self._bar.show("door-open", f"{which} are open.\nTouch one to close it.")
        else:
            self._bar.show("hand", "Touch a door to jam its lock or to force it open.")

    def _show_chosen(self, door: DoorView) -> None:
        slot = door.slot
        size = next(face.size for face in self._site.drawing.doors if face.slot == slot)
        jam = (
            ("Release lock", lambda: self._simulation.post(commands.Unjam(slot)))
            if door.is_jammed
            else ("Jam lock", lambda: self._simulation.post(commands.Jam(slot)))
        )
        state = "jammed" if door.is_jammed else "closed"
        self._bar.show(
            "trouble" if door.is_jammed else "door",
            f"Door {slot} ({size})\n{state}",
            jam,
            ("Force open", lambda: self._force(slot)),
        )

    def _show_open(self, slot: str) -> None:
        text = f"Door {slot} is open.\nTouch it to close it."
        if slot not in self._contents.inside():
            self._bar.show("door-open", text)
            return
        words = "Take out" if self._contents.stays(slot) else "Leave inside"
        self._bar.show("door-open", text, (words, lambda: self._change_mind(slot)))

    # --- where it is ---------------------------------------------------------------------------

    def _cable(self, port: str) -> Switch:
        name = Path(port).name if len(self._lines) > 1 else "Cable"
        return Switch(
            "cable", "cable-out", f"{name} plugged in", f"{name} unplugged", "Unplug", "Plug in"
        )

    def _areas(self) -> Areas:
        return arrange(
            self.width,
            self.height,
            self._site.drawing.outline,
            switches=len(self._rows()),
            pins=len(self._site.pins),
            badges=len(self._site.badges),
        )

    def _parts(self) -> list[Widget]:
        parts = [self._header, self._bank, self._bar, *self._rows(), self._labels_heading]
        parts += [self._labels, self._phones_heading, self._phones, *self._badges]
        return parts if self._pins is None else [*parts, self._pins]

    def _rows(self) -> list[SwitchRow]:
        return [*self._cables, *self._switches.values()]

    def _place(self, *_: object) -> None:
        areas = self._areas()
        self._header.put(areas.header)
        self._bank.put(areas.bank)
        self._bar.put_bar(areas.bar, areas.bar_buttons)
        for number, row in enumerate(self._rows()):
            row.put_row(areas.switches[number], areas.switch_button(number))
        self._labels_heading.put(areas.labels_heading)
        self._labels.put(areas.labels)
        if self._pins is not None and areas.pins is not None:
            self._pins.put(areas.pins)
        for card, box in zip(self._badges, areas.badges, strict=True):
            card.put(box)
        self._phones_heading.put(areas.phones_heading)
        self._phones.put(areas.phones)
        self._count_phones()
        if self._held is not None:
            self._held.put_within(areas.bank)


class SimulatorWindow(App):
    """The window of a running simulation; `run` stays until it is closed or the simulation ends.

    Args:
        simulation: runs on another thread.
        is_running: whether it still does.
        site: what to draw.
        contents: what lies behind the doors.
        phones: the folder with the messages; None when the site sends none.
        tell: hears which switch was turned.
    """

    use_kivy_settings = False

    def __init__(
        self,
        simulation: Simulation,
        is_running: Callable[[], bool],
        site: WindowSite,
        contents: Contents,
        phones: Path | None,
        tell: Callable[[Event], None],
    ) -> None:
        super().__init__(kv_file="")
        self.title = f"{site.name}: simulated locker bank"
        look.load_fonts()
        self._is_running = is_running
        self._table = Table(simulation, site, contents, tell)
        simulation.listen(lambda _: self._table.refresh())
        self._watch = PhoneWatch(phones, self._messages_came) if phones is not None else None

    def build(self) -> Widget:
        Window.clearcolor = look.GROUND
        Window.bind(on_keyboard=_swallow)
        return self._table

    def load_kv(self, filename: str | None = None) -> bool:
        """There is no rule file."""
        return False

    def open_settings(self, *_: object) -> bool:
        """F1 opens nothing."""
        return False

    def on_start(self) -> None:
        Clock.schedule_interval(self._end_with_simulation, LOOK_AFTER_S)
        if self._watch is not None:
            self._watch.start()

    def on_stop(self) -> None:
        if self._watch is not None:
            self._watch.stop()

    def _end_with_simulation(self, _: float) -> None:
        if not self._is_running():
            self.stop()

    def _messages_came(self, messages: tuple[PhoneMessage, ...]) -> None:
        Clock.schedule_once(lambda _: self._table.show_messages(messages), 0)


def _swallow(*_: object) -> bool:
    # Before Kivy's own shortcuts: a key closes nothing by mistake.
    return True
