"""Many connections that send what was made beforehand, paced or as fast as it goes.

Bare sockets, not an HTTP library: the load shares the machine with what it measures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and when an answer is right."""

    request: bytes
    is_right: Callable[[int, bytes], bool]
    """Given the answer's status and its body."""
    events: int = 0


@dataclass
class Tally:
    """What came of the calls."""

    took_ms: list[float] = field(default_factory=list)
    """From when each was due (or sent, as fast as it goes) to its answer."""
    events: int = 0
    errors: int = 0
    """Calls that were not answered as is right; `unanswered` are those that were not at all."""
    unanswered: int = 0
    first_error: str = ""
    answered_by_line: list[int] = field(default_factory=list)
    """How many calls of each connection were answered as is right."""
    elapsed_s: float = 0.0

    def fail(self, why: str) -> None:
        """One more that went wrong; the first says why."""
        self.errors += 1
        self.first_error = self.first_error or why


async def run(
    addresses: Sequence[tuple[str, int]],
    lines: Sequence[Sequence[Call]],
    pace_per_s: float | None = None,
    seconds: float | None = None,
) -> Tally:
    """Send all calls: each line over one connection, in its order, the lines side by side and over
    the servers in turn. With a pace each call is due at its own moment, however late the last was;
    without one a line goes on at once, until `seconds` are over."""
    tally = Tally(answered_by_line=[0] * len(lines))
    began_s = time.perf_counter()
    end_s = None if seconds is None else began_s + seconds
    each_s = None if pace_per_s is None else len(lines) / pace_per_s

    async def go(number: int, calls: Sequence[Call]) -> None:
        first_s = began_s if pace_per_s is None else began_s + number / pace_per_s
        line = _Line(*addresses[number % len(addresses)])
        for place, call in enumerate(calls):
            due_s = time.perf_counter()
            if each_s is not None:
                due_s = first_s + place * each_s
                await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            elif end_s is not None and due_s > end_s:
                break
            tally.answered_by_line[number] += await line.send(call, due_s, tally)
        line.close()

    await asyncio.gather(*(go(number, calls) for number, calls in enumerate(lines)))
    tally.elapsed_s = time.perf_counter() - began_s
    return tally


class _Line:
    """A connection that is opened again when it breaks."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, call: Call, due_s: float, tally: Tally) -> bool:
        """Send one and count what comes of it; whether it was answered as is right."""
        try:
            status, body = await asyncio.wait_for(self._answer(call.request), TIMEOUT_S)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            tally.unanswered += 1
            tally.fail(repr(error))
            return False
        if not call.is_right(status, body):
            tally.fail(f"{status} {body[:300].decode(errors='replace')}")
            return False
        tally.took_ms.append((time.perf_counter() - due_s) * 1000)
        tally.events += call.events
        return True

    async def _answer(self, request: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(request)
        status, body, is_last = await answer_of(reader)
        if is_last:
            self.close()
        return status, body

    def close(self) -> None:
        """Let the connection go."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """An answer's status, its body, and whether the server closes the connection behind it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
    body = await reader.readexactly(length)
    return int(head.split(maxsplit=2)[1]), body, "connection: close" in head
