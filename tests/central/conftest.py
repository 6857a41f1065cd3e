"""A central server and a mailbox for each test, started when a test asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.central_server import Journal, Mailbox, Server, mail_server


@pytest.fixture
def mailbox() -> Iterator[tuple[int, Mailbox]]:
    with mail_server() as found:
        yield found


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    running = Server(tmp_path / "central", smtp_port=mailbox[0])
    running.start()
    yield running
    running.stop()


@pytest.fixture
def kiosk(tmp_path: Path, server: Server) -> Iterator[Journal]:
    journal = Journal(tmp_path / "kiosk.db")
    assert journal.enrol(server, server.add_location()).ok
    yield journal
    journal.store.close()
