"""The machine's console: commands beside the running kiosk, and with none running.

The database belongs to the running kiosk alone, so commands ask it over a Unix socket in its data
folder, which only its owner may use. With no kiosk running they open the database themselves. Both
ways the same `ConsoleServer` answers. One line of JSON asks, like
`{"command": "code", "package": "…"}`, one
answers, like `{"ok": true, "code": "…", …}` or `{"ok": false, "error": "…"}`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kiosk.model.clock import Clock
from kiosk.model.pickup_code import make_code, qr_text
from kiosk.store import backup, codes, counters, evidence, exports, journal, meta
from kiosk.store.backup import BackupPlan
from kiosk.store.errors import StoreError
from kiosk.store.exports import TABLES
from kiosk.store.store import Store
from kiosk.store.writer import Writer

LOG = logging.getLogger("kiosk.console")
SOCKET = "kiosk.sock"
LINE_MAX = 65_536
"""The longest question, in bytes."""
ANSWER_MAX = 32 * 1024 * 1024
"""The longest answer that is read."""
QUESTION_S = 10.0
ANSWER_S = 3600.0
"""How long a question may take to come, and an answer (a backup, the check of a long journal)."""
ROWS_AT_ONCE = 500
EVENTS_AT_ONCE = 2000
PATH_MAX = 100
"""The longest path of a socket; the system's limit is 107 bytes, on some 103."""

Question = dict[str, Any]
Answer = dict[str, Any]


class ConsoleError(Exception):
    """The kiosk did not do what was asked; the message says why."""


@dataclass(frozen=True)
class ConsoleServer:
    """Answers the console's questions."""

    location_id: str
    store: Store
    clock: Clock
    location_key: bytes
    backup: BackupPlan | None = None
    health: Callable[[], Awaitable[Answer]] | None = None
    """How the kiosk is that runs; None where none does."""
    support: Callable[[], Awaitable[bytes]] | None = None
    """The file for whoever looks for a fault."""

    async def answer(self, question: Question) -> Answer:
        """Do what is asked. What goes wrong is in the answer."""
        does: dict[str, Callable[[Question], Awaitable[Answer]]] = {
            "code": self._code,
            "verify": self._verify,
            "export": self._export,
            "report": self._report,
            "backup": self._backup,
            "health": self._health,
            "support": self._support,
        }
        command = does.get(str(question.get("command")))
        if command is None:
            known = ", ".join(does)
            return _refusal(f"{question.get('command')!r} is no command; there are: {known}")
        try:
            return {"ok": True, **await command(question)}
        except (StoreError, ConsoleError, OSError) as error:
            return _refusal(str(error))

    async def _code(self, question: Question) -> Answer:
        wanted = str(question.get("package", ""))
        package, locator = await self.store.run(codes.show_to_console, wanted)
        code = make_code(self.location_key, package.id, locator, package.code_counter)
        shown = f"{code[:-6]} {code[-6:-3]} {code[-3:]}"
        details = {name: getattr(package, name) for name in ("id", "barcode", "slot", "status")}
        return {**details, "code": shown, "qr": qr_text(self.location_id, code)}

    async def _verify(self, question: Question) -> Answer:
        return await verified(self.store)

    async def _export(self, question: Question) -> Answer:
        name, after = str(question.get("table")), question.get("after", 0)
        if name not in TABLES or type(after) is not int:
            raise ConsoleError(f"{name!r} is no table; there are: {', '.join(TABLES)}")
        is_personal = question.get("personal") is True
        rows = await self.store.run(exports.rows, name, after, ROWS_AT_ONCE, is_personal)
        is_last = len(rows) < ROWS_AT_ONCE
        return {"rows": rows, "next": None if is_last else rows[-1]["number"]}

    async def _report(self, question: Question) -> Answer:
        found = await self.store.run(counters.read)
        return {"location": self.location_id, "at_ms": self.clock.now().wall_ms, "counters": found}

    async def _health(self, question: Question) -> Answer:
        if self.health is None:
            raise ConsoleError("no kiosk runs here")
        return await self.health()

    async def _support(self, question: Question) -> Answer:
        if self.support is None:
            raise ConsoleError("no kiosk runs here")
        return {"file": base64.b64encode(await self.support()).decode("ascii")}

    async def _backup(self, question: Question) -> Answer:
        if self.backup is None:
            raise ConsoleError("the site file has no [backup] with a folder for it")
        made = await backup.make(self.store, self.backup, self.clock)
        if made.problem:
            raise ConsoleError(made.problem)
        return asdict(made)


async def verified(store: Store) -> Answer:
    """What following a journal's chain from its first event finds."""
    check, problem = await store.run(_what_is_known, store.path)
    while await store.run(journal.verify_some, check, EVENTS_AT_ONCE):
        continue
    problem = check.end() or problem
    epoch = await store.run(lambda writer: writer.head.epoch)
    return {"events": check.seq, "epoch": epoch, "head": check.hash.hex(), "problem": problem}


def _what_is_known(writer: Writer, database: Path) -> tuple[journal.ChainCheck, str]:
    """What the journal is held to, and what was found wrong with it at an earlier start."""
    key = writer.journal_key
    if key is None:
        return journal.ChainCheck(), ""
    try:
        head = evidence.head_beside(database, key)
    except evidence.HeadError as error:
        is_missed = meta.value(writer, evidence.HEAD_KEPT) is not None
        return journal.ChainCheck(key=key), str(error) if is_missed else ""
    known = {head.seq: head.hash} if head.seq else {}
    check = journal.ChainCheck(key=key, keyed_from=head.keyed_from, known=known)
    return check, head.problem


def _refusal(error: str) -> Answer:
    return {"ok": False, "error": error}


# --- the kiosk's side ----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def serving(data: Path, desk: ConsoleServer) -> AsyncIterator[None]:
    """Answer the console at the data folder's socket until the block ends."""
    path = data / SOCKET
    with _reachable(path) as name:
        before = os.umask(0o177)  # made for its owner alone from the first moment on
        try:
            server = await asyncio.start_unix_server(
                lambda reader, writer: _serve(desk, reader, writer), name, limit=LINE_MAX
            )
        finally:
            os.umask(before)
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)


async def _serve(
    desk: ConsoleServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One question, one answer."""
    try:
        async with asyncio.timeout(QUESTION_S):
            line = await reader.readline()
        writer.write(json.dumps(await _answer(desk, line)).encode() + b"\n")
        await writer.drain()
    except ValueError:
        writer.write(json.dumps(_refusal("the question is too long")).encode() + b"\n")
    except (TimeoutError, OSError) as error:
        LOG.warning("a console went away: %r", error)
    finally:
        writer.close()


async def _answer(desk: ConsoleServer, line: bytes) -> Answer:
    try:
        question = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return _refusal("the question is not a line of JSON")
    if not isinstance(question, dict):
        return _refusal("the question is not a JSON object")
    return await desk.answer(question)


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name of this path that is short enough for a socket's address."""
    name = str(path)
    if len(os.fsencode(name)) <= PATH_MAX or not Path("/proc/self/fd").exists():
        yield name
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


# --- the console's side --------------------------------------------------------------------------


class ConsoleClient:
    """How a command reaches a desk: the running kiosk's, or one of its own.

    `open_desk` opens the database for a desk of its own, when no kiosk runs.
    """

    def __init__(
        self,
        data: Path,
        open_desk: Callable[[], contextlib.AbstractContextManager[ConsoleServer]],
        answer_s: float = ANSWER_S,
    ) -> None:
        self._answer_s = answer_s
        self._data = data
        self._open_desk = open_desk
        self._stack = contextlib.ExitStack()
        self._own: ConsoleServer | None = None

    def __enter__(self) -> ConsoleClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, command: str, **details: Any) -> Answer:
        """The answer to a question. Raises `ConsoleError` when it is a refusal, and what opening
        the database raises."""
        question = {"command": command, **details}
        answer = None if self._own else _ask_running(self._data / SOCKET, question, self._answer_s)
        if answer is None:
            if self._own is None:
                self._own = self._stack.enter_context(self._open_desk())
            answer = asyncio.run(self._own.answer(question))
        if not answer.pop("ok", False):
            raise ConsoleError(str(answer.get("error", "the kiosk gave no answer")))
        return answer


def _ask_running(path: Path, question: Question, answer_s: float) -> Answer | None:
    """What the running kiosk answers; None when none runs. Raises `ConsoleError`."""
    try:
        return _answer_of(path, question, answer_s)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except TimeoutError as error:
        raise ConsoleError(f"{path}: the kiosk that runs there does not answer") from error
    except ConnectionError as error:
        raise ConsoleError("the kiosk ended before it answered") from error
    except OSError as error:
        problem = "the running kiosk cannot be asked; run this as the kiosk's own user"
        raise ConsoleError(f"{path}: {problem} ({error.strerror})") from error


def _answer_of(path: Path, question: Question, answer_s: float) -> Answer | None:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(answer_s)
        with _reachable(path) as name:
            try:
                line.connect(name)
            except ConnectionRefusedError:
                return None  # a kiosk that was killed left its socket behind
        line.sendall(json.dumps(question).encode() + b"\n")
        with line.makefile("rb") as answers:
            text = answers.readline(ANSWER_MAX)
        try:
            answer = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConsoleError("the kiosk ended before it answered") from error
        return answer if isinstance(answer, dict) else None
