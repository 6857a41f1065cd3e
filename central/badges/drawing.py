"""A badge as a picture: for a page that is printed, and for the wallet of a phone."""

from __future__ import annotations

import io
from base64 import b64encode
from datetime import UTC, datetime
from typing import Final

import segno
from PIL import Image, ImageDraw, ImageFont

from kiosk.model.signed_badge import SignedBadge

SVG_TYPE, PNG_TYPE = "image/svg+xml", "image/png"
CODE_PX: Final = 900
"""How wide the code is in the picture: a scanner reads it from a small phone, too."""
LINE_PX: Final = 56


def svg(text: str) -> bytes:
    """The code alone, to be printed in any size."""
    out = io.BytesIO()
    _code(text).save(out, kind="svg", scale=8, border=4, dark="#000", light="#fff")
    return out.getvalue()


def png(badge: SignedBadge, text: str) -> bytes:
    """The code with whose it is, and until when, beneath it."""
    out = io.BytesIO()
    code = _code(text)
    scale = max(1, CODE_PX // code.symbol_size(border=4)[0])
    code.save(out, kind="png", scale=scale, border=4, dark="#000", light="#fff")
    picture = Image.open(io.BytesIO(out.getvalue())).convert("L")
    lines = (f"{badge.carrier} · {badge.pseudonym}", f"until {moment(badge.until_s)} UTC")
    whole = Image.new("L", (picture.width, picture.height + LINE_PX * (len(lines) + 1)), 255)
    whole.paste(picture, (0, 0))
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(LINE_PX - 18)
    for number, line in enumerate(lines):
        place = (picture.width // 2, picture.height + LINE_PX * (number + 0.5))
        pen.text(place, line, fill=0, font=font, anchor="mm")
    drawn = io.BytesIO()
    whole.save(drawn, "PNG", optimize=True)
    return drawn.getvalue()


def data_uri(kind: str, picture: bytes) -> str:
    """A picture as a page holds it."""
    return f"data:{kind};base64,{b64encode(picture).decode()}"


def moment(seconds: int) -> str:
    """A moment of a badge as people read it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m")
