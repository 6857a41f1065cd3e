"""Kiosks' journals as bytes, made beforehand: the kiosks' own work is not the server's."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass

from kiosk.model.clock import Instant
from kiosk.model.events import GENESIS, canonical_json, chain_hash
from kiosk.sync.contract import Place, SyncRequest, WireEvent

EPOCH = "load"
ZIP_LEVEL = 5
"""What a kiosk zips with."""


@dataclass
class Kiosk:
    """One location's journal, as it grows."""

    name: str
    """The location's id."""
    token: str = ""
    """With which it signs in."""
    seq: int = 0
    head: bytes = GENESIS

    def call(self, count: int) -> bytes:
        """The next sync as HTTP, with so many new events."""
        return post(f"/v1/locations/{self.name}/sync", self.token, self.request(count), "gzip")

    def request(self, count: int) -> bytes:
        """The next sync's body, zipped, with so many new events; 0: only that it is there."""
        events = [self._event() for _ in range(count)]
        head = self.head.hex() if self.seq else ""
        place = Place(epoch=EPOCH, seq=self.seq, hash=head)
        message = SyncRequest(epoch=EPOCH, events=tuple(events), head=place)
        return gzip.compress(message.model_dump_json(exclude_none=True).encode(), ZIP_LEVEL)

    def _event(self) -> WireEvent:
        """A package comes and goes, in turns: what a busy kiosk's journal is made of."""
        self.seq += 1
        at = Instant(time.time_ns() // 1_000_000, self.seq, "boot", True)
        turn, is_pickup = divmod(self.seq, 2)
        package = f"{self.name}-{turn}"
        row = {
            "id": package,
            "barcode": package,
            "status": "RETRIEVED" if is_pickup else "STORED",
            "slot": None if is_pickup else "1",
            "locator": "123",
            "code_counter": 1,
            "announced_ms": at.wall_ms,
            "stored_ms": at.wall_ms,
            "hold_until_ms": at.wall_ms + 86_400_000,
        }
        slot = {"label": "1", "size": "S", "status": "EMPTY" if is_pickup else "OCCUPIED"}
        body = canonical_json({"actor": "11", "rows": [["slot", slot], ["package", row]]})
        kind = "PACKAGE_RETRIEVED" if is_pickup else "PACKAGE_STORED"
        self.head = chain_hash(self.head, EPOCH, self.seq, kind, body, at)
        return WireEvent(
            epoch=EPOCH,
            seq=self.seq,
            kind=kind,
            body=body,
            wall_ms=at.wall_ms,
            monotonic_ms=at.monotonic_ms,
            boot_id=at.boot_id,
            is_trusted=True,
            hash=self.head.hex(),
        )


def kiosk_of(number: int) -> Kiosk:
    """One of the locations that the load makes known."""
    return Kiosk(f"L{number}", f"kiosk_{number}")


def post(path: str, token: str, body: bytes, encoding: str = "") -> bytes:
    """A request as it goes over the line; the connection stays open behind it."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    )
    if encoding:
        head += f"content-encoding: {encoding}\r\n"
    return head.encode() + b"\r\n" + body


def get(path: str, token: str) -> bytes:
    """The same without a body."""
    head = f"GET {path} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {token}\r\n"
    return head.encode() + b"\r\n"
