"""A kiosk asks where else there is room, and has it kept, as the server finds and counts it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import requests
from sqlalchemy import update

from central import schema
from kiosk.model.carriers import OPERATOR
from kiosk.sync.nearby import NearbyRoom
from kiosk.sync.servers import Servers
from tests.central.test_kiosk_client import Site
from tests.support.central_server import LOCATION, Journal, Server


def place(server: Server, name: str, latitude: float, free: int) -> None:
    """A location with some doors of size S."""

    def write(connection: object) -> None:
        run = connection.execute  # type: ignore[attr-defined]
        values = {"latitude": latitude, "longitude": 13.4, "free": free}
        run(update(schema.location).where(schema.location.c.id == name).values(**values))
        sizes = schema.location_size
        run(sizes.delete().where(sizes.c.location == name))
        row = {"location": name, "size": "S", "total": 10, "rank": 0, "depth_mm": 400}
        run(sizes.insert().values(**row, **values, width_mm=400, height_mm=400, max_weight_kg=20))

    server.write(write)


def test_the_nearest_with_room_are_named_and_one_is_kept(tmp_path: Path, server: Server) -> None:
    site = Site(tmp_path / "site", server)
    try:
        site.sync()
        for name, latitude, free in (("near", 52.51, 1), ("far", 52.9, 5), ("full", 52.505, 0)):
            server.add_location(name, address=f"{name} street")
            place(server, name, latitude, free)
        place(server, LOCATION.id, 52.5, 0)
        identity = site.client()._identity
        room = NearbyRoom(
            Servers((server.url,)), LOCATION.id, identity.token, site.journal.clock.now
        )

        async def at_the_kiosk() -> None:
            assert await room.look(OPERATOR)
            known = room.known(OPERATOR)
            assert known is not None
            first, second = known.answer.sizes["S"]
            assert (first.id, first.address, first.free) == ("near", "near street", 1)
            assert second.id == "far"
            until_ms = await room.reserve("near", "S", OPERATOR)
            assert until_ms is not None
            assert await room.look(OPERATOR)
            assert [each.id for each in room.known(OPERATOR).answer.sizes["S"]] == ["far"]  # type: ignore[union-attr]
            assert await room.reserve("near", "S", OPERATOR) is None
            server.stop()
            assert not await room.look(OPERATOR)
            assert room.known(OPERATOR) is not None  # as it was heard last

        asyncio.run(at_the_kiosk())
        [row] = server.rows(schema.reservation)
        assert (row.location, row.size, row.kind) == ("near", "S", "soft")
    finally:
        site.journal.store.close()


@pytest.mark.parametrize("field", ["place", "size"])
@pytest.mark.parametrize("value", ["", "a\x06", "a\nb", "\u202e", "x" * 65])
def test_a_place_or_size_that_is_none_is_refused_by_its_name(
    server: Server, kiosk: Journal, field: str, value: str
) -> None:
    answer = requests.post(
        f"{server.url}/v1/locations/{LOCATION.id}/nearby",
        params={"place": "near", "size": "S", field: value},
        headers={"authorization": f"Bearer {kiosk.token}"},
        timeout=20,
    )
    assert answer.status_code == 422, answer.text
    assert [each["field"] for each in answer.json()["errors"]] == [field]
