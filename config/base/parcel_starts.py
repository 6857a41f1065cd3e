#!/usr/bin/python3 -I
"""Before each start of the kiosk: helps one that fails again and again.

The third start within five minutes has the USB serial adapters found again, as if somebody had
pulled their plugs and put them back; the tenth restarts the machine. A kiosk that shows that it is
out of order is started once a minute, and comes to neither the tenth nor a restart.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time

WITHIN_S, READ_AGAIN_AT, RESTART_AT = 300.0, 3, 10
UP_AT_LEAST_S = 900.0
"""A machine that is up for less is not restarted again."""
STARTS = "run/parcel-keeper/starts.json"


def starts_until(root: str, now_s: float) -> list[float]:
    """When the kiosk was started lately, now among them; kept for the next time."""
    path = os.path.join(root, STARTS)
    try:
        with open(path) as file:
            before = [float(each) for each in json.load(file)]
    except (OSError, ValueError, TypeError):
        before = []
    starts = [*(each for each in before if now_s - WITHIN_S < each <= now_s), now_s]
    with contextlib.suppress(OSError), open(path, "w") as file:
        json.dump(starts[-RESTART_AT:], file)
    return starts


def find_serial_adapters_again(root: str) -> list[str]:
    """Have the system let go of each USB serial adapter, and find it again."""
    folder, found = os.path.join(root, "sys/class/tty"), []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if not name.startswith(("ttyUSB", "ttyACM")):
            continue
        place = os.path.realpath(os.path.join(folder, name, "device"))
        while len(place) > 1 and not os.path.exists(f"{place}/authorized"):
            place = os.path.dirname(place)
        if len(place) > 1 and place not in found:
            found.append(place)
    for place in found:
        for value in ("0", "1"):
            with contextlib.suppress(OSError), open(f"{place}/authorized", "w") as file:
                file.write(value)
    return found


def help_one_that_fails(root: str, now_s: float) -> str:
    """What was done, in words; nothing where nothing was needed."""
    count = len(starts_until(root, now_s))
    if count >= RESTART_AT and now_s > UP_AT_LEAST_S:
        return f"start {count} in {WITHIN_S:.0f} s: the machine is restarted"
    if count == READ_AGAIN_AT:
        found = find_serial_adapters_again(root)
        return f"start {count} in {WITHIN_S:.0f} s: {len(found)} serial adapters are found again"
    return ""


def main() -> int:
    done = help_one_that_fails("/", time.clock_gettime(time.CLOCK_BOOTTIME))
    if done:
        print(done, flush=True)
    if done.endswith("restarted"):
        subprocess.run(["systemctl", "reboot"], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
