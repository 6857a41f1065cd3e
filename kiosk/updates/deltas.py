"""A release's file made of another one and a delta (zstd with the older file as its prefix).

The result is only a guess until its hash was checked: a delta is applied whatever it says, within
the size that was signed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdDict, ZstdError

from kiosk.model.release_files import WINDOW_LOG_MAX
from kiosk.updates.durable import new_file

PIECE: Final = 1024 * 1024


class DeltaError(Exception):
    """A delta does not make the file that it should; the whole file is fetched instead."""


def apply_delta(base: Path, delta: Path, result: Path, size: int) -> None:
    """Write what a delta makes of `base`, `size` bytes and no more. Raises `DeltaError` or
    `OSError`."""
    prefix = ZstdDict(base.read_bytes(), is_raw=True).as_prefix
    options: dict[int, int] = {DecompressionParameter.window_log_max: WINDOW_LOG_MAX}
    unpacker = ZstdDecompressor(zstd_dict=prefix, options=options)
    written = 0
    try:
        with delta.open("rb") as packed, new_file(result) as write:
            while not unpacker.eof:
                piece = packed.read(PIECE) if unpacker.needs_input else b""
                if unpacker.needs_input and not piece:
                    raise DeltaError("the delta ends too early")
                made = unpacker.decompress(piece, PIECE)
                written += len(made)
                if written > size:
                    raise DeltaError(f"the delta makes more than {size} bytes")
                write(made)
    except ZstdError as error:
        raise DeltaError(f"the delta cannot be read: {error}") from error
    if written != size:
        raise DeltaError(f"the delta makes {written} bytes, and {size} were signed")
