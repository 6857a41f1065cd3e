"""The link in a message with which a person looks after their own package, without an account.

Who has the link was sent it: it is signed and names one package.
"""

from __future__ import annotations

from itsdangerous import BadData

from central.context import Central
from central.errors import not_found
from kiosk.model.urls import path

PATH = "/mine"
PURPOSE = "package"
VALID_S = 60 * 24 * 3600


def link_to(central: Central, package: str) -> str:
    """The link of a package."""
    token = central.secrets.serializer(PURPOSE).dumps(package)
    return f"{central.settings.base_url}{PATH}{path(token)}"


def package_of(central: Central, token: str) -> str:
    """The package of a link. Raises `RequestError` when it is none of ours, or too old."""
    try:
        return str(central.secrets.serializer(PURPOSE).loads(token, max_age=VALID_S))
    except BadData as error:
        raise not_found("link", token[:12]) from error
