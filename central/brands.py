"""The logo that messages carry: read once, and refused at the start where mail programs would not
show it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image

LOGO_BYTES_MAX: Final = 40_000
LOGO_HEIGHT_PX: Final = 40
"""How high it is shown."""
LOGO_WIDTH_MAX_PX: Final = 220


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture, and how wide and high it is shown."""

    content: bytes
    width_px: int
    height_px: int


@cache
def logo_of(file: Path) -> Logo:
    """The logo in a file. Raises `ValueError` that says what would be right."""
    right = f"right is a PNG of {LOGO_BYTES_MAX // 1000} KB at most"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}): {right}") from error
    if len(content) > LOGO_BYTES_MAX:
        raise ValueError(f"{file} has {len(content) // 1000} KB: {right}")
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            width, height = picture.size
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{file} is no such picture: {right}") from error
    scale = min(LOGO_HEIGHT_PX / height, LOGO_WIDTH_MAX_PX / width)
    return Logo(content, max(1, round(width * scale)), max(1, round(height * scale)))
