"""A central server and a mailbox for each test, as the server's own tests have them."""

from tests.central.conftest import kiosk, mailbox, server

__all__ = ["kiosk", "mailbox", "server"]
