"""What the simulated boards of the demo heard, read from the simulator's log of the wire."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import reduce
from operator import xor
from pathlib import Path

UNLOCK, STATUS = 0x8A, 0x80
FRAME_BYTES = 5


def unlock_frames(wire_log: Path) -> list[bytes]:
    """Every unlock frame of the 8A boards, in its order.

    A read of the log may hold several frames, or a piece of one: a busy machine reads late, and a
    process that is killed stops anywhere. So they are found by their beginning and check byte.
    """
    heard: dict[str, bytes] = defaultdict(bytes)
    found: list[bytes] = []
    for line in wire_log.read_text(encoding="utf-8").splitlines():
        if not line.endswith("}"):
            continue  # it is being written
        event = json.loads(line)
        if event["direction"] == "in":
            waiting, frames = _cut(heard[event["port"]] + bytes.fromhex(event["hex"]))
            heard[event["port"]] = waiting
            found += [frame for frame in frames if frame[0] == UNLOCK]
    return found


def _cut(data: bytes) -> tuple[bytes, list[bytes]]:
    """The bytes that may yet become a frame, and the whole frames before them."""
    frames: list[bytes] = []
    start = 0
    while len(data) - start >= FRAME_BYTES:
        frame = data[start : start + FRAME_BYTES]
        is_frame = frame[0] in (UNLOCK, STATUS) and reduce(xor, frame) == 0
        if is_frame:
            frames.append(frame)
        start += FRAME_BYTES if is_frame else 1
    return data[start:], frames
