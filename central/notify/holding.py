"""Which messages wait because too many went out: by recipient, package, sender, location and way.

Asked once for each message, when it would go out, for only then does it cost money or patience. One
that is held goes when there is room, if its reason still holds. A sender's budget at an address or
a location is a part of the whole one, and so is a kind's of a package's: one who floods uses up
their own part, and leaves the others theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from central import limits, schema
from central.context import Central
from central.limits import Budget, Reached
from central.notify.message import Message
from central.notify.outbox import OPERATORS, WITH_CODE
from kiosk.model.clock import HOUR_MS


def is_counted(row: Any) -> bool:
    """Whether a message was let out before and only could not be delivered yet."""
    return bool(row.attempts or row.error)


def hold(
    connection: Connection, central: Central, messages: Sequence[tuple[Any, Message]]
) -> dict[str, dict[str, Any]]:
    """What becomes of those that have to wait, by their ids; the others may go now."""
    now_ms = central.clock.now_ms()
    senders = _senders(connection, {row.package for row, _ in messages if row.package})
    held: dict[str, dict[str, Any]] = {}
    for row, message in messages:
        budgets = budgets_of(central, row, message.to, senders.get(row.package) or "")
        is_code = row.kind in WITH_CODE
        share = 1.0 if is_code else central.settings.limits.share_without_code
        full = limits.take(connection, budgets, now_ms, share)
        if full is not None:
            held[row.id] = _waits(connection, full, budgets, now_ms, is_code=is_code)
    return held


def _waits(
    connection: Connection, full: Reached, budgets: Sequence[Budget], now_ms: int, *, is_code: bool
) -> dict[str, Any]:
    due_ms = full.free_ms
    if not is_code:
        [of] = {each.of for each in budgets if each.name == full.name}
        due_ms = limits.promise(connection, full, of, HOUR_MS // full.most, now_ms)
    return {"status": "queued", "due_ms": due_ms, "held": full.text("held, too many messages")}


def _senders(connection: Connection, packages: set[str]) -> Mapping[str, str | None]:
    if not packages:
        return {}
    table = schema.package
    rows = connection.execute(select(table.c.id, table.c.sender).where(table.c.id.in_(packages)))
    return {row.id: row.sender for row in rows}


def mailbox_of(address: str) -> str:
    """Whom an address reaches: in any case of letters, with any tag behind a plus sign."""
    name, _, domain = address.casefold().rpartition("@")
    box = name.partition("+")[0]
    return f"{box}@{domain}" if box else address.casefold()


def budgets_of(central: Central, row: Any, to: str, sender: str) -> list[Budget]:
    """What one message takes from. No address stands in a budget, only a mark of it."""
    rules, location = central.settings.limits, row.location or ""
    if row.channel == OPERATORS:
        return [Budget("operator_messages", f"{location} {row.kind}", rules.operator_messages)]
    mark = central.secrets.mark("address", mailbox_of(to))[:32]
    if row.channel == "email":
        word, to_address = "emails", rules.emails_by_address
        of_sender, of_both = rules.emails_by_sender, rules.emails_by_address_and_sender
    else:
        word, to_address = "sms", rules.sms_by_address
        of_sender, of_both = rules.sms_by_sender, rules.sms_by_address_and_sender
    kinds = rules.messages_by_package_and_kind
    here = rules.messages_by_location_and_sender
    every = {"email": ("emails", rules.emails), "sms": ("sms", rules.sms)}
    name, most = every.get(row.channel, ("other_messages", rules.other_messages))
    if row.package is None:
        return [Budget(f"{word}_by_address", mark, to_address), Budget(name, "all", most)]
    return [
        Budget("messages_by_package_and_kind", f"{row.package} {row.kind}", kinds),
        Budget("messages_by_package", row.package, rules.messages_by_package),
        Budget(f"{word}_by_address_and_sender", f"{mark} {sender}", of_both),
        Budget(f"{word}_by_address", mark, to_address),
        Budget(f"{word}_by_sender", sender, of_sender),
        Budget("messages_by_location_and_sender", f"{location} {sender}", here),
        Budget("messages_by_location", location, rules.messages_by_location),
        Budget(name, "all", most),
    ]
