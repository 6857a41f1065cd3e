"""The line by which releases come: in pieces, so slowly that nobody notices, on from where it was.

A piece is a request of its own (RFC 9110, 14), so nothing is held open for minutes, a line that is
cut costs one piece, and between two of them there is time for whoever stands at the panel.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import requests

from kiosk.model.urls import path
from kiosk.sync.servers import TIMEOUT_S, NotReachedError, Servers, why_none_is_reached
from kiosk.sync.transport import PlainLineError
from kiosk.updates.durable import move_durably, remove, write_piece
from kiosk.updates.metadata import Genuine

LOG = logging.getLogger("kiosk.updates")
PIECE_BYTES: Final = 512 * 1024
READ_BYTES: Final = 64 * 1024
WITHIN_S: Final = 180.0
DOCUMENT_BYTES_MAX: Final = 5_000_000
Pause = Callable[[float], None]
"""Waits for so many seconds, and as long as somebody is at the panel. Raises to end the work."""


class WrongFileError(Exception):
    """What came is not the file that was signed."""


class Line:
    """The requests of one kiosk for releases."""

    def __init__(self, servers: Servers, token: str, bytes_per_s: int, pause: Pause) -> None:
        self._servers, self._token = servers, token
        self._bytes_per_s, self._pause = bytes_per_s, pause

    def close(self) -> None:
        """End all connections."""
        self._servers.close()

    def document(self, name: str) -> Iterator[bytes]:
        """A signed document. Raises `requests.RequestException`; an `HTTPError` with the answer
        where it is not there."""
        read = partial(self._read, f"metadata/{name}", "", 200, DOCUMENT_BYTES_MAX)
        return iter((self._anywhere(read),))

    def fetch(self, file: Genuine, folder: Path) -> Path:
        """A genuine file, whole and checked, in `folder`; on from where an earlier call stopped.

        Raises `WrongFileError`, `requests.RequestException` or `OSError`.
        """
        path, part = folder / file.name, folder / f"{file.sha256}.part"
        if path.is_file() and is_it(path, file):
            return path
        have = _whole_pieces(part, file.size)
        while have < file.size:
            end = min(have + PIECE_BYTES, file.size)
            piece = self._piece(file, have, end)
            write_piece(part, have, piece)
            have += len(piece)
            self._pause(len(piece) / self._bytes_per_s)
        if not is_it(part, file):
            remove(part)
            raise WrongFileError(f"{file.name}: what came is not the file that was signed")
        move_durably(part, path)
        return path

    def _piece(self, file: Genuine, begin: int, end: int) -> bytes:
        name, wanted = f"targets/{file.sha256}.{file.name}", f"bytes={begin}-{end - 1}"
        piece = self._anywhere(partial(self._read, name, wanted, 206, end - begin))
        if len(piece) > end - begin:
            raise WrongFileError(f"{file.name}: more came than was asked for")
        if len(piece) < end - begin:
            raise requests.ConnectionError(f"{file.name}: {len(piece)} of {end - begin} bytes came")
        return piece

    def _read(self, name: str, wanted: str, status: int, most: int) -> bytes:
        """What an address answers; of what is too long, so much that it shows."""
        url = self._servers.url + path("releases", *name.split("/"))
        headers = {"authorization": f"Bearer {self._token}", "accept-encoding": "identity"}
        if wanted:
            headers["range"] = wanted
        session, found = self._servers.session, bytearray()
        with (
            session.exchange(WITHIN_S),
            session.get(
                url, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, stream=True
            ) as answer,
        ):
            if answer.status_code != status:
                raise requests.HTTPError(f"{url} answers {answer.status_code}", response=answer)
            if wanted and not _is_range(answer.headers.get("content-range", ""), wanted):
                raise requests.HTTPError(f"{url} answers another piece", response=answer)
            for some in answer.iter_content(READ_BYTES):
                found += some
                if len(found) > most:
                    break
        return bytes(found)

    def _anywhere(self, ask: Callable[[], bytes]) -> bytes:
        """The answer of the first address that has one. What an address refuses, the others of the
        same server refuse, too."""
        failures: list[tuple[str, requests.RequestException]] = []
        for _ in range(len(self._servers.urls) + 1):
            self._servers.begin()
            url = self._servers.url
            try:
                found = ask()
            except PlainLineError:
                raise
            except requests.HTTPError as error:
                if error.response is None or error.response.status_code < 500:
                    raise
                failures.append((url, error))
            except requests.RequestException as error:
                failures.append((url, error))
            else:
                self._servers.answered()
                return found
            self._servers.failed()
        raise NotReachedError(why_none_is_reached(failures)) from failures[0][1]


def is_answered(error: requests.RequestException) -> bool:
    """Whether a server was reached, and refused."""
    return isinstance(error, requests.HTTPError) or isinstance(error.__cause__, requests.HTTPError)


def _is_range(answered: str, wanted: str) -> bool:
    return answered.removeprefix("bytes ").partition("/")[0] == wanted.removeprefix("bytes=")


def is_it(path: Path, file: Genuine) -> bool:
    """Whether a file is the one that was signed, to its last byte."""
    if path.stat().st_size != file.size:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256


def _whole_pieces(part: Path, size: int) -> int:
    """How much of a file is surely there: a power cut may have spoilt the piece that came last."""
    try:
        have = part.stat().st_size
    except FileNotFoundError:
        return 0
    whole = size if have == size else max(0, have // PIECE_BYTES - 1) * PIECE_BYTES
    return min(whole, size)
