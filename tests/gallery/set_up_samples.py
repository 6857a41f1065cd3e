"""Views of a new kiosk, for the gallery and for tests of the screens."""

from __future__ import annotations

from drivers.door import BoardReport
from kiosk.flows.views.choices import Choice, Problem, Purpose, Refusal, Refused
from kiosk.flows.views.set_up import (
    BankDrawn,
    BoardsFound,
    DoorFailed,
    NewPin,
    NotReached,
    NotSetUp,
    PinStep,
    Reaching,
    SetUpDone,
    ShowInvitation,
    SiteFound,
    Typed,
    TypeInvitation,
)
from kiosk.flows.views.shared import DoorOpen, View
from kiosk.model.invitation import Unreached

HOST = "lockers.example.org"
DETAIL = 'site.toml:12: boards[0].family = "cu99": is not a board family of this version'
_ON, _TRY = (Choice.GO_ON,), (Choice.TRY_AGAIN, Choice.OUT_OF_SERVICE)


def set_up_views(boards: tuple[BoardReport, ...]) -> list[tuple[str, View]]:
    """From "Not set up yet" to ready."""
    back, again = (Choice.BACK,), (Choice.TRY_AGAIN, Choice.ANOTHER_SERVER)
    ways = (Choice.TYPE_IT, Choice.BACK)
    alone = (Choice.TYPE_IT, Choice.WITHOUT_SERVER, Choice.BACK)
    address = TypeInvitation(what=Typed.ADDRESS, text=f"https://{HOST}", choices=back)
    token = "enrol_" + "aZ09-_" * 7 + "." + "Qx7" * 7
    site = SiteFound(
        host=HOST,
        name="Lindenplatz",
        address="Lindenplatz 1, 10115 Berlin",
        doors=24,
        choices=(Choice.YES, Choice.ANOTHER_SERVER),
    )
    return [
        ("not-set-up", NotSetUp(choices=_ON)),
        ("show-invitation", ShowInvitation(choices=ways)),
        ("show-invitation-refused", ShowInvitation(is_refused=True, choices=alone)),
        ("type-address", address),
        (
            "type-token-refused",
            TypeInvitation(what=Typed.TOKEN, text=token, is_refused=True, choices=back),
        ),
        ("reaching", Reaching(host=HOST)),
        *(
            (
                f"not-reached-{why.value.lower().replace('_', '-')}",
                NotReached(host=HOST, why=why, detail=DETAIL, choices=again),
            )
            for why in Unreached
        ),
        ("site-found", site),
        ("boards-found", BoardsFound(boards=boards, choices=_ON)),
        ("bank-drawn", BankDrawn(doors=24, choices=_ON)),
        ("door-tried", DoorOpen(slot="7", purpose=Purpose.TRY, choices=(Choice.ANOTHER_SLOT,))),
        *(
            (f"door-failed-{problem.value.lower().replace('_', '-')}", _failed(problem, ""))
            for problem in (Problem.JAMMED, Problem.UNREACHABLE, Problem.WRONG_DOOR)
        ),
        ("door-failed-other", _failed(Problem.WRONG_DOOR, "12")),
        ("new-number", NewPin(step=PinStep.NUMBER)),
        (
            "new-number-taken",
            NewPin(step=PinStep.NUMBER, refused=Refused(Refusal.NUMBER_TAKEN)),
        ),
        ("new-secret", NewPin(step=PinStep.SECRET, number="99", choices=back)),
        (
            "new-secret-differs",
            NewPin(
                step=PinStep.SECRET,
                number="123456789012",
                refused=Refused(Refusal.PINS_DIFFER),
                choices=back,
            ),
        ),
        ("new-again", NewPin(step=PinStep.AGAIN, number="99", choices=back)),
        (
            "set-up-done",
            SetUpDone(doors=24, out_of_service=(), is_enrolled=True, choices=(Choice.DONE,)),
        ),
        (
            "set-up-done-some",
            SetUpDone(
                doors=24, out_of_service=("7", "12"), is_enrolled=False, choices=(Choice.DONE,)
            ),
        ),
    ]


def _failed(problem: Problem, wrong_slot: str) -> DoorFailed:
    return DoorFailed(
        slot="7",
        problem=problem,
        board="left",
        channel=7,
        wrong_slot=wrong_slot,
        choices=_TRY,
    )
