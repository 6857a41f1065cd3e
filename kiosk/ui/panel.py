"""The panel the kiosk is drawn on: its pixels and its millimetres."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Panel:
    """A screen's picture area. All sizes of the interface are millimetres on this panel."""

    width_px: int
    height_px: int
    width_mm: float
    height_mm: float

    @property
    def px_per_mm(self) -> float:
        """Pixels per millimetre, along the width (pixels are square)."""
        return self.width_px / self.width_mm

    @property
    def is_portrait(self) -> bool:
        return self.height_px > self.width_px

    def scaled_to(self, width_px: int, height_px: int) -> Panel:
        """The same panel shown in a window of at most this size: everything shrinks alike."""
        factor = min(width_px / self.width_px, height_px / self.height_px)
        return Panel(
            width_px=round(self.width_px * factor),
            height_px=round(self.height_px * factor),
            width_mm=self.width_mm,
            height_mm=self.height_mm,
        )
