"""A dead machine's locker is emptied from a laptop: with the cable of its boards, a backup and the
location's key; what is done there is in a journal that joins the server's."""

from __future__ import annotations

import asyncio
import getpass
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from config import Site
from kiosk import app
from kiosk.adapters import KEY_FILE, SystemClock, key_path
from kiosk.console.text_panel import ReadLine, TextPanel
from kiosk.data_folder import open_store, use_location_key
from kiosk.flows import session
from kiosk.flows.door_events import recover
from kiosk.flows.rescue import rescue
from kiosk.flows.views.shared import EnterPin, View
from kiosk.private_files import make_private, private_folder
from kiosk.server_link import enrol_kiosk, send_all, transport_of
from kiosk.site_model import location_of
from kiosk.store import packages
from kiosk.store.remains import DATABASE
from kiosk.store.restore import Restored
from kiosk.sync.enrol import identity_in

PATIENCE_S = 86_400


class RescueError(Exception):
    """Nothing can be rescued so; the message says what to do."""


def on_laptop(site: Site, ports: Sequence[str]) -> Site:
    """The site as a laptop serves it: the boards on its own port, and nothing else of the machine.
    `ports`: one for all boards, or `OLD=NEW` for each. Raises `RescueError`."""
    changed = {board.port: board.port for board in site.boards}
    for each in ports:
        old, is_named, new = each.partition("=")
        if not is_named:
            changed = dict.fromkeys(changed, each)
        elif old in changed:
            changed[old] = new
        else:
            known = ", ".join(sorted(changed))
            raise RescueError(f"--port {each}: no board is on {old!r}; there are {known}")
    boards = tuple(board.model_copy(update={"port": changed[board.port]}) for board in site.boards)
    left_out = {"scanner": None, "signals": (), "messages": None, "backup": None}
    return site.model_copy(update={"boards": boards, **left_out})


def begin(
    site: Site, data: Path, backup: Path, key: Path | None, server: tuple[str, str] | None
) -> Restored:
    """Make the folder of a rescue: the key, enrolment where a server is named, and the backup with
    what the server knows to have happened since. Raises `RescueError` and what `kiosk restore`
    raises."""
    if (data / DATABASE).exists():
        raise RescueError(
            f"{data}: a rescue has begun there, or a kiosk is there; leave the backup out to go on,"
            " or name a new folder with --data"
        )
    private_folder(data)
    if key is not None and not (data / KEY_FILE).exists():
        make_private(data / KEY_FILE)
        (data / KEY_FILE).write_bytes(key.read_bytes())
    if server is not None:
        enrol_kiosk(site, data, *server)
    is_enrolled = identity_in(data) is not None
    transport = transport_of(site, data)
    return app.restore(data, backup, with_server=is_enrolled, transport=transport)


def run(site: Site, data: Path, say: Callable[[str], None], read_line: ReadLine) -> dict[str, str]:
    """Open door after door, as whoever signs in says; the packages that still lie inside, by their
    slots. Raises what a start of a kiosk raises."""
    return asyncio.run(_run(site, data, say, read_line))


async def _run(
    site: Site, data: Path, say: Callable[[str], None], read_line: ReadLine
) -> dict[str, str]:
    loop = asyncio.get_running_loop()
    panel = TextPanel(location_of(site), say, read_line, loop)
    async with app.open_kiosk(site, data, panel) as kiosk, session.watching(kiosk):
        await recover(kiosk)
        # Whoever sits at a laptop walks to the doors and back: no silence there means anything.
        kiosk.policy = replace(kiosk.policy, idle_s=PATIENCE_S, courier_session_s=PATIENCE_S)
        panel.listen(kiosk.person)
        rescuing = asyncio.create_task(rescue(kiosk))
        gone = asyncio.create_task(panel.has_ended.wait())
        await asyncio.wait({rescuing, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in (rescuing, gone):
            task.cancel()
        [came_of_it, _] = await asyncio.gather(rescuing, gone, return_exceptions=True)
        left = await kiosk.store.run(packages.inside)
    if isinstance(came_of_it, Exception):
        raise came_of_it
    return left


def send(site: Site, data: Path, server: tuple[str, str] | None = None) -> bool:
    """Send the server what it has not heard of, enrolling first where one is named; whether this
    folder knows a server."""
    if server is not None:
        enrol_kiosk(site, data, *server)
    identity = identity_in(data)
    if identity is None:
        return False
    clock, rng = SystemClock(), secrets.SystemRandom()
    store = open_store(data, app.known_of(site, data), clock, rng, threaded=False)
    try:
        store.submit(use_location_key, key_path(data)).result()
        send_all(store, location_of(site), identity, transport_of(site, data), clock)
    finally:
        store.close()
    return True


def from_terminal(view: View) -> str | None:
    """A line of whoever sits there; a PIN is not shown where it is typed."""
    if isinstance(view, EnterPin) and sys.stdin.isatty():
        return getpass.getpass("PIN: ")
    return sys.stdin.readline() or None
