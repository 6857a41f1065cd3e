"""What can be wrong with a request or an installation, with what the other side needs to act."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, Self

from kiosk.model import bidi

_TURNING = "\u2028\u2029" + bidi.CONTROLS
"""Characters that end a line or turn the text around them over."""


class CannotServeError(Exception):
    """The server cannot run so; the message says what to do."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field of a request that does not fit."""

    field: str
    value: Any
    """As it came, shortened; None where it is missing or opens something."""
    expected: str
    """What would be right."""

    def body(self) -> dict[str, Any]:
        """As a problem names it, with a JSON Pointer (RFC 6901) beside the name."""
        parts = (each.replace("~", "~0").replace("/", "~1") for each in self.field.split("."))
        pointer = "".join(f"/{part}" for part in parts if part)
        said = {"field": self.field, "pointer": f"#{pointer}", "value": self.value}
        return said | {"expected": self.expected}


class RequestError(Exception):
    """A request that is not carried out: an HTTP status, a code for programs, words for people."""

    def __init__(self, status: int, code: str, message: str, **detail: object) -> None:
        # What was sent is said back in it: no answer fails because of what it quotes.
        self.status, self.code = status, code
        self.message: str = sendable(message)
        self.detail: dict[str, Any] = sendable(detail)
        super().__init__(self.message)
        self.errors: tuple[FieldError, ...] = ()

    def with_errors(self, *errors: FieldError) -> Self:
        """The same, that names these fields."""
        self.errors = tuple(
            FieldError(sendable(each.field), sendable(each.value), sendable(each.expected))
            for each in errors
        )
        return self

    def body(self) -> dict[str, object]:
        """The answer's JSON."""
        return {"error": self.code, "message": self.message, **self.detail}


def wrong_field(field: str, value: Any, expected: str, message: str = "") -> RequestError:
    """One field does not fit."""
    shown = "" if value is None else f" {value!r:.130}"
    message = message or f"{field}{shown}: {expected}"
    problems = [{"field": field, "problem": expected}]
    error = RequestError(422, "invalid", message, problems=problems)
    return error.with_errors(FieldError(field, value, expected))


def sendable(value: Any) -> Any:
    """The same, with each text in it such as UTF-8 has: half of a pair of surrogates, which JSON
    can name, is written as JSON names it."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {sendable(name): sendable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [sendable(each) for each in value]
    return value


def is_plain(text: str) -> bool:
    """Whether a text has no line break, no other control character, and turns nothing over."""
    return not any(unicodedata.category(sign) == "Cc" or sign in _TURNING for sign in text)


def one_line(text: str) -> str:
    """A field that people or programs fill in. Raises `ValueError`, as pydantic wants it."""
    if not is_plain(text):
        raise ValueError(f"{text!r}: there is a control character in it; write it on one line")
    return text


def require_plain(**texts: str) -> None:
    """Refuse names and the like with line breaks or other control characters.

    Raises `RequestError` with the field and its value.
    """
    for field, text in texts.items():
        if not is_plain(text):
            problem = f"{field} {text!r}: there is a control character in it; write it on one line"
            raise RequestError(422, "invalid", problem)


def not_found(what: str, name: str) -> RequestError:
    """There is no such thing, or it is not the asker's: the answer is the same."""
    return RequestError(404, "not_found", f"there is no {what} {name!r}")
