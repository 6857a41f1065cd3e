"""Enrolment: a one-time token of the server is exchanged for this kiosk's own, which is kept."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path

import requests
from pydantic import ValidationError

from kiosk.model.location import Location
from kiosk.sync.client import TIMEOUT_S, Identity, layout_of
from kiosk.sync.contract import EnrolAnswer, EnrolRequest
from kiosk.sync.deadline import BoundedSession
from kiosk.sync.reaching import answer_text, server_url, why_not_reached

IDENTITY_FILE = "centre.json"
"""In the data folder, for its owner only."""
_WRITTEN = {
    "url": r"https?://[!-~]+",
    "location": r"[A-Za-z0-9-]{1,32}",
    "token": r"[!-~]+",
    "public_key": r"[0-9A-Fa-f]{64}",
    "former_key": r"([0-9A-Fa-f]{64})?",
}
"""What each part of it looks like."""


class EnrolError(Exception):
    """The kiosk is not enrolled; the message says what to do."""


def enrol(data: Path, location: Location, location_key: bytes, url: str, token: str) -> Identity:
    """Become known to the server at `url`; raises `EnrolError`."""
    url = _address(url)
    message = _request(token, location, location_key)
    try:
        with BoundedSession() as session, session.exchange():
            answer = session.post(
                f"{url}/v1/enrol",
                data=message.model_dump_json(exclude_none=True),
                headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            )
            text = answer_text(answer)
    except requests.RequestException as error:
        raise EnrolError(
            f"{url}: the server is not reached: {why_not_reached(error, url)}"
        ) from error
    if answer.is_redirect:
        place = answer.headers["location"][:200]
        raise EnrolError(f"{url}: the server is elsewhere, it points to {place!r}: name that")
    if answer.status_code != 200:
        raise EnrolError(f"{url}: the server refuses: {_reason(answer, text)}")
    try:
        known = EnrolAnswer.model_validate_json(text)
    except ValidationError as error:
        raise EnrolError(f"{url}: what is there does not answer as a server does") from error
    identity = Identity(
        url,
        known.location,
        known.token,
        known.public_key,
        signs_commands=known.signs_commands,
    )
    keep(data, identity)
    return identity


def _address(url: str) -> str:
    try:
        return server_url(url)
    except ValueError as error:
        raise EnrolError(str(error)) from error


def _request(token: str, location: Location, location_key: bytes) -> EnrolRequest:
    if not re.fullmatch(r"[!-~]{1,128}", token):
        raise EnrolError(
            f"{token[:200]!r} is no token: copy it whole from what the central server printed"
            " (central location roll makes a new one)"
        )
    return EnrolRequest(
        token=token, location=location.id, key=location_key.hex(), layout=layout_of(location)
    )


def _reason(answer: requests.Response, text: bytes) -> str:
    try:
        return " ".join(str(json.loads(text)["message"]).split())[:500]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{answer.status_code} {answer.reason}"


def keep(data: Path, identity: Identity) -> None:
    """Write the file whole, for its owner only, so that it is there after a power cut; an older
    one is replaced."""
    path = data / IDENTITY_FILE
    draft = path.with_suffix(".part")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(identity), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(data, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def identity_in(data: Path) -> Identity | None:
    """What this kiosk kept of its enrolment; None when it is not enrolled.

    Raises `EnrolError` when the file cannot be used.
    """
    path = data / IDENTITY_FILE
    if not path.exists():
        return None
    try:
        identity = Identity(**json.loads(path.read_text(encoding="utf-8")))
        _require_written_right(identity)
    except (OSError, ValueError, TypeError) as error:
        raise EnrolError(f"{path}: {error}; enrol this kiosk again: kiosk enrol") from error
    return identity


def _require_written_right(identity: Identity) -> None:
    """Refuse what a damaged disk or a hand made of the file, which would fail at each sync."""
    if not isinstance(identity.signs_commands, bool):
        raise ValueError("signs_commands is neither true nor false")
    for name, form in _WRITTEN.items():
        value = getattr(identity, name)
        if not isinstance(value, str) or not re.fullmatch(form, value):
            raise ValueError(f"{name} is not written as the server gave it")
