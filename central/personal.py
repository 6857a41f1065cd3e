"""Which columns hold something of people, or what is made from it: where a person gets it, and what
becomes of it when they are forgotten.

A test walks all tables: a column of text or bytes that stands neither here nor among those that are
of nobody makes it fail, and so does one here that `central.privacy` does not do as it is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class After(StrEnum):
    """What becomes of it when somebody is forgotten."""

    EMPTIED = "emptied"
    REMOVED = "removed with its row"
    STAYS = "stays"
    ENDS = "ends by itself soon"


@dataclass(frozen=True, slots=True)
class Personal:
    """A column that is somebody's."""

    given: str
    """Where it stands in what `person export` prints; empty: nowhere, and `why` says why not."""
    after: After
    why: str = ""


_INDEX: Final = "made from the text beside it, which is given out"
_SECRET: Final = "a secret, or what is made from one"
_OPERATORS: Final = "of an operator: their account goes when the operator of the lockers says so"
_LOG: Final = "the log is kept as evidence, sealed, for `retention.audit_days`"
PERSONAL: Final[dict[str, Personal]] = {
    "recipient.name": Personal("contacts.name", After.EMPTIED),
    "recipient.email": Personal("contacts.email", After.EMPTIED),
    "recipient.email_index": Personal("", After.EMPTIED, _INDEX),
    "recipient.phone": Personal("contacts.phone", After.EMPTIED),
    "recipient.phone_index": Personal("", After.EMPTIED, _INDEX),
    "recipient.language": Personal("contacts.language", After.STAYS, "names nobody alone"),
    "recipient.channels": Personal("contacts.channels", After.EMPTIED),
    "recipient_word.word": Personal("", After.REMOVED, _INDEX),
    "package.owner": Personal("packages.owner", After.EMPTIED),
    "package.shop": Personal("packages.shop", After.EMPTIED),
    "package.barcode": Personal("packages.barcode", After.STAYS, "the package's story stays"),
    "package.reference": Personal("packages.reference", After.STAYS, "its sender's own number"),
    "notification.facts": Personal("messages.details", After.STAYS, "moments and states"),
    "notification.error": Personal("messages.answer", After.EMPTIED),
    "notification.message_id": Personal("", After.STAYS, "a mail server's or gateway's own number"),
    "delegate.name": Personal("delegates.name", After.EMPTIED),
    "household.flat": Personal("directories.flat", After.REMOVED),
    "household.key_index": Personal("", After.REMOVED, _INDEX),
    "resident.name": Personal("directories.name", After.REMOVED),
    "resident.email": Personal("directories.email", After.REMOVED),
    "resident.email_index": Personal("", After.REMOVED, _INDEX),
    "resident.phone": Personal("directories.phone", After.REMOVED),
    "resident.phone_index": Personal("", After.REMOVED, _INDEX),
    "resident.language": Personal("directories.language", After.REMOVED),
    "message_stop.what": Personal("stops.what", After.STAYS, "who said STOP is not written to"),
    "short_link.mark": Personal("", After.ENDS, _SECRET),
    "message_stop.address_index": Personal("", After.STAYS, "a blind index alone; so STOP holds"),
    "audit.action": Personal("views.action", After.STAYS, _LOG),
    "audit.detail": Personal("views.details", After.STAYS, _LOG),
    "audit.subject": Personal("", After.STAYS, "an id, of which the lines are given out"),
    "audit.subject_index": Personal("", After.STAYS, _INDEX),
    "forgotten.line": Personal("", After.STAYS, "marks, so that no backup brings anybody back"),
    "budget.subject": Personal("", After.ENDS, "a mark of a contact, until its budget is full"),
    "idempotency.request_hash": Personal("", After.ENDS, "a keyed hash, deleted after 7 days"),
    "quarantine.payload": Personal("", After.STAYS, "what nobody could read, until it is settled"),
    "location_file.content": Personal("", After.ENDS, "a screen as it was, sealed; kept shortly"),
    # Of operators.
    "user_account.email": Personal("accounts.email", After.STAYS, _OPERATORS),
    "user_account.name": Personal("accounts.name", After.STAYS, _OPERATORS),
    "user_account.role": Personal("accounts.role", After.STAYS, _OPERATORS),
    "user_account.provider_subject": Personal("accounts.provider_subject", After.STAYS, _OPERATORS),
    "user_account.email_folded": Personal("", After.STAYS, _INDEX),
    "user_account.password_hash": Personal("", After.STAYS, _SECRET),
    "user_account.totp_sealed": Personal("", After.STAYS, _SECRET),
    "operator_session.way": Personal("accounts.sessions.way", After.ENDS),
    "operator_session.address": Personal("accounts.sessions.address", After.ENDS),
    "operator_session.device": Personal("accounts.sessions.device", After.ENDS),
    "operator_session.name": Personal("", After.ENDS, "a made-up word"),
    "operator_session.offers": Personal("", After.ENDS, _SECRET),
    "passkey.name": Personal("accounts.passkeys.name", After.STAYS, _OPERATORS),
    "passkey.public_key": Personal("", After.STAYS, "it only checks what the passkey signs"),
    "passkey.transports": Personal("", After.STAYS, "of the device's kind"),
    "recovery_code.code_hash": Personal("", After.STAYS, _SECRET),
    "account_link.token_hash": Personal("", After.ENDS, _SECRET),
    "sign_in_try.bucket": Personal("", After.ENDS, "a mark of an address, until it is free again"),
    "audit.by": Personal("", After.STAYS, "their lines are given out as `accounts.actions`"),
    "audit.by_index": Personal("", After.STAYS, _INDEX),
    "audit.address": Personal("accounts.actions.address", After.STAYS, _LOG),
    "command.by": Personal("", After.STAYS, "their line of the log is given out"),
    # Of couriers and technicians, who are found by number and have no contact here.
    "staff.number": Personal("", After.STAYS, "a number, so that it is not given again"),
    "staff.name": Personal("", After.STAYS, "`central staff remove` empties it"),
    "staff.pin_hash": Personal("", After.STAYS, _SECRET),
    "staff.badge_hash": Personal("", After.STAYS, _SECRET),
    "event.body": Personal("", After.STAYS, "staff by number alone; the journal is evidence"),
    "slot.service_by": Personal("", After.STAYS, "staff by number alone"),
    "slot.service_reason": Personal("", After.STAYS, "what staff wrote of a door"),
    "site_file.content": Personal(
        "", After.STAYS, "a site's own staff, as the operator lists them"
    ),
    "site_file.changed_by": Personal("", After.STAYS, "their line of the log is given out"),
    "command.answer": Personal("", After.ENDS, "what a kiosk says of a command"),
    "revoked_badge.badge": Personal("", After.ENDS, "what a carrier calls a courier's badge"),
    "revoked_badge.pseudonym": Personal("", After.ENDS, "what a carrier calls a courier by"),
}
"""By table and column."""
OF_NOBODY: Final[dict[str, str]] = {
    "account_link": "account",
    "api_key": "id name key_hash carrier scopes sandbox refuses",
    "area": "id name parent",
    "area_carrier_day": "area carrier",
    "area_day": "area",
    "area_hour": "area",
    "area_within": "above area",
    "audit": "id location",
    "carrier": "id name countries look",
    "carrier_area": "carrier area",
    "carrier_day": "carrier location",
    "carrier_key": "public_key carrier key_sealed",
    "carrier_location": "carrier location",
    "command": "id location type body state package",
    "day_status": "location",
    "delegate": "id package",
    "directory": "region location name address free_by_size",
    "directory_age": "region",
    "directory_version": "location",
    "door_share": "location size carrier",
    "event": "location epoch kind boot_id hash mac remark package",
    "feed": "reader location epoch body",
    "feed_reader": "name",
    "forgotten": "id",
    "hour_status": "location",
    "household": "id location",
    "idempotency": "api_key key response",
    "kept_figures": "name content",
    "location": (
        "id name address time_zone languages help_phone country channels key_sealed token_hash"
        " signing_key announced_key enrol_token_hash epoch head_hash status layout layout_hash"
        " feeds area version release_state went_back troubles"
    ),
    "location_epoch": "location epoch head_hash",
    "location_file": "command location kind",
    "location_listing": ("location directions photo_url opening_hours accessibility services"),
    "location_outage": "location why",
    "location_size": "location size",
    "meta": "key value",
    "minute_status": "location",
    "notification": (
        "id kind package location recipient channel language status reason leased_by held"
        " endpoint subject"
    ),
    "operator_grant": "account area role",
    "operator_session": "id account",
    "package": (
        "id location barcode_key status size slot last_slot recipient sender carrier replaces"
        " joined known_as locator"
    ),
    "package_outage": "package location why",
    "passkey": "id account",
    "place_change": "carrier location",
    "quarantine": "id location epoch reason payload_hash",
    "rate": "subject",
    "recipient": "id beside",
    "recipient_word": "recipient",
    "recovery_code": "account",
    "release": "version python machine file sha256 notes",
    "release_advisory": "release advisory package version summary fixed_in",
    "release_checked": "release dump_newest",
    "release_key": "public_key key_sealed",
    "release_metadata": "name role content",
    "reservation": "id location size sender carrier kind state reference package command",
    "resident": "id household",
    "revoked_badge": "id carrier",
    "rollout": "id release area state goes_back_from halted_why",
    "rollout_hold": "location why",
    "rollout_location": "rollout location command why_not settled",
    "rollout_ring": "rollout",
    "short_link": "package recipient",
    "signing_key": "public_key key_sealed",
    "site_code_carrier": "carrier",
    "site_file": "location",
    "slot": "location label size status suspect service door",
    "staff": "role locations carriers area",
    "user_account": "id",
    "webhook_endpoint": "id carrier sender url events secrets disabled_why",
}
"""By table, the columns of text and bytes that say nothing of anybody: ids, states, words, what is
of locations, keys and carriers. What they refer to is said where that stands."""
