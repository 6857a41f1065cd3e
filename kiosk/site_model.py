"""What a site file means for the kiosk: its location, its doors, what its owner decided."""

from __future__ import annotations

import logging
from pathlib import Path

from config import Site
from config.schema import Face
from drivers.bank import Bank, BankTiming
from drivers.building import open_bank
from drivers.wiring import wired_boards, wired_doors
from kiosk.adapters import SystemClock
from kiosk.flows.context import Policy
from kiosk.model.allocation import AllocationStrategy, BestFit, FirstAvailable
from kiosk.model.location import Location, Locker, Rectangle, Size, Slot
from kiosk.model.person import Role, Staff
from kiosk.model.pickup_code import locator_digits
from kiosk.model.throttle import opened_by_guessing
from kiosk.store.backup import BackupPlan
from kiosk.ui.glyphs import letters_missing
from kiosk.ui.loudspeaker import is_there
from kiosk.ui.night import NightHours
from kiosk.ui.theme import SiteLook, colour

LOG = logging.getLogger("kiosk")


def location_of(site: Site) -> Location:
    """The location that a site file describes."""
    sizes = [
        Size(name, size.width_mm, size.height_mm, size.depth_mm, size.max_weight_kg)
        for name, size in site.sizes.items()
    ]
    return Location(
        id=site.location.id,
        name=site.location.name,
        address=site.location.address,
        time_zone=site.location.time_zone,
        languages=site.location.languages,
        help_phone=site.location.help_phone,
        sizes=tuple(sorted(sizes, key=lambda size: size.volume_mm3)),
        lockers=tuple(Locker(locker.label, _rectangle(locker)) for locker in site.lockers),
        slots=tuple(
            Slot(slot.label, locker.label, slot.size, slot.board, slot.channel, _rectangle(slot))
            for locker in site.lockers
            for slot in locker.slots
        ),
        screen=_rectangle(site.screen),
        country=site.location.country or "",
    )


def _rectangle(face: Face) -> Rectangle:
    return Rectangle(face.left_mm, face.bottom_mm, face.width_mm, face.height_mm)


def risk_of_guessing(site: Site) -> str:
    """What somebody who guesses pickup codes all year long may expect here, in a sentence."""
    slot_count = len(site.slots)
    expected = opened_by_guessing(slot_count, locator_digits(slot_count))
    return (
        f"Somebody who guesses codes for a year opens {expected:.5f} packages"
        f" (expected, {slot_count} slots, three quarters full)."
    )


def remarks(site: Site) -> list[str]:
    """What is allowed here and should be known, each in a sentence."""
    return [
        *_remarks_on_sensors(site),
        *_remarks_on_sound(site),
        *_remarks_on_country(site),
        *_remarks_on_letters(site),
    ]


def _remarks_on_letters(site: Site) -> list[str]:
    texts = {
        "location.name": site.location.name,
        "location.address": site.location.address,
        **{f"sizes.{name}": name for name in site.sizes},
        **{f"staff[{number}].name": person.name for number, person in enumerate(site.staff)},
    }
    return [
        f"{key} = {text!r}: the screen's fonts have no {', '.join(missing)}: boxes are drawn there;"
        " write it in Latin or Arabic letters."
        for key, text in texts.items()
        if (missing := letters_missing(text))
    ]


def _remarks_on_sound(site: Site) -> list[str]:
    said = []
    if not is_there(site.sound.speech):
        said.append("Nothing is spoken here: there is no program for it (Debian: espeak-ng).")
    if not is_there(site.sound.player):
        said.append("No sounds are played here: there is no program for it (Debian: alsa-utils).")
    return said


def _remarks_on_country(site: Site) -> list[str]:
    if site.location.country is not None:
        return []
    return [
        "Telephone numbers need their country code here, like +49 171 0000001: to take national"
        ' ones, say in [location] which country they belong to, like country = "DE".'
    ]


def _remarks_on_sensors(site: Site) -> list[str]:
    blind = [board.name for board in site.boards if not board.has_door_sensors]
    if not blind:
        return []
    said = f"No sensor tells whether the doors of {', '.join(blind)} are open: people are asked."
    if site.policy.trust_without_sensors:
        return [said, "A customer's word that such a door is shut frees its slot."]
    return [said, "After every pickup from such a door somebody has to look inside."]


def policy_of(site: Site) -> Policy:
    """What the site's owner decided."""
    return Policy(
        hold_days=site.policy.hold_days,
        show_code_to_courier=site.policy.show_code_to_courier,
        ask_phone_digits=site.policy.ask_phone_digits,
        late_pickup=site.policy.late_pickup,
        one_code_for_all=site.policy.one_code_for_all,
        couriers_may_look=site.policy.couriers_may_look,
        may_extend=site.policy.may_extend,
        reopen_s=site.policy.reopen_s,
        trust_without_sensors=site.policy.trust_without_sensors,
        courier_session_s=site.policy.courier_session_s,
        erase_after_days=site.policy.erase_after_days,
    )


def site_look_of(site: Site, data: Path) -> SiteLook:
    """What of the screens is the site's own."""
    clock, night = SystemClock(), NightHours(site.look.night, site.location.time_zone)
    logo = None if site.look.logo is None else data / site.look.logo
    if logo is not None and not logo.is_file():
        LOG.warning("the logo %s is not there: the name stands in its place", logo)
        logo = None
    return SiteLook(
        accent=None if site.look.accent is None else colour(site.look.accent),
        logo=logo,
        is_night=lambda: night.holds(clock.now().wall_ms),
        saver_after_s=site.look.screen_saver_s,
    )


def strategy_of(site: Site) -> AllocationStrategy:
    """The site's way of choosing slots."""
    if site.policy.allocation == "first-available":
        return FirstAvailable()
    return BestFit(site.policy.low_reserve)


def staff_of(site: Site) -> list[Staff]:
    """The staff that the site's config lists."""
    return [
        Staff(
            person.number,
            person.name,
            Role(person.role),
            person.pin_hash,
            person.badge_hash or "",
        )
        for person in site.staff
    ]


def bank_of(site: Site, data: Path) -> Bank:
    """The site's doors, on real ports."""
    timing = BankTiming(window_s=site.policy.open_window_s)
    return open_bank(wired_boards(site.boards, data), wired_doors(site.slots), timing=timing)


def backup_of(site: Site, data: Path) -> BackupPlan | None:
    """Where the site's backups go."""
    wanted = site.backup
    if wanted is None:
        return None
    return BackupPlan(data / wanted.folder, wanted.keep, wanted.keep_days)
