"""Whether a plug is in the headphone jack, as the kernel's input device of the jack says.

Sound cards and `gpio-keys` jacks show themselves as an input device with the switch
SW_HEADPHONE_INSERT (linux/input-event-codes.h). Not tried on real hardware yet: most machines
without such a device have jacks that cannot tell.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sys
from pathlib import Path

log = logging.getLogger(__name__)

_HEADPHONE_INSERT = 2
_BYTES = 8
_READ = 2
EVIOCGSW = (_READ << 30) | (_BYTES << 16) | (ord("E") << 8) | 0x1B
"""The request for the state of all switches of an input device (linux/input.h)."""


class Jack:
    """The jack behind an input device, like `/dev/input/by-path/platform-jack-event`."""

    def __init__(self, device: Path) -> None:
        self._device = device
        self._file: int | None = None
        self._has_failed = False

    def has_plug(self) -> bool:
        """Whether a plug is in; no, where the device cannot be asked."""
        try:
            if self._file is None:
                self._file = os.open(self._device, os.O_RDONLY | os.O_NONBLOCK)
            switches = bytearray(_BYTES)
            fcntl.ioctl(self._file, EVIOCGSW, switches)
        except OSError as error:
            if not self._has_failed:
                log.warning("the jack %s cannot be asked: %s", self._device, error)
            self._has_failed = True
            self.close()
            return False
        return bool(int.from_bytes(switches, sys.byteorder) >> _HEADPHONE_INSERT & 1)

    def close(self) -> None:
        """Give the device back; the next question opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
