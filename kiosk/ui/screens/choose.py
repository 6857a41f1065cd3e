"""Which screen a view gets. The state of the flow decides, never the screen before."""

from __future__ import annotations

from typing import Any

from kiosk.flows.person import asks_the_same
from kiosk.flows.views.choices import Question
from kiosk.flows.views.courier import ChooseSize, Collection, Receipt, ScanPackage
from kiosk.flows.views.customer import (
    CodeAsked,
    EnterCode,
    EnterPhoneDigits,
    EnterTracking,
    First,
    HoldExtended,
    LowerAsked,
    MorePackages,
    Thanks,
)
from kiosk.flows.views.service import (
    Boards,
    CannotStart,
    ChooseReason,
    ChooseUntil,
    DoorPage,
    Doors,
    DoorsTested,
    History,
    Machine,
    NoPower,
    PartsTest,
    Rescue,
    Round,
    ScanInside,
    StaffList,
)
from kiosk.flows.views.set_up import (
    BankDrawn,
    BoardsFound,
    DoorFailed,
    NewPin,
    NotReached,
    NotSetUp,
    Reaching,
    SetUpDone,
    ShowInvitation,
    SiteFound,
    TypeInvitation,
)
from kiosk.flows.views.shared import (
    Answer,
    Ask,
    Checking,
    DoorOpen,
    EnterPin,
    Opening,
    Trouble,
    View,
)
from kiosk.flows.views.unannounced import (
    ConfirmPhone,
    EnterPhone,
    FindResident,
    GuestStored,
    PickResident,
    PrivacyNotice,
    RoomElsewhere,
    WhomFor,
)
from kiosk.ui.screens.courier.page import ScanPage, SizePage, TypeBarcodePage
from kiosk.ui.screens.door.notice import DoorNoticePage
from kiosk.ui.screens.door.page import DoorOpenPage
from kiosk.ui.screens.entry.page import CodePage, PhonePage, PinPage
from kiosk.ui.screens.first.page import FirstPage
from kiosk.ui.screens.notice.page import MoreTimePage, NoticePage, ReceiptPage
from kiosk.ui.screens.page import Page
from kiosk.ui.screens.service.details import BoardsPage, HistoryPage, MachinePage, StaffPage
from kiosk.ui.screens.service.page import DoorPageScreen, DoorsPage, ReasonPage, UntilPage
from kiosk.ui.screens.service.parts import PartsPage
from kiosk.ui.screens.set_up.page import (
    BankDrawnPage,
    BoardsFoundPage,
    NewPinPage,
    NotSetUpPage,
    TypeInvitationPage,
)
from kiosk.ui.screens.unannounced.page import (
    FindResidentPage,
    NumberPage,
    PickResidentPage,
    PrivacyPage,
    WhomForPage,
)

_PAGES: dict[type[View], type[Page[Any]]] = {
    First: FirstPage,
    EnterCode: CodePage,
    EnterPhoneDigits: PhonePage,
    EnterTracking: TypeBarcodePage,
    CodeAsked: NoticePage,
    EnterPin: PinPage,
    Checking: NoticePage,
    Opening: DoorNoticePage,
    DoorOpen: DoorOpenPage,
    Trouble: DoorNoticePage,
    Ask: DoorNoticePage,
    Thanks: NoticePage,
    Answer: NoticePage,
    ScanPackage: ScanPage,
    ChooseSize: SizePage,
    Doors: DoorsPage,
    DoorPage: DoorPageScreen,
    ChooseReason: ReasonPage,
    ChooseUntil: UntilPage,
    CannotStart: NoticePage,
    NoPower: NoticePage,
    MorePackages: DoorNoticePage,
    HoldExtended: NoticePage,
    LowerAsked: NoticePage,
    Collection: DoorNoticePage,
    Receipt: ReceiptPage,
    Round: DoorNoticePage,
    ScanInside: NoticePage,
    Rescue: NoticePage,
    Machine: MachinePage,
    Boards: BoardsPage,
    History: HistoryPage,
    DoorsTested: NoticePage,
    StaffList: StaffPage,
    PartsTest: PartsPage,
    WhomFor: WhomForPage,
    EnterPhone: NumberPage,
    ConfirmPhone: NoticePage,
    FindResident: FindResidentPage,
    PickResident: PickResidentPage,
    PrivacyNotice: PrivacyPage,
    GuestStored: NoticePage,
    RoomElsewhere: NoticePage,
    NotSetUp: NotSetUpPage,
    ShowInvitation: NoticePage,
    TypeInvitation: TypeInvitationPage,
    Reaching: NoticePage,
    NotReached: NoticePage,
    SiteFound: NoticePage,
    BoardsFound: BoardsFoundPage,
    BankDrawn: BankDrawnPage,
    DoorFailed: DoorNoticePage,
    NewPin: NewPinPage,
    SetUpDone: NoticePage,
}


class UnknownViewError(Exception):
    """A view came for which there is no screen: add it to `choose._PAGES`."""


def page_class(view: View) -> type[Page[Any]]:
    """The screen class for a view."""
    if isinstance(view, ScanPackage) and view.typing:
        return TypeBarcodePage
    if isinstance(view, Ask) and view.question is Question.NEED_MORE_TIME:
        return MoreTimePage
    try:
        return _PAGES[type(view)]
    except KeyError as error:
        raise UnknownViewError(f"no screen shows the view {type(view).__name__}") from error


def stays(page: Page[Any], view: View) -> bool:
    """Whether this screen takes the new view and keeps what the person typed on it."""
    return type(page) is page_class(view) and asks_the_same(page.view, view)
