"""Documents to a NATS JetStream, each under `SUBJECT.LOCATION` with its name as `Nats-Msg-Id`.

Those of a location go one after the other, each after the stream has acknowledged the one before;
locations go side by side. The stream is the operator's: it is not made here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.errors import NoStreamResponseError

from central.errors import CannotServeError
from central.feed.document import Document
from central.feed.publisher import NotPublishedError, Target

T = TypeVar("T")
ACKNOWLEDGED_WITHIN_S: Final = 5.0
CONNECTED_WITHIN_S: Final = 5


class ToNats:
    """One connection, on a loop of its own that also answers the server's pings while all is
    quiet."""

    def __init__(self, target: Target) -> None:
        self._target, self._client = target, None
        self._options = _options(target)
        self._loop = asyncio.new_event_loop()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()

    _client: Client | None

    def publish(self, documents: Sequence[Document]) -> None:
        chains: dict[str, list[Document]] = defaultdict(list)
        for each in documents:
            chains[each.location].append(each)
        try:
            self._run(self._publish(list(chains.values())))
        except (NoStreamResponseError, NoRespondersError) as error:
            raise NotPublishedError(
                f"no stream takes {self._target.name}.>: make one there, with file storage"
            ) from error
        except TimeoutError as error:
            raise NotPublishedError("it does not answer") from error
        except (NatsError, OSError) as error:
            raise NotPublishedError(str(error)) from error

    def end(self) -> None:
        self._ending.set()

    def close(self) -> None:
        self._run(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _publish(self, chains: Sequence[Sequence[Document]]) -> None:
        client = await self._connected()
        outcomes = await asyncio.gather(
            *(self._one_by_one(client, chain) for chain in chains), return_exceptions=True
        )
        # All have ended: nothing of this batch is still on its way when it is sent again.
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                await self._disconnect()
                raise outcome

    async def _one_by_one(self, client: Client, chain: Sequence[Document]) -> None:
        stream = client.jetstream(timeout=ACKNOWLEDGED_WITHIN_S)
        for each in chain:
            if self._ending.is_set():
                raise NotPublishedError("ended")
            # A point would begin another part of the subject.
            subject = f"{self._target.name}.{each.location.replace('.', '%2E')}"
            await stream.publish(subject, each.text().encode(), headers={"Nats-Msg-Id": each.name})

    async def _connected(self) -> Client:
        if self._client is None:
            async with asyncio.timeout(CONNECTED_WITHIN_S):
                self._client = await nats.connect(**self._options)
        return self._client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await client.close()


def _options(target: Target) -> dict[str, Any]:
    scheme = "tls" if target.is_tls else "nats"
    options: dict[str, Any] = {
        "servers": [f"{scheme}://{each}" for each in target.servers],
        "name": "central-stream",
        "connect_timeout": CONNECTED_WITHIN_S,
        "reconnect_time_wait": 0.2,
        # Whoever publishes tries again, with all of the batch; nothing waits in between.
        "allow_reconnect": False,
        "error_cb": _heard_by_the_caller,
    }
    if target.user:
        options |= {"user": target.user, "password": target.password}
    if target.credentials_file is not None:
        if not target.credentials_file.is_file():
            raise CannotServeError(
                f"{target.credentials_file}: the broker's credentials cannot be read"
            )
        options["user_credentials"] = str(target.credentials_file)
    if target.is_tls:
        options["tls"] = ssl.create_default_context(cafile=target.tls_ca)
    return options


async def _heard_by_the_caller(_error: Exception) -> None:
    """What goes wrong is an exception of `publish`, too."""
