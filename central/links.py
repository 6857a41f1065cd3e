"""The link in a message with which a person looks after their own package, without an account.

Who has the link was sent it: it is signed, and names one package and the one person whom it was
sent to. Where it leads, and when it has ended, says `central.packages.linked`.
"""

from __future__ import annotations

from central.context import Central
from kiosk.model.clock import DAY_MS
from kiosk.model.urls import asking, path

PATH = "/mine"
PURPOSE = "package"
VALID_MS = 60 * DAY_MS
"""The longest that a link is good, whatever becomes of its package."""
SHORT = "/m"
"""Where a short link begins, as SMS have it; it leads on to the long one."""
NO_REMINDERS = "/no-reminders"
"""Behind a link: its person wants no more reminders by e-mail."""


def link_to(central: Central, package: str, recipient: str) -> str:
    """The link of a package for this recipient."""
    token = central.secrets.serializer(PURPOSE).dumps([package, recipient])
    return f"{central.settings.base_url}{PATH}{path(token)}"


PRIVACY = "/privacy"


def privacy_url(central: Central, language: str) -> str:
    """Where it says what is kept of people, in this language; "" where nobody reaches this
    server."""
    if not central.settings.public_url:
        return ""
    return asking(f"{central.settings.base_url}{PRIVACY}", language=language)
