"""A central server and an enrolled kiosk for the attacks that need them."""

from tests.central.conftest import kiosk, mailbox, server

__all__ = ["kiosk", "mailbox", "server"]
