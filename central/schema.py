"""All tables of the central server, in SQLAlchemy Core, so that only the URL names the database.

Times are milliseconds since 1970 UTC, ids are UUIDs as text, JSON is text. What a kiosk owns (slots
and packages inside it) is written only from its events; what people ask for goes to it as a
command. Personal fields stand in `recipient` and nowhere else; what is personal anywhere is sealed,
and found by the index beside it.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    TextClause,
    text,
    true,
)

from central.areas.tables import area as area
from central.areas.tables import area_within as area_within
from central.areas.tables import operator_grant as operator_grant
from central.badges.tables import carrier_key as carrier_key
from central.badges.tables import revoked_badge as revoked_badge
from central.badges.tables import site_code_carrier as site_code_carrier
from central.carriers.tables import carrier as carrier
from central.carriers.tables import carrier_area as carrier_area
from central.carriers.tables import carrier_location as carrier_location
from central.carriers.tables import door_share as door_share
from central.carriers.tables import place_change as place_change
from central.counted_tables import carrier_day as carrier_day
from central.counted_tables import day_status as day_status
from central.counted_tables import hour_status as hour_status
from central.counted_tables import kept_figures as kept_figures
from central.counted_tables import minute_status as minute_status
from central.database.columns import REAL
from central.database.columns import WHOLE as WHOLE
from central.database.columns import Flag as Flag
from central.database.columns import fixed as fixed
from central.database.columns import flag_column as _flag
from central.database.columns import metadata as metadata
from central.database.columns import number_column as _number
from central.database.columns import real_column as _real
from central.database.columns import sealed_by_row_column as _sealed_by_row
from central.database.columns import sealed_column as _sealed
from central.database.columns import text_column as _text
from central.database.columns import time_column as _time
from central.database.own_clock import changed_column, written_column
from central.delegates.tables import delegate as delegate
from central.locations.tables import location_listing as location_listing
from central.locations.tables import site_file as site_file
from central.notify.tables import message_stop as message_stop
from central.notify.tables import short_link as short_link
from central.operators.tables import account_link as account_link
from central.operators.tables import operator_session as operator_session
from central.operators.tables import passkey as passkey
from central.operators.tables import recovery_code as recovery_code
from central.operators.tables import sign_in_try as sign_in_try
from central.operators.tables import user as user
from central.outages.tables import location_outage as location_outage
from central.outages.tables import package_outage as package_outage
from central.package_indexes import indexes
from central.packages.tables import reservation as reservation
from central.releases.tables import release as release
from central.releases.tables import release_key as release_key
from central.releases.tables import release_metadata as release_metadata
from central.remote.tables import location_file as location_file
from central.residents.tables import directory_version as directory_version
from central.residents.tables import household as household
from central.residents.tables import resident as resident
from central.rollouts.tables import release_advisory as release_advisory
from central.rollouts.tables import release_checked as release_checked
from central.rollouts.tables import rollout as rollout
from central.rollouts.tables import rollout_hold as rollout_hold
from central.rollouts.tables import rollout_location as rollout_location
from central.rollouts.tables import rollout_ring as rollout_ring
from central.webhooks.tables import webhook_endpoint as webhook_endpoint
from kiosk.model.carriers import OPERATOR


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index of some rows only."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def _location(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "location", Text, ForeignKey("location.id"), nullable=False, primary_key=primary_key
    )


meta = Table("meta", metadata, Column("key", Text, primary_key=True), _text("value"))
BACKED_UP = "backed_up_ms"
"""Under which `meta` says when the last backup was made."""

location = Table(
    "location",
    metadata,
    Column("id", Text, primary_key=True),
    _text("name"),
    _text("address"),
    _real("latitude"),
    _real("longitude"),
    _text("time_zone", "UTC"),
    _text("languages", "[]"),
    _text("help_phone"),
    _text("country"),
    _text("channels", "[]"),
    Column("key_sealed", LargeBinary),
    _text("token_hash"),
    _text("signing_key"),
    _text("announced_key"),
    _text("enrol_token_hash"),
    _time("enrol_until_ms"),
    _time("revoked_ms"),
    _time("retired_ms"),
    _text("epoch"),
    _number("seq"),
    _text("head_hash"),
    _flag("may_begin"),
    _number("command_cursor"),
    _number("staff_version"),
    _number("command_n"),
    _time("last_sync_ms"),
    _number("clock_offset_ms"),
    _text("status", "{}"),
    _text("layout", "{}"),
    _text("layout_hash"),
    _time("watched_until_ms"),
    _time("silent_told_ms"),
    _flag("holds_stand_still"),
    _flag("is_closed"),
    _number("free"),
    _number("promised"),
    _number("promised_to_one"),
    _number("created_ms"),
    _number("queue"),
    _number("doors_open"),
    _number("boards_away"),
    _real("temperature_c"),
    _real("bank_temperature_c"),
    Column("is_on_mains", Flag),
    _real("battery_percent"),
    Column("is_well", Flag),
    _time("unwell_ms"),
    _text("version"),
    _text("release_state"),
    _text("went_back"),
    _text("troubles", "{}"),
    _number("events"),
    _number("quarantined"),
    _number("openings"),
    _number("openings_failed"),
    _number("refusals"),
    _text("feeds"),
    _number("feed_n"),
    _flag("is_full"),
    written_column("listed_ms"),
    _text("area"),
    CheckConstraint("latitude IS NULL OR latitude BETWEEN -90 AND 90", name="latitude"),
    CheckConstraint("longitude IS NULL OR longitude BETWEEN -180 AND 180", name="longitude"),
    Index("ix_location_token", "token_hash"),
    Index("ix_location_listed", "listed_ms", "id"),
    Index("ix_location_country", "country", "id"),
    Index("ix_location_country_listed", "country", "listed_ms", "id"),
    Index("ix_location_area", "area"),
    Index("ix_location_version", "version", "id"),
    Index("ix_location_is_well", "is_well", "id"),
    Index("ix_location_release_state", "release_state", "id"),
    _partial("ix_location_went_back", "id", where="went_back <> ''"),
    _partial("ix_location_silent", "id", where="silent_told_ms IS NOT NULL"),
    _partial("ix_location_free", "latitude", "longitude", where="free > 0"),
    _partial("ix_location_open", "latitude", "longitude", where="free > promised"),
)
"""`command_n` is the highest number that a command to its kiosk has or had;
`command_cursor` is how far the kiosk has come. `queue` to `went_back` are of the status that came
last, beside it so that nobody has to read it: `unwell_ms`, since when the kiosk says that it is not
well, `went_back`, which release it went back from; `troubles` are those of `central.sync.troubles`;
`events` to `refusals` were counted since the
location is known, and never go back."""

signing_key = Table(
    "signing_key",
    metadata,
    Column("number", WHOLE, primary_key=True, autoincrement=True),
    Column("public_key", Text, nullable=False, unique=True),
    Column("key_sealed", LargeBinary, nullable=False),
    _number("created_ms"),
)
"""The keys that commands are signed with, but for the first, which is made from the key file."""

location_epoch = Table(
    "location_epoch",
    metadata,
    _location(primary_key=True),
    Column("epoch", Text, primary_key=True),
    _number("seq"),
    _text("head_hash"),
    _number("began_ms"),
    _number("keyed_from"),
    _flag("is_doubted"),
    _number("pruned_seq"),
)

location_size = Table(
    "location_size",
    metadata,
    _location(primary_key=True),
    Column("size", Text, primary_key=True),
    _number("rank"),
    _number("free"),
    _number("promised"),
    _number("promised_to_one"),
    _number("free_low"),
    _number("total"),
    _number("taken"),
    _number("suspect"),
    _number("width_mm"),
    _number("height_mm"),
    _number("depth_mm"),
    Column("max_weight_kg", REAL, nullable=False, server_default="0"),
    _real("latitude"),
    _real("longitude"),
    _partial("ix_location_size_free", "size", "latitude", "longitude", where="free > 0"),
    _partial("ix_location_size_open", "size", "latitude", "longitude", where="free > promised"),
)
"""The doors of one size at a location, and where that is. Of the free ones some are `promised` to
packages that are announced and have not come, of this size or of whichever; `promised_to_one` to
the sender who has most of them."""

event = Table(
    "event",
    metadata,
    _location(primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("seq", WHOLE, primary_key=True, autoincrement=False),
    _text("kind"),
    _text("body"),
    _number("wall_ms"),
    _number("monotonic_ms"),
    _text("boot_id"),
    _flag("is_trusted"),
    _text("hash"),
    _text("mac"),
    _number("received_ms"),
    _flag("is_forced"),
    _text("remark"),
    _text("package"),
    _partial("ix_event_package", "package", where="package <> ''"),
    Index("ix_event_received", "received_ms"),
    _partial("ix_event_outcome", "received_ms", where="kind = 'DOOR_OUTCOME'"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Text, primary_key=True),
    _location(),
    _text("epoch"),
    _number("seq"),
    _text("payload"),
    _text("reason"),
    _number("received_ms"),
    _number("times", 1),
    _time("settled_ms"),
    _text("payload_hash"),
    Index("ix_quarantine_place", "location", "epoch", "seq"),
    Index(
        "uq_quarantine_payload_hash",
        "location",
        "epoch",
        "seq",
        "payload_hash",
        unique=True,
        sqlite_where=text("payload_hash <> ''"),
        postgresql_where=text("payload_hash <> ''"),
    ),
    _partial("ix_quarantine_open", "received_ms", where="settled_ms IS NULL"),
)
"""`payload` is as long as a kiosk makes it, which no index takes: its hash (SHA-256) is there."""

slot = Table(
    "slot",
    metadata,
    _location(primary_key=True),
    Column("label", Text, primary_key=True),
    _number("position"),
    _text("size"),
    _flag("is_low"),
    _text("status", "EMPTY"),
    Column("suspect", Text),
    _text("service", "IN_SERVICE"),
    _text("service_reason"),
    _text("service_by"),
    _time("service_since_ms"),
    _time("service_until_ms"),
    Column("is_reachable", Flag, nullable=False, server_default=true()),
    _text("door", "UNKNOWN"),
)

recipient = Table(
    "recipient",
    metadata,
    Column("id", Text, primary_key=True),
    _sealed("recipient.name"),
    _sealed("recipient.email"),
    _text("email_index"),
    _sealed("recipient.phone"),
    _text("phone_index"),
    _text("language", "en"),
    _text("channels", "[]"),
    _number("created_ms"),
    _time("erased_ms"),
    Column("beside", Text),
    _partial("ix_recipient_beside", "beside", where="beside IS NOT NULL"),
    Index("ix_recipient_email_index", "email_index"),
    Index("ix_recipient_phone_index", "phone_index"),
    _partial("ix_recipient_kept", "created_ms", where="erased_ms IS NULL"),
)

recipient_word = Table(
    "recipient_word",
    metadata,
    Column("recipient", Text, ForeignKey("recipient.id"), primary_key=True),
    Column("word", Text, primary_key=True),
    Index("ix_recipient_word_word", "word"),
)
"""A part of the blind index of how each word of a name begins: many beginnings have the same, so it
narrows a search, and names nobody."""

LIVE = ("PENDING", "STORED", "EXPIRED")
"""The statuses of a package whose way has not ended."""
_NOT_FETCHED = "status IN ('PENDING', 'STORED', 'EXPIRED', 'CANCELLED', 'COLLECTED', 'MISSING')"

package = Table(
    "package",
    metadata,
    Column("id", Text, primary_key=True),
    _location(),
    _text("barcode"),
    _text("barcode_key"),
    _text("status", "PENDING"),
    Column("size", Text),
    Column("slot", Text),
    Column("last_slot", Text),
    Column("recipient", Text, ForeignKey("recipient.id")),
    Column("sender", Text),
    _text("carrier", OPERATOR),
    _sealed("package.owner"),
    _flag("is_announced"),
    _flag("is_alone"),
    _flag("needs_low"),
    Column("replaces", Text),
    Column("joined", Text),
    Column("known_as", Text),
    Column("locator", Text),
    _number("code_counter"),
    _real("weight_kg"),
    _number("announced_ms"),
    _time("stored_ms"),
    _time("acknowledged_ms"),
    _time("hold_until_ms"),
    _time("finished_ms"),
    _time("unjoined_told_ms"),
    _time("disputed_ms"),
    _time("decided_ms"),
    Column("reference", Text),
    _sealed("package.shop"),
    written_column("known_ms"),
    changed_column("changed_ms"),
    *indexes(),
    Index("ix_package_location", "location", "status"),
    Index("ix_package_barcode", "barcode"),
    Index("ix_package_barcode_key", "barcode_key"),
    Index("ix_package_recipient", "recipient"),
    Index("ix_package_finished", "finished_ms"),
    Index("ix_package_announced", "announced_ms"),
    Index("ix_package_stored", "stored_ms"),
    _partial(
        "ix_package_live",
        "status",
        "location",
        where="status IN ('PENDING', 'STORED', 'EXPIRED')",
    ),
    _partial("ix_package_known_as", "known_as", where="known_as IS NOT NULL"),
    _partial("ix_package_disputed", "disputed_ms", where="disputed_ms IS NOT NULL"),
    _partial("ix_package_unjoined", "status", "stored_ms", where="recipient IS NULL"),
    _partial("ix_package_open", "sender", "location", where="status = 'PENDING'"),
    _partial("ix_package_not_fetched", "status", "announced_ms", where=_NOT_FETCHED),
)


def is_not_fetched() -> TextClause:
    """Whether a package was not fetched by its recipient, by the index of those: most were."""
    return text(_NOT_FETCHED)


def is_live() -> ColumnElement[bool]:
    """Whether a package's way has not ended, by the index of those."""
    return package.c.status.in_([fixed(status) for status in LIVE])


command = Table(
    "command",
    metadata,
    _location(primary_key=True),
    Column("n", WHOLE, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    _text("type"),
    _sealed("command.body", "{}"),
    _sealed("command.by"),
    _number("created_ms"),
    _text("state", "QUEUED"),
    _sealed("command.answer"),
    _time("answered_ms"),
    Column("package", Text),
    _number("times", 1),
    _time("sent_ms"),
    Index("ix_command_package", "package"),
    Index("ix_command_answered", "answered_ms"),
    _partial("ix_command_waiting", "location", "n", where="state = 'QUEUED'"),
)

_OPEN = "status IN ('queued', 'leased')"
_OPEN_WEBHOOK = f"{_OPEN} AND endpoint <> ''"
_DEAD_WEBHOOK = "status = 'dead' AND endpoint <> ''"

notification = Table(
    "notification",
    metadata,
    Column("id", Text, primary_key=True),
    _text("kind"),
    Column("package", Text, ForeignKey("package.id")),
    Column("location", Text, ForeignKey("location.id")),
    Column("recipient", Text, ForeignKey("recipient.id")),
    _text("channel"),
    _text("language", "en"),
    _text("status", "queued"),
    _text("reason"),
    _sealed("notification.facts", "{}"),
    _number("attempts"),
    _number("due_ms"),
    _time("leased_until_ms"),
    _time("late_since_ms"),
    _text("leased_by"),
    _number("created_ms"),
    _time("sent_ms"),
    _time("delivered_ms"),
    _sealed("notification.error"),
    _text("message_id"),
    _number("times", 1),
    _text("held"),
    _text("endpoint"),
    _text("subject"),
    _number("n"),
    _partial("ix_notification_waiting", "location", "kind", "package", where="status = 'queued'"),
    _partial("ix_notification_due", "due_ms", where=f"{_OPEN} AND endpoint = ''"),
    _partial("ix_notification_endpoint_due", "endpoint", "due_ms", where=_OPEN_WEBHOOK),
    _partial("ix_notification_subject", "endpoint", "subject", "n", where=_OPEN_WEBHOOK),
    _partial("ix_notification_endpoint", "endpoint", "created_ms", where="endpoint <> ''"),
    _partial("ix_notification_endpoint_dead", "endpoint", "created_ms", where=_DEAD_WEBHOOK),
    Index("ix_notification_package", "package"),
    _partial("ix_notification_status", "status", "created_ms", where="endpoint = ''"),
    Index("ix_notification_created", "created_ms"),
    Index("ix_notification_recipient", "recipient"),
    Index("ix_notification_location", "location", "created_ms"),
    _partial(
        "ix_notification_late",
        "late_since_ms",
        where=f"{_OPEN} AND endpoint = '' AND late_since_ms IS NOT NULL",
    ),
    _partial("ix_notification_held", "status", where="held <> ''"),
    CheckConstraint("status IN ('queued', 'leased', 'sent', 'dropped', 'dead')", name="status"),
)
"""The outbox: messages to people, and webhooks, which have an `endpoint`. `n` is a webhook's number
there, and those of one `subject` go out in its order."""

budget = Table(
    "budget",
    metadata,
    Column("subject", Text, primary_key=True),
    _number("used_until_ms"),
    _number("promised_ms"),
    Index("ix_budget_used_until_ms", "used_until_ms"),
)
"""Until when the evenly refilled budget of somebody is used, and the last moment at which something
that waits for it was promised to go."""

rate = Table(
    "rate",
    metadata,
    Column("subject", Text, primary_key=True),
    _number("used_until_us"),
    Index("ix_rate_used_until_us", "used_until_us"),
    sqlite_strict=True,
)
"""Until when a bucket of requests is used, in microseconds; only where several servers count."""

api_key = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True),
    _text("name"),
    Column("key_hash", Text, nullable=False, unique=True),
    _text("carrier", OPERATOR),
    _text("scopes", "[]"),
    _number("rate_per_min", 600),
    _number("created_ms"),
    _time("revoked_ms"),
    _text("sandbox"),
    _text("refuses"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("api_key", Text, ForeignKey("api_key.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    _text("request_hash"),
    Column("status", WHOLE, nullable=False),
    _text("response"),
    _number("created_ms"),
)

IS_ALARM = "substr(action, 1, 6) = 'alarm:'"
"""Which lines of the audit log the server wrote for somebody to look at."""

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    _number("at_ms"),
    _sealed("audit.by"),
    _text("by_index"),
    _text("action"),
    _sealed("audit.subject"),
    _text("subject_index"),
    _sealed("audit.detail", "{}"),
    _sealed("audit.address"),
    _text("location"),
    Index("ix_audit_by_index", "by_index"),
    Index("ix_audit_subject_index", "subject_index"),
    Index("ix_audit_at", "at_ms"),
    Index("ix_audit_location", "location", "at_ms"),
    Index("ix_audit_action", "action", "at_ms"),
    _partial("ix_audit_alarm", "at_ms", where=IS_ALARM),
)

staff = Table(
    "staff",
    metadata,
    Column("number", Text, primary_key=True),
    _sealed("staff.name"),
    _text("role", "courier"),
    _sealed_by_row("staff.pin_hash", "number"),
    _sealed_by_row("staff.badge_hash", "number"),
    _time("valid_from_ms"),
    _time("valid_until_ms"),
    _text("locations", '"*"'),
    _text("carriers", f'["{OPERATOR}"]'),
    _time("removed_ms"),
    Column("pin_digits", WHOLE),
    _number("version"),
    _text("area"),
    CheckConstraint("role IN ('courier', 'technician')", name="role"),
    CheckConstraint("length(number) BETWEEN 2 AND 12", name="number"),
    Index("ix_staff_version", "version"),
    Index("ix_staff_area", "area"),
)
"""`version` is that of the list at which somebody was last changed."""

staff_list = Table(
    "staff_list",
    metadata,
    Column("id", WHOLE, primary_key=True, autoincrement=False),
    _number("version"),
    _number("digits", 2),
    CheckConstraint("id = 1", name="id"),
    CheckConstraint("digits BETWEEN 2 AND 12", name="digits"),
    sqlite_strict=True,
)
"""One row: which version of the list of staff counts, and how many digits of a number are typed."""

staff_list_version = Table(
    "staff_list_version",
    metadata,
    Column("version", WHOLE, primary_key=True, autoincrement=False),
    _number("made_ms"),
    Index("ix_staff_list_version_made", "made_ms"),
    sqlite_strict=True,
)
"""The versions that there were: to a kiosk that names another one this list has never been, so it
gets the whole."""
