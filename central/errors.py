"""What can be wrong with a request or an installation, with what the other side needs to act."""

from __future__ import annotations

import unicodedata

from kiosk.model import bidi

_TURNING = "\u2028\u2029" + bidi.CONTROLS
"""Characters that end a line or turn the text around them over."""


class CannotServeError(Exception):
    """The server cannot run so; the message says what to do."""


class RequestError(Exception):
    """A request that is not carried out: an HTTP status, a code for programs, words for people."""

    def __init__(self, status: int, code: str, message: str, **detail: object) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.detail = status, code, message, detail

    def body(self) -> dict[str, object]:
        """The answer's JSON."""
        return {"error": self.code, "message": self.message, **self.detail}


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
