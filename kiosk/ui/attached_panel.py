"""The panel that hangs on this machine, for a kiosk that has no site file yet to describe it.

The kernel lists each connector with the modes of what hangs on it, and with its EDID, in which the
picture's size stands (VESA E-EDID 1.4: centimetres at byte 21, millimetres in the first detailed
timing at byte 54). A panel that says nothing of its size is taken to be as fine as most.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from kiosk.ui.panel import Panel

CONNECTORS: Final = Path("/sys/class/drm")
USUAL: Final = Panel(1080, 1920, 268.0, 476.0)
"""Where nothing is known."""
USUAL_PX_PER_MM: Final = 5.5
"""Of most panels from 7 to 16 inches."""
_LIKELY_MM: Final = range(60, 1500)
_EDID_BYTES, _WIDTH_CM, _TIMING = 128, 21, 54


def attached_panel(connectors: Path = CONNECTORS) -> Panel:
    """The first connected panel, or the usual one."""
    for folder in sorted(connectors.glob("card*-*")):
        if _text(folder / "status") == "connected":
            found = re.match(r"(\d+)x(\d+)", _text(folder / "modes"))
            if found is not None:
                return panel_of(int(found[1]), int(found[2]), _bytes(folder / "edid"))
    return USUAL


def panel_of(width_px: int, height_px: int, edid: bytes = b"") -> Panel:
    """A panel of so many pixels, with the size that its EDID gives, if that is likely."""
    width_mm, height_mm = _size_mm(edid)
    if width_mm in _LIKELY_MM and height_mm in _LIKELY_MM:
        return Panel(width_px, height_px, float(width_mm), float(height_mm))
    return Panel(width_px, height_px, width_px / USUAL_PX_PER_MM, height_px / USUAL_PX_PER_MM)


def _size_mm(edid: bytes) -> tuple[int, int]:
    """Width and height; 0 where they are not said."""
    if len(edid) < _EDID_BYTES:
        return 0, 0
    low_width, low_height, high = edid[_TIMING + 12], edid[_TIMING + 13], edid[_TIMING + 14]
    if edid[_TIMING] or edid[_TIMING + 1]:
        return low_width + (high >> 4) * 256, low_height + (high & 0x0F) * 256
    return edid[_WIDTH_CM] * 10, edid[_WIDTH_CM + 1] * 10


def _text(path: Path) -> str:
    return _bytes(path).decode("ascii", "replace").strip()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
