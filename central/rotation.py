"""Changing the key that personal columns are sealed with, while no server runs.

The new key is written behind the old one, everything is sealed with it, and only then is the old
one thrown away. Stopped at any point, the next start or the same command goes on.
"""

from __future__ import annotations

from central import tokens
from central.building import build
from central.database import alone
from central.settings import Settings


def rotate(settings: Settings) -> None:
    """Seal everything with a new key. Raises `CannotServeError` while a server runs."""
    with alone(settings.url):
        tokens.begin_change(settings.key_path)
    with alone(settings.url):
        pass  # whoever begins from here on knows the new key; one that began just now does not
    # It seals what the newest key has not sealed, as each start does.
    build(settings, may_be_new=False).database.close()
    tokens.end_change(settings.key_path)
