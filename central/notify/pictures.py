"""The QR code of a pickup code: as a PNG for an e-mail, as a path for a page."""

from __future__ import annotations

import io
from itertools import groupby
from typing import Any

import zxingcpp
from PIL import Image

from kiosk.model.pickup_code import qr_text


def qr_picture(location: str, code: str) -> bytes:
    """The QR code of a pickup code as a PNG."""
    drawn = _drawn(location, code, scale=8)
    height, width = drawn.shape
    picture = io.BytesIO()
    Image.frombuffer("L", (width, height), drawn).convert("1", dither=Image.Dither.NONE).save(
        picture, "png"
    )
    return picture.getvalue()


def qr_path(location: str, code: str) -> tuple[int, str]:
    """The same as the path of an SVG, and how many units it is wide and high."""
    rows: Any = memoryview(_drawn(location, code, scale=1)).tolist()
    strokes = []
    for y, row in enumerate(rows):
        x = 0
        for shade, some in groupby(row):
            width = len(list(some))
            if shade == 0:
                strokes.append(f"M{x} {y}h{width}v1h-{width}z")
            x += width
    return len(rows), "".join(strokes)


def _drawn(location: str, code: str, scale: int) -> Any:
    # Not segno, as elsewhere: this is made for every message, and here it costs a tenth.
    text, kind = qr_text(location, code), zxingcpp.BarcodeFormat.QRCode
    barcode = zxingcpp.create_barcode(text, kind, ec_level="M")
    return zxingcpp.write_barcode_to_image(barcode, scale=scale, add_quiet_zones=True)
