"""How the API says that something is wrong: `application/problem+json`, as RFC 9457 has it.

Each code is a type of problem for ever; its `type` leads to the page that says what to do about it.
The members that answers had before (`error`, `message`, `problems` and what a code adds) stand
beside, so that no client has to change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic_core import ErrorDetails
from starlette.responses import JSONResponse, Response

from central.errors import FieldError, RequestError

MEDIA_TYPE: Final = "application/problem+json"
PAGE: Final = "/docs/api"
"""Where people read what a type means."""
ERRORS_MAX: Final = 20
SHOWN_MAX: Final = 120
"""How much of a wrong value is said back."""
NEVER_QUOTED: Final = frozenset({"token", "key", "wrapped_key", "secret", "password"})
"""Fields whose values open something."""

TYPES: Final[dict[str, tuple[str, str]]] = {
    "bad_encoding": ("The body's encoding is not known", "send JSON, plain or with gzip"),
    "conflict": (
        "Somebody else changed the same thing at the same time",
        "look at how it is now, and try again",
    ),
    "disabled": ("The receiver of webhooks is disabled", "enable it, then try again"),
    "exists": (
        "It is there already",
        "of a package, `id` names yours: go on with that one",
    ),
    "forbidden": ("The key may not do this", "have the operator give it the scope that is named"),
    "full": ("No locker near by has room", "widen the search, or try again later"),
    "head_too_large": ("The head of the request is too large", "send fewer or shorter headers"),
    "internal": (
        "The server failed",
        "try again later with the same Idempotency-Key; tell the operator, whose log says why",
    ),
    "invalid": (
        "The request is not valid",
        "`errors` names each field, its value and what would be right; repeat it corrected",
    ),
    "key_reused": (
        "The Idempotency-Key belongs to another request",
        "send a new key with a new request",
    ),
    "limit_reached": (
        "A ceiling was reached",
        "`limit` names it, `free_ms` says when there is room; wait as retry-after says",
    ),
    "method_not_allowed": (
        "The address does not take this method",
        "use one of those in the header allow",
    ),
    "no_carrier": (
        "The key is a sender of the operator's own",
        "ask with a carrier's key: senders of the operator list their packages",
    ),
    "no_sandbox": ("The key is for real lockers", "have the operator make you a sandbox key"),
    "not_dead": ("The webhook was not given up", "there is nothing to send again"),
    "not_disputed": ("Nobody asks whose the package is", "there is nothing to decide"),
    "not_found": (
        "There is no such thing, or it is not yours",
        "check the address and the id",
    ),
    "not_held": ("Nothing holds the package", "look at its status: it has left, or not come yet"),
    "no_key": (
        "The carrier has no key here to sign badges with",
        "ask the operator for one, or sign with a key of your own",
    ),
    "no_site_file": (
        "No site file is kept for the location",
        "have the operator keep one: on the location's page, or central location site-file",
    ),
    "no_site_codes": ("The carrier uses no codes of the day", "ask the operator to let it"),
    "not_ready": (
        "The locker has not reported its sizes yet",
        "give `size` instead of `dimensions`, or wait until it has",
    ),
    "not_reserved": ("The reservation has ended", "reserve again, or announce without one"),
    "other_location": ("The token is another location's", "enrol the kiosk that it was made for"),
    "other_region": (
        "The location is of another region",
        "ask `url`, with a key of that region",
    ),
    "outcome_unknown": (
        "Nobody knows whether it was done",
        "try again with the same Idempotency-Key; without one, look first",
    ),
    "refused": ("The request was refused", "the detail says why"),
    "share_reserved": (
        "Reservations have their share of the location",
        "announce without one, or come again when one has ended",
    ),
    "stopping": ("The server is ending", "try again after `retry-after`"),
    "too_large": (
        "It is too large",
        "of a package, the detail lists what fits; of a body, `max_bytes` says how long it may be",
    ),
    "too_late": ("The package has left", "nothing can be changed any more"),
    "too_long": ("A package is not held so long", "ask for fewer days"),
    "too_many": ("There are as many as there may be", "remove one first"),
    "too_many_requests": ("Too many requests a minute", "wait as retry-after says"),
    "too_many_wait": ("Too many kiosks wait here", "come every few seconds instead"),
    "too_often": ("It was asked for a moment ago", "wait as retry-after says"),
    "too_slow": ("The body arrived too slowly", "send it again, faster"),
    "unauthorised": (
        "The token is missing, not known, or was revoked",
        "send a header: Authorization: Bearer <your key>",
    ),
    "unavailable": ("The server cannot do it now", "nothing was done: wait as retry-after says"),
    "unreadable": (
        "The body cannot be read",
        "send JSON in UTF-8, not nested so deep",
    ),
    "waits_already": ("The same waits to be carried out already", "wait for its outcome"),
}
"""By its code, what a problem is called, and what to do about it."""


def response(error: RequestError, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal as a program gets it."""
    sent = dict(headers or {})
    if error.status == 401:
        sent.setdefault("www-authenticate", "Bearer")
    if "retry_after_s" in error.detail:
        sent.setdefault("retry-after", str(int(float(str(error.detail["retry_after_s"]))) + 1))
    return JSONResponse(body_of(error), error.status, sent, media_type=MEDIA_TYPE)


def body_of(error: RequestError) -> dict[str, object]:
    """The members of a problem, and those of before."""
    title = TYPES[error.code][0] if error.code in TYPES else HTTPStatus(error.status).phrase
    return {
        "type": f"{PAGE}#{error.code}",
        "title": title,
        "status": error.status,
        "detail": error.message,
        "errors": [each.body() for each in error.errors],
        **error.body(),
    }


def invalid(
    found: Sequence[ErrorDetails], skipped: int = 0, what: str = "the request is not valid"
) -> RequestError:
    """What is said of a request whose fields do not fit; the first `skipped` parts of each place
    only say where in the request it stood."""
    problems, errors = [], []
    for each in found[:ERRORS_MAX]:
        place = [str(part) for part in each["loc"]][skipped:]
        field, problem = ".".join(place), each["msg"]
        problems.append({"field": field, "problem": problem})
        errors.append(FieldError(field, _shown(each, place), expected(each)))
    return RequestError(422, "invalid", what, problems=problems).with_errors(*errors)


def in_words(refused: RequestError) -> RequestError:
    """The same for people: the fields stand in the sentence."""
    named = refused.detail.get("problems")
    some: list[dict[str, str]] = named if isinstance(named, list) else []
    what = "; ".join(f"{each['field']}: {each['problem']}" for each in some)
    return RequestError(refused.status, refused.code, what)


def _shown(error: ErrorDetails, place: Sequence[str]) -> Any:
    """A wrong value as it is said back: short, of what has parts only what it is, and never what
    opens something."""
    value = error.get("input")
    if error["type"] == "missing" or not NEVER_QUOTED.isdisjoint(place):
        return None
    if isinstance(value, Mapping):
        return "(an object)"
    if isinstance(value, list | tuple):
        return "(a list)"
    if isinstance(value, bytes):
        return "(bytes)"
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < 2**53:
        return value
    text = str(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


_RIGHT: Final[dict[str, str]] = {
    "missing": "it must be there",
    "extra_forbidden": "there is no such field: leave it out",
    "string_type": "a text",
    "string_too_long": "a text of at most {max_length} characters",
    "string_too_short": "a text of at least {min_length} characters",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number that is not endless",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "list_type": "a list",
    "tuple_type": "a list",
    "too_long": "at most {max_length} of them",
    "too_short": "at least {min_length} of them",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
    "json_invalid": "JSON in UTF-8",
    "json_type": "JSON in UTF-8",
}


def expected(error: ErrorDetails) -> str:
    """What would be right in a field's place."""
    pattern = _RIGHT.get(error["type"])
    if pattern is None:
        return re.sub(r"^(Value error, |Input should be )", "", error["msg"])
    return pattern.format(**error.get("ctx", {}))
