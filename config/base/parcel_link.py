#!/usr/bin/python3 -I
"""Every five minutes: helps a link to the server that stays dead, and never the kiosk.

Asked is the kiosk itself, which says when the server alone is missing. After ten minutes the links
of this machine are made again, after half an hour its modem is started again, and after six hours
the machine, if nobody stands at it and it is up for a day. A server that is down looks the same
from here, so that each of it is done once until the server was reached again.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

STATE = "run/parcel-keeper/link.json"
LINKS = ("NetworkManager.service", "systemd-networkd.service", "networking.service")
LINK_AGAIN_S, MODEM_AGAIN_S, MACHINE_AGAIN_S = 600.0, 1800.0, 21_600.0
UP_AT_LEAST_S = 86_400.0
"""A machine that is up for less is not restarted for its link: at most one restart a day."""


@dataclass
class Outage:
    """Since when the server is missing, in seconds since the machine's start, and what was done."""

    since_s: float = -1.0
    done: int = 0


def step_for(outage: Outage, health: dict[str, Any], now_s: float) -> str:
    """What is to be started again now: "link", "modem", "machine" or nothing. The outage is kept up
    to date."""
    if "reaches_server" not in health:
        return ""  # nobody can say
    if health["reaches_server"] is not False:
        outage.since_s, outage.done = -1.0, 0
        return ""
    if outage.since_s < 0:
        outage.since_s = now_s
    lasted_s = now_s - outage.since_s
    may_restart = health.get("is_idle") is True and now_s >= UP_AT_LEAST_S
    steps = (
        ("link", lasted_s >= LINK_AGAIN_S),
        ("modem", lasted_s >= MODEM_AGAIN_S),
        ("machine", lasted_s >= MACHINE_AGAIN_S and may_restart),
    )
    if outage.done >= len(steps) or not steps[outage.done][1]:
        return ""
    outage.done += 1
    return steps[outage.done - 1][0]


def read(root: str) -> Outage:
    try:
        with open(os.path.join(root, STATE)) as file:
            found = json.load(file)
        return Outage(float(found["since_s"]), int(found["done"]))
    except (OSError, ValueError, TypeError, LookupError):
        return Outage()


def write(root: str, outage: Outage) -> None:
    with contextlib.suppress(OSError), open(os.path.join(root, STATE), "w") as file:
        json.dump(asdict(outage), file)


def run(*command: str) -> tuple[bool, str]:
    """Whether a program did its work, and what it said; one that is not here does none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False, ""
    return done.returncode == 0, done.stdout


def health() -> dict[str, Any]:
    """What the kiosk says of itself; one that is not well says so by its exit code, too."""
    try:
        found = json.loads(run("kiosk", "health", "--data", "/var/lib/parcel-kiosk")[1])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def do(step: str) -> None:
    if step == "link":
        for unit in LINKS:
            if run("systemctl", "is-active", unit)[0]:
                run("systemctl", "restart", unit)
    elif step == "modem":
        # By its own command; where it does not know it, it is taken off the network and put back.
        if not run("mmcli", "--modem", "any", "--reset")[0]:
            run("mmcli", "--modem", "any", "--disable")
            run("mmcli", "--modem", "any", "--enable")
    else:
        run("systemctl", "reboot")


def main() -> int:
    outage = read("/")
    now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    step = step_for(outage, health(), now_s)
    write("/", outage)
    if step:
        minutes = (now_s - outage.since_s) / 60
        print(f"the server is missing for {minutes:.0f} minutes: the {step} is started again")
        do(step)
    return 0


if __name__ == "__main__":
    sys.exit(main())
