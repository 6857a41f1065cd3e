"""What carriers' programs send about their receivers, with its ranges."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from central.webhooks.destinations import URL_MAX
from central.webhooks.endpoints import KEEP_HOURS, KEEP_HOURS_MAX
from central.webhooks.events import EVERYTHING

Events = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=64)]
EVENTS = "By name, as `package.deposited`; `package.*` for all of a kind, `*` for all."


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewReceiver(_Request):
    """A receiver that is to be sent what happens."""

    url: str = Field(max_length=URL_MAX, description="https, without user and password.")
    events: Events = Field(default=[EVERYTHING], description=EVENTS)


class ChangedReceiver(_Request):
    """What of a receiver is to be another."""

    url: str | None = Field(default=None, max_length=URL_MAX)
    events: Events | None = Field(default=None, description=EVENTS)
    disabled: bool | None = None


class NewSecret(_Request):
    """How long the secret before signs as well."""

    keep_hours: int = Field(default=KEEP_HOURS, ge=0, le=KEEP_HOURS_MAX)


class Replay(_Request):
    """What was given up and is to be sent again: one webhook, or all since a time."""

    webhook: str | None = Field(default=None, max_length=64)
    since_ms: int | None = Field(default=None, ge=0, le=4_102_444_800_000)
