"""Log lines without people's addresses: what a mail server or a library says may quote them."""

from __future__ import annotations

import logging
import re
from typing import Any, Final

MASK: Final = "…"
_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:=]+(@|%40)[^\s<>\"'(),;:]+")
_NUMBER: Final = re.compile(r"(\+|%2B)\d[\d ()/.-]{5,}\d")
"""Numbers of telephones with their country code; a barcode has no plus."""


def without_contacts(text: str) -> str:
    """A text in which a mark stands for each e-mail address and telephone number."""
    return _NUMBER.sub(MASK, _ADDRESS.sub(MASK, text))


class MaskingFormatter(logging.Formatter):
    """Writes no contact into a log, whoever quotes it; times and names of loggers stay."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        record.message = without_contacts(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """Its traceback."""
        return without_contacts(super().formatException(ei))


def log_to_stderr(form: str, level: int = logging.WARNING) -> None:
    """Send the log of this process to stderr, in this form and masked."""
    handler = logging.StreamHandler()
    handler.setFormatter(MaskingFormatter(form))
    logging.basicConfig(level=level, handlers=[handler])
