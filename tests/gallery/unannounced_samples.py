"""Views of packages that nobody announced, for the gallery and for tests of the screens."""

from __future__ import annotations

from kiosk.flows.views.choices import Choice, Purpose, Refusal, Refused
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import Answer, DoorOpen, View
from kiosk.flows.views.unannounced import (
    ConfirmPhone,
    EnterPhone,
    FindResident,
    GuestStored,
    NearbyRow,
    PickResident,
    PrivacyNotice,
    ResidentRow,
    RoomElsewhere,
    WhomFor,
    Whose,
)

_NEARBY = (
    NearbyRow("a", "M. Weber", "Weber 1", 450, 3),
    NearbyRow("b", "Weber", "Weber 12", 12_300, 1),
    NearbyRow("c", "M. Weber", "", 900, 12),
)


def unannounced_views() -> list[tuple[str, View]]:
    """What is shown where nobody announced a package."""
    back, sure = (Choice.PRIVACY, Choice.BACK), (Choice.YES, Choice.CHANGE_NUMBER)
    ways = (Choice.BY_PHONE, Choice.BY_NAME, Choice.WITHOUT_NAME, *back)
    not_a_phone = Refused(Refusal.NOT_A_PHONE)
    rows = (
        ResidentRow("1", "12", ("M. Weber", "L. B. Weber")),
        ResidentRow("2", "103 B", ("A. B. C. D. E. F. G. Weber",)),
        ResidentRow("3", "", ("C. Weber",)),
        ResidentRow("4", "7/2", ()),
        ResidentRow("5", "19", ("ن. حداد",)),
    )
    guest = (Choice.PICK_UP, Choice.GUEST, Choice.COURIER, Choice.SERVICE, Choice.HELP)
    putting_in = (
        *(Choice.LARGER_SLOT, Choice.ANOTHER_PERSON, Choice.SOMETHING_INSIDE),
        *(Choice.DOOR_FAULT, Choice.CANCEL),
    )
    barcode = "JD014600006281234567"
    return [
        ("first-guests", First(choices=guest)),
        ("whom-for", WhomFor(barcode=barcode, choices=ways)),
        ("whole-phone", EnterPhone(whose=Whose.RECIPIENT, choices=back)),
        (
            "whole-phone-refused",
            EnterPhone(whose=Whose.GUESTS_RECIPIENT, refused=not_a_phone, choices=(Choice.BACK,)),
        ),
        ("whole-phone-guest", EnterPhone(whose=Whose.GUEST, needs_country=True, choices=back)),
        (
            "confirm-phone",
            ConfirmPhone(whose=Whose.RECIPIENT, phone="+491710000001", choices=sure),
        ),
        ("find-resident", FindResident(choices=back)),
        (
            "find-resident-refused",
            FindResident(refused=Refused(Refusal.TOO_MANY_RESIDENTS), choices=back),
        ),
        (
            "pick-resident",
            PickResident(rows=rows, page=1, pages=3, choices=(Choice.MORE, Choice.BACK)),
        ),
        ("privacy", PrivacyNotice(days=30, choices=(Choice.BACK,))),
        (
            "put-in-for",
            DoorOpen(slot="20", purpose=Purpose.PUT_IN, barcode=barcode, choices=putting_in),
        ),
        (
            "guest-stored",
            GuestStored(slot="7", reference="G017364459", is_reached=True, choices=(Choice.DONE,)),
        ),
        (
            "guest-stored-offline",
            GuestStored(slot="7", reference="G017364459", is_reached=False, choices=(Choice.DONE,)),
        ),
        (
            "room-elsewhere",
            RoomElsewhere(
                rows=_NEARBY,
                is_known=True,
                is_reached=True,
                choices=(Choice.RESERVE, Choice.BACK),
            ),
        ),
        (
            "room-elsewhere-old",
            RoomElsewhere(
                rows=_NEARBY, is_known=True, is_reached=False, age_s=7_260, choices=(Choice.DONE,)
            ),
        ),
        (
            "guests-refused",
            Answer(refused=Refused(Refusal.TOO_MANY_GUESTS), choices=(Choice.DONE,)),
        ),
    ]
