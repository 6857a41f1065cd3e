"""Whatever is kept of people is named, given out and forgotten as it is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, Text, insert, update

from central import app, privacy, schema
from central.auth import Role
from central.database.columns import sealed_column
from central.personal import OF_NOBODY, PERSONAL, After
from central.sealing import Sealed, blind_index, indexed
from tests.support.central_server import Journal, Server, announce
from tests.support.operators import Browser, obey, sync

assert app  # it brings all tables
EMAIL, PHONE = "admin@example.org", "+491713920007"
PERSON = {
    "name": "Mara Lindner",
    "email": EMAIL,
    "phone": PHONE,
    "channels": ["email"],
    "user_id": "customer-17",
}


def unnamed(metadata: MetaData) -> list[str]:
    """The columns that may hold something of somebody, and of which nobody said whether they do."""
    return [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Text | LargeBinary | Sealed)
        and f"{table.name}.{column.name}" not in PERSONAL
        and column.name not in OF_NOBODY.get(table.name, "").split()
    ]


def test_each_column_of_each_table_is_named() -> None:
    assert unnamed(schema.metadata) == []
    tables = schema.metadata.sorted_tables
    real = {f"{table.name}.{each.name}" for table in tables for each in table.columns}
    named = {f"{table}.{each}" for table, some in OF_NOBODY.items() for each in some.split()}
    assert named | PERSONAL.keys() <= real, "what is not there any more"
    assert not named & PERSONAL.keys()
    assert all(each.given or each.why for each in PERSONAL.values())


@pytest.mark.parametrize("column", [Column("note", Text), sealed_column("news.note")])
def test_a_new_column_is_noticed(column: Column[Any]) -> None:
    metadata = MetaData()
    Table("news", metadata, column)
    assert unnamed(metadata) == ["news.note"]


@pytest.fixture
def lived(server: Server, kiosk: Journal) -> Iterator[Server]:
    """Somebody of whom everything is kept that there is, and who is an operator, too."""
    package = announce(
        server, server.add_key(), "A", recipient=PERSON, reference="order-1", shop="Shop"
    )
    name = str(package.json()["id"])
    obey(kiosk)
    kiosk.put_in("A")
    kiosk.take_out(name)
    sync(kiosk)
    browser = Browser(server, Role.ADMIN)
    assert browser.get(f"/packages/{name}").ok

    def keep(connection: Connection) -> None:
        def put(table: Table, **values: Any) -> None:
            connection.execute(insert(table).values(indexed(connection, table, values)))

        table = schema.notification
        said = {"facts": '{"day": "x"}', "error": f"550 {EMAIL}"}
        connection.execute(update(table).values(said))
        put(schema.delegate, id="d", package=name, name="Anna")
        place = kiosk.location.id
        put(schema.household, id="h", location=place, flat="3 left", key_index="k")
        home = {"name": "Mara", "email": EMAIL, "phone": PHONE, "language": "de"}
        put(schema.resident, id="r", household="h", **home)
        index = blind_index(connection, PHONE, "recipient.phone")
        put(schema.message_stop, address_index=index, what="sms", since_ms=1)
        account = connection.execute(schema.user.select()).one().id
        connection.execute(update(schema.user).values(provider_subject="s-1"))
        put(schema.passkey, id="p", account=account, name="Her telephone", public_key=b"1")

    server.write(keep)
    yield server


def found_at(kept: Any, place: str) -> list[Any]:
    """What stands at a place of an export."""
    some = [kept]
    for name in place.split("."):
        some = [each[name] for each in some]
        some = [one for each in some for one in (each if isinstance(each, list) else [each])]
    return some


def test_all_of_it_is_given_out(lived: Server) -> None:
    for contact in (EMAIL, PHONE):
        kept = lived.write(privacy.export, contact)
        for name, each in PERSONAL.items():
            is_known = each.given and (contact == EMAIL or not each.given.startswith("accounts"))
            assert not is_known or any(found_at(kept, each.given)), name
    text = json.dumps(kept)
    for secret in ("argon2", "blind", "password_hash"):
        assert secret not in text


def test_who_only_said_stop_or_has_an_account_is_known(server: Server) -> None:
    Browser(server, Role.ADMIN)

    def keep(connection: Connection) -> None:
        index = blind_index(connection, PHONE, "recipient.phone")
        values = {"address_index": index, "what": "sms", "since_ms": 5}
        connection.execute(insert(schema.message_stop).values(**values))

    server.write(keep)
    stops = [{"what": "sms", "since_ms": 5}]
    assert server.write(privacy.export, PHONE)["stops"] == stops
    [account] = server.write(privacy.export, EMAIL)["accounts"]
    assert account["email"] == EMAIL


def test_what_is_to_be_forgotten_is(lived: Server) -> None:
    lived.write(privacy.erase, lived.central, "test", EMAIL)
    tables = {table.name: table for table in schema.metadata.sorted_tables}
    for name, each in PERSONAL.items():
        table, _, column = name.partition(".")
        values = [getattr(row, column) for row in lived.rows(tables[table])]
        if each.after is After.EMPTIED:
            assert values, f"{name}: nothing was there"
            assert set(values) <= {"", "[]"}, name
        elif each.after is After.REMOVED:
            assert values == [], name
