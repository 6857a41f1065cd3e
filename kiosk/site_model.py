"""What a site file means for the kiosk: its location, its doors, what its owner decided."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config import Site
from config.schema import Face
from drivers.bank import Bank, BankTiming
from drivers.building import open_bank
from drivers.wiring import wired_boards, wired_doors
from kiosk.adapters import SystemClock
from kiosk.flows.context import Policy
from kiosk.model.allocation import AllocationStrategy, BestFit, FirstAvailable
from kiosk.model.commands import REMOTE_SETTINGS
from kiosk.model.location import Location, Locker, Reach, Rectangle, Size, Slot
from kiosk.model.person import (
    NUMBER_DIGITS_MIN,
    SECRET_DIGITS_MAX,
    SECRET_DIGITS_MIN,
    Role,
    Staff,
    kept_number,
)
from kiosk.model.pickup_code import locator_digits
from kiosk.model.power import PowerRules
from kiosk.model.reach import out_of_reach
from kiosk.model.throttle import badge_guessed, opened_by_guessing, pin_guessed
from kiosk.power import HERE, PORT, Supply
from kiosk.remote_helper import settings_in
from kiosk.store.backup import BackupPlan
from kiosk.store.errors import RefusedError
from kiosk.ui.fonts import letters_missing
from kiosk.ui.loudspeaker import is_there
from kiosk.ui.night import NightHours
from kiosk.ui.theme import SiteLook, colour

LOG = logging.getLogger("kiosk")


def with_settings(site: Site, settings: Mapping[str, Any]) -> Site:
    """The site with other values of some settings. Raises `RefusedError`, which says which one does
    not fit, and what would be right."""
    for name, value in settings.items():
        table, _, key = name.partition(".")
        if name not in REMOTE_SETTINGS:
            raise RefusedError(f"{name} is not changed remotely")
        kept = getattr(site, table)
        try:
            changed = type(kept).model_validate({**dict(kept), key: value})
        except ValidationError as error:
            right = type(kept).model_fields[key].description
            raise RefusedError(f"{name} = {value!r}: right is {right}") from error
        site = site.model_copy(update={table: changed})
    return site


def with_kept_settings(site: Site, data: Path) -> Site:
    """The site as it counts here, with what the server has changed. A setting that does not fit the
    site file any more is passed over."""
    for name, value in settings_in(data).items():
        try:
            site = with_settings(site, {name: value})
        except RefusedError as error:
            LOG.warning("the site file's value counts: %s", error)
    return site


def sent_of(site: Site) -> dict[str, Any]:
    """What of a site file may go to the server: nobody who works here, and no hash."""
    return site.model_dump(mode="json", exclude={"staff"})


def location_of(site: Site) -> Location:
    """The location that a site file describes."""
    sizes = [
        Size(name, size.width_mm, size.height_mm, size.depth_mm, size.max_weight_kg)
        for name, size in site.sizes.items()
    ]
    reach = Reach(site.reach.lowest_mm, site.reach.highest_mm)
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
            Slot(
                slot.label,
                locker.label,
                slot.size,
                slot.board,
                slot.channel,
                _rectangle(slot),
                reach,
            )
            for locker in site.lockers
            for slot in locker.slots
        ),
        screen=_rectangle(site.screen),
        reach=reach,
        scanner=None if site.scanner_place is None else _rectangle(site.scanner_place),
        country=site.location.country or "",
        privacy_contact="" if site.privacy is None else site.privacy.contact,
    )


def _rectangle(face: Face) -> Rectangle:
    return Rectangle(face.left_mm, face.bottom_mm, face.width_mm, face.height_mm)


def risks_of_guessing(site: Site) -> list[str]:
    """What somebody who guesses all year long may expect here: codes, PINs, badges."""
    slot_count = len(site.slots)
    expected = opened_by_guessing(slot_count, locator_digits(slot_count))
    badges = sum(person.badge_hash is not None for person in site.staff)
    return [
        f"Somebody who guesses codes for a year opens {expected:.5f} packages"
        f" (expected, {slot_count} slots, three quarters full, re-issues unheard of included).",
        *(_risk_of_pins(site, role) for role in Role),
        f"Somebody who scans made-up badges for a year is let in with a probability of"
        f" {badge_guessed(max(1, badges)):.0e} ({badges} in this file).",
    ]


def _risk_of_pins(site: Site, role: Role) -> str:
    digits = [
        person.pin_digits or SECRET_DIGITS_MIN for person in site.staff if person.role == role.value
    ]
    who = f"{len(digits)} in this file, of {', '.join(map(str, sorted(digits)))} digits"
    if not digits:
        digits = [SECRET_DIGITS_MAX if role is Role.TECHNICIAN else SECRET_DIGITS_MIN]
        who = f"none in this file; one of {digits[0]} digits"
    share = pin_guessed(digits, site.policy.pin_wait_max_s * 1000)
    return (
        f"Somebody who types PINs day and night for a year finds a {role.value}'s with a"
        f" probability of {share:.1%} ({who}); operators are alarmed at the fifth wrong one."
    )


def remarks(site: Site) -> list[str]:
    """What is allowed here and should be known, each in a sentence."""
    return [
        *_remarks_on_sensors(site),
        *_remarks_on_sound(site),
        *_remarks_on_country(site),
        *_remarks_on_letters(site),
        *_remarks_on_pins(site),
        *out_of_reach(location_of(site), has_scanner=site.scanner is not None),
    ]


def _remarks_on_pins(site: Site) -> list[str]:
    """Technicians whose PINs are shorter than new ones are; they work until they are changed."""
    said = []
    for number, person in enumerate(site.staff):
        if person.role != Role.TECHNICIAN.value or person.pin_digits == SECRET_DIGITS_MAX:
            continue
        has = "may be short: nothing says how many secret digits it has"
        if person.pin_digits is not None:
            has = f"is short: it has {person.pin_digits} secret digits"
        said.append(
            f"staff[{number}]: the PIN of {person.name} {has}, and technicians open every door;"
            f" make one of {SECRET_DIGITS_MAX} with `kiosk pin`."
        )
    return said


def _remarks_on_letters(site: Site) -> list[str]:
    texts = {
        "location.name": site.location.name,
        "location.address": site.location.address,
        **{f"sizes.{name}": name for name in site.sizes},
        **{f"locker {locker.label}": locker.label for locker in site.lockers},
        **{f"door {slot.label}": slot.label for slot in site.slots},
        **{f"staff[{number}].name": person.name for number, person in enumerate(site.staff)},
    }
    return [
        f"{key} = {text!r}: the screen's fonts have no {', '.join(missing)}: boxes are drawn there;"
        " write it in Latin, Greek, Cyrillic or Arabic letters."
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
        deposit_by_phone=site.policy.deposit_by_phone,
        deposit_by_directory=site.policy.deposit_by_directory,
        guest_deposits=site.policy.guest_deposits,
        guest_deposits_an_hour=site.policy.guest_deposits_an_hour,
        guest_deposits_a_phone=site.policy.guest_deposits_a_phone,
        guest_doors_percent=site.policy.guest_doors_percent,
        reopen_s=site.policy.reopen_s,
        trust_without_sensors=site.policy.trust_without_sensors,
        courier_session_s=site.policy.courier_session_s,
        courier_lock_s=site.policy.courier_lock_s,
        technician_lock_s=site.policy.technician_lock_s,
        locked_session_s=site.policy.locked_session_s,
        pin_wait_max_s=site.policy.pin_wait_max_s,
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
        moves=site.look.motion,
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
            kept_number(person.number),
            person.name,
            Role(person.role),
            person.pin_hash,
            person.badge_hash or "",
            carriers=tuple(person.carriers),
        )
        for person in site.staff
    ]


def digits_of_staff(site: Site) -> int:
    """With how many digits the site's config writes the numbers of its staff."""
    return max((len(person.number) for person in site.staff), default=NUMBER_DIGITS_MIN)


def bank_of(site: Site, data: Path) -> Bank:
    """The site's doors, on real ports."""
    timing = BankTiming(window_s=site.policy.open_window_s)
    return open_bank(wired_boards(site.boards, data), wired_doors(site.slots), timing=timing)


def bank_sensor_of(site: Site, data: Path) -> Path | None:
    """What tells how warm it is inside the bank."""
    return None if site.climate is None else data / site.climate.bank_sensor


def supply_of(site: Site) -> Supply | None:
    """The site's uninterruptible supply."""
    if site.power is None:
        return None
    name, _, place = site.power.ups.partition("@")
    host, _, port = place.partition(":")
    return Supply(name, host or HERE, int(port or PORT))


def power_rules_of(site: Site) -> PowerRules:
    """What the owner decided about it."""
    wanted = site.power
    if wanted is None:
        return PowerRules()
    return PowerRules(wanted.low_percent, wanted.stop_percent, wanted.stop_s)


def backup_of(site: Site, data: Path) -> BackupPlan | None:
    """Where the site's backups go."""
    wanted = site.backup
    if wanted is None:
        return None
    return BackupPlan(data / wanted.folder, wanted.keep, wanted.keep_days)
