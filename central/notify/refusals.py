"""Whose trouble it is when a message does not go out: the mailbox's or the channel's.

What a server says of the sender, of today or of nothing in particular is the channel's trouble: it
passes, or an operator ends it, and no message loses a try by it. What names the mailbox is final
for this way: the person is notified another way at once. Both are read here and nowhere else.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum


class Whose(StrEnum):
    """What did not let a message through."""

    MAILBOX = "mailbox"
    """There is no such mailbox or number, or it never takes this: another way has to be found."""
    MAILBOX_NOW = "mailbox now"
    """The mailbox is full or locked for now: a try is counted."""
    CHANNEL = "channel"
    """The way out as a whole: it is waited for."""


_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_OF_THE_SENDER = re.compile(
    r"relay|limit|quota exceeded for|\brate\b|too many|block|black|spam|authenti|sender|polic"
    r"|greylist|try again|not permitted|access denied",
    re.IGNORECASE,
)
"""How servers that send no enhanced code speak when they refuse the sender and not the mailbox."""
_OF_THE_MAILBOX = re.compile(
    r"(user|mailbox|recipient|account|address)( is| was)? (unknown|not found|full|disabled|inactive"
    r"|over quota)|(unknown|no such|invalid) (user|mailbox|recipient|account)|mailbox quota"
    r"|(does not|doesn't) (exist|have an? )",
    re.IGNORECASE,
)
"""How they speak of the mailbox, also under codes that mean nothing in particular."""
_RESTRICTED = frozenset((123, 124, 129, 133, 134, 135, 136))
"""5.7.x of Exchange for mailboxes and groups that take no mail from outside or from this sender."""
_SENDERS_ADDRESS = (7, 8)
"""X.1.7 and X.1.8 speak of the sender's address (RFC 3463)."""
CLOSING = 421
"""The server ends the connection (RFC 5321, 3.8), whatever the mail was."""
_SENDING_LIMIT = 5
"""5.4.5 is what Google says when a day's mails are used up; other X.4.x speak of the route."""
_NUMBER_CODES_OF_THE_SENDER = frozenset(
    {14107, 20003, 20005, 20429, 21212, 21408, 21603, 21606, 21611, 21659, 21660, 21661, 21910}
    | {30001, 30002, 30022, 63018, 63038}
)
"""Twilio's codes for a refused sender, account or region, a full queue and a used-up day."""


def of_mail(code: int, text: str, *, at_recipient: bool, at_data: bool = False) -> Whose:
    """Whose trouble an SMTP answer is: its code and text, and which command it answered.

    `at_recipient` is RCPT, `at_data` the mail itself; anything else speaks of the connection, the
    login or the sender.
    """
    if code == CLOSING or not (at_recipient or at_data):
        return Whose.CHANNEL
    found = _ENHANCED.search(text)
    is_of_sender = _OF_THE_SENDER.search(text) is not None
    if found is not None and int(found[2]) != 0:
        subject, detail = int(found[2]), int(found[3])
        if not (detail == 0 and is_of_sender):  # X.1.0 says no more than its words do
            return _of_enhanced(code, subject, detail)
    if is_of_sender:
        return Whose.CHANNEL
    if _OF_THE_MAILBOX.search(text):
        return Whose.MAILBOX if code >= 500 else Whose.MAILBOX_NOW
    if code < 500:
        return Whose.CHANNEL
    if at_recipient and code in (501, 550, 551, 552, 553):
        return Whose.MAILBOX
    return Whose.MAILBOX if at_data and code == 552 else Whose.CHANNEL


def _of_enhanced(code: int, subject: int, detail: int) -> Whose:
    """By the enhanced status code (RFC 3463): its second and third number."""
    is_mailbox = (
        (subject == 1 and detail not in _SENDERS_ADDRESS)
        or subject == 2
        or (subject == 3 and detail == 4)  # too big for this mailbox
        or (subject == 4 and detail != _SENDING_LIMIT)
        or subject == 6  # this mailbox does not take such a mail
        or (subject == 7 and detail in _RESTRICTED)
    )
    if code >= 500:
        return Whose.MAILBOX if is_mailbox else Whose.CHANNEL
    # For now: 4.2.0 is how greylisting speaks, which passes.
    is_for_now = subject in (1, 2) and detail != 0 and is_mailbox
    return Whose.MAILBOX_NOW if is_for_now else Whose.CHANNEL


def of_gateway(status: int, body: str) -> Whose:
    """Whose trouble the answer of an SMS gateway is that speaks as Twilio does."""
    if status not in (400, 422):
        return Whose.CHANNEL
    try:
        said = json.loads(body)
        code = int(said["code"])
    except (ValueError, KeyError, TypeError):
        return Whose.MAILBOX
    return Whose.CHANNEL if code in _NUMBER_CODES_OF_THE_SENDER else Whose.MAILBOX
