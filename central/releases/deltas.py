"""What turns the file of one release into that of another: zstd with the older one as its prefix.

A release is packed the same way each time, so most of it stands in the older one, too: what differs
in two files is some 50 KB in place of 47 MB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from backports.zstd import CompressionParameter, ZstdCompressor, ZstdDict

from central.errors import CannotServeError
from kiosk.model.release_files import WINDOW_LOG_MAX

LEVEL: Final = 12


def window_log(size: int) -> int:
    """How far back zstd has to see to find the older file behind the newer. Raises
    `CannotServeError`."""
    log = max(20, (size - 1).bit_length())
    if log > WINDOW_LOG_MAX:
        raise CannotServeError(f"{size} bytes are more than a delta can be made of")
    return log


def make_delta(base: Path, result: Path, delta: Path) -> int:
    """Write what turns `base` into `result`; its size."""
    before, after = base.read_bytes(), result.read_bytes()
    options: dict[int, int] = {
        CompressionParameter.compression_level: LEVEL,
        CompressionParameter.window_log: window_log(len(before) + len(after)),
        CompressionParameter.enable_long_distance_matching: 1,
        CompressionParameter.content_size_flag: 1,
    }
    prefix = ZstdDict(before, is_raw=True).as_prefix
    packed = ZstdCompressor(options=options, zstd_dict=prefix).compress(
        after, ZstdCompressor.FLUSH_FRAME
    )
    delta.write_bytes(packed)
    return len(packed)
