"""A picture of the screen as a PNG file (ISO 15948), made with no picture library."""

from __future__ import annotations

import struct
import zlib
from array import array
from dataclasses import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = 4


@dataclass(frozen=True, slots=True)
class Pixels:
    """What the graphics card drew: red, green, blue and alpha, the lowest row first."""

    width: int
    height: int
    values: bytes

    def turned_back(self, rotation: int) -> Pixels:
        """As people see it, where the picture is turned counter-clockwise by this many degrees."""
        width, pixels = self.width, array("I", self.values)
        if rotation == 0:
            return self
        if rotation == 180:
            return Pixels(width, self.height, pixels[::-1].tobytes())
        columns = [pixels[left::width] for left in range(width)]
        if rotation == 90:
            columns.reverse()
        else:
            columns = [each[::-1] for each in columns]
        return Pixels(self.height, width, b"".join(each.tobytes() for each in columns))

    def png(self) -> bytes:
        """The picture without its alpha, the highest row first."""
        size, row = self.width * self.height, self.width * 3
        colours = bytearray(3 * size)
        for channel in range(3):
            colours[channel::3] = self.values[channel::_CHANNELS]
        # Each row begins with how it is filtered: 0, not at all.
        rows = b"".join(
            b"\0" + colours[place * row : (place + 1) * row]
            for place in reversed(range(self.height))
        )
        header = struct.pack(">2I5B", self.width, self.height, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
        return _SIGNATURE + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
