"""Texts that machines send, made such as stay on one line and leave the text around them alone."""

from __future__ import annotations

import unicodedata
from typing import Any

from central.errors import is_plain


def plain(text: str) -> str:
    """A text with a blank for each line break or control character, and no mark that turns it."""
    if text.isprintable() or is_plain(text):
        return text
    return " ".join("".join(map(_plain_sign, text)).split())


def _plain_sign(sign: str) -> str:
    if is_plain(sign):
        return sign
    return "" if unicodedata.category(sign) == "Cf" else " "


def all_plain(sent: Any) -> Any:
    """What a machine sent, with each text in it made plain."""
    if isinstance(sent, str):
        return plain(sent)
    if isinstance(sent, dict):
        return {all_plain(name): all_plain(value) for name, value in sent.items()}
    if isinstance(sent, (list, tuple)):
        return [all_plain(each) for each in sent]
    return sent
