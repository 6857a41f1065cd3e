"""The signed end of the journal: who can write to the database alone can neither cut nor rewrite
it unseen.

Each event has a mac of the location's key (`kiosk.model.events.chain_mac`). Where the journal ends,
and from which event on each has its mac, is written into a small file beside the database, signed
with the same key, after each commit. It may be behind the database, as after a power cut, and is
never ahead of it. A backup carries its own.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kiosk.model.events import canonical_json, journal_key
from kiosk.store import meta
from kiosk.store.errors import StoreError
from kiosk.store.remains import HEAD_SUFFIX
from kiosk.store.store import Store
from kiosk.store.writer import Writer

LOG = logging.getLogger("kiosk")
SIGNED_HEAD = "signed_head"
"""In a backup: where its journal ended when it was begun."""
HEAD_KEPT = "signed_head_kept"
"""Whether there must be a signed head beside the database."""
FILE_BYTES = 1024
"""The file is always as long, so that it is overwritten in one place."""
PROBLEM_MAX = 300


@dataclass(frozen=True, slots=True)
class SignedHead:
    """Where a journal ends, as who has the location's key says."""

    epoch: str
    seq: int
    hash: str
    keyed_from: int
    """From this event on each has its mac."""
    problem: str = ""
    """What was found wrong at an earlier start, which nothing else would show any more."""


class HeadError(StoreError):
    """A signed head is missing, damaged, or not signed with this location's key."""


def head_path(database: Path) -> Path:
    """Where the signed head of a database lies."""
    return database.with_name(database.name + HEAD_SUFFIX)


def _signed(head: SignedHead, key: bytes) -> str:
    said = asdict(head)
    return canonical_json({**said, "mac": _mac(canonical_json(said), key)})


def _mac(text: str, key: bytes) -> str:
    return hmac.digest(key, b"head\n" + text.encode(), "sha256").hex()


def read_head(text: str, key: bytes, where: str) -> SignedHead:
    """A signed head as it was written. Raises `HeadError`."""
    try:
        said = json.loads(text)
        mac = said.pop("mac")
        is_right = hmac.compare_digest(mac, _mac(canonical_json(said), key))
        head = meta.known_fields(SignedHead, said)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise HeadError(f"{where} cannot be read: the journal's end is not proven") from error
    if not is_right:
        raise HeadError(f"{where} is not signed with this location's key")
    return head


def head_beside(database: Path, key: bytes) -> SignedHead:
    """The signed head of a database. Raises `HeadError`."""
    path = head_path(database)
    try:
        text = path.read_text(encoding="utf-8").rstrip("\0 \n")
    except (OSError, UnicodeDecodeError) as error:
        raise HeadError(f"{path} cannot be read: the journal's end is not proven") from error
    return read_head(text, key, str(path))


def write_head(database: Path, head: SignedHead, key: bytes) -> None:
    """Make the file, or make it again, so that it is there after a power cut."""
    path = head_path(database)
    draft = path.with_name(f"{path.name}.part")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, _padded(head, key))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _padded(head: SignedHead, key: bytes) -> bytes:
    return _signed(head, key).encode().ljust(FILE_BYTES - 1) + b"\n"


def current(writer: Writer, problem: str = "") -> SignedHead:
    """Where the journal ends now."""
    head = writer.head
    return SignedHead(head.epoch, head.seq, head.hash.hex(), _keyed_from(writer), problem)


def _keyed_from(writer: Writer) -> int:
    """The first event behind the last one without a mac."""
    last = writer.one("SELECT max(seq) AS seq FROM journal WHERE mac IS NULL")
    return 1 + ((last["seq"] if last is not None else None) or 0)


def sign(writer: Writer, database: Path) -> None:
    """Write a signed head into the database, for the backup that is made of it next."""
    key = writer.journal_key
    if key is None:
        return
    try:
        head = _at_end(writer, head_beside(database, key))
    except HeadError:
        head = current(writer)
    meta.set_value(writer, SIGNED_HEAD, _signed(head, key))


def _at_end(writer: Writer, head: SignedHead, problem: str = "") -> SignedHead:
    end = writer.head
    return replace(head, epoch=end.epoch, seq=end.seq, hash=end.hash.hex(), problem=problem)


def begin(writer: Writer, database: Path, loss: str) -> SignedHead:
    """Hold the journal against the head that was kept of it, and keep where it is now.

    What is wrong stays in the new head, for `kiosk verify` and the server; the kiosk goes on.
    `loss` is what a power cut took: that is in the journal already, and every slot is in doubt.
    """
    key = _key(writer)
    try:
        known = head_beside(database, key)
    except HeadError as error:
        is_missed = head_path(database).exists() or meta.value(writer, HEAD_KEPT) is not None
        problem = str(error) if is_missed else ""
        head = current(writer, problem[:PROBLEM_MAX])
    else:
        problem = known.problem or ("" if loss else _contradiction(writer, known))
        head = _at_end(writer, known, problem[:PROBLEM_MAX])
    if problem:
        LOG.error("the journal is not as it was left: %s", problem)
    meta.set_value(writer, HEAD_KEPT, "1")
    try:
        write_head(database, head, key)
    except OSError as error:
        LOG.warning("%s cannot be written: %s", head_path(database), error)
    return head


def _contradiction(writer: Writer, known: SignedHead) -> str:
    """In which way a journal is not the one of a head; "" when it goes on behind it."""
    if known.seq > writer.head.seq:
        return f"the journal was cut: it ends at event {writer.head.seq}, and had {known.seq}"
    row = writer.one("SELECT hash FROM journal WHERE seq = ?", (known.seq,))
    if known.seq and (row is None or row["hash"].hex() != known.hash):
        return f"the journal was rewritten: event {known.seq} is another than it was"
    return ""


def _key(writer: Writer) -> bytes:
    if writer.journal_key is None:
        raise HeadError("the journal's end cannot be signed without the location's key")
    return writer.journal_key


@contextlib.contextmanager
def kept(store: Store, head: SignedHead, location_key: bytes) -> Iterator[None]:
    """Write the head after each commit while the block lasts.

    Without a sync of the disk: a head that is behind is no harm.
    """
    path, key = head_path(store.path), journal_key(location_key)
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except OSError as error:
        LOG.warning("%s cannot be written: %s", path, error)
        yield
        return

    def note() -> None:
        end = store.head
        now = replace(head, epoch=end.epoch, seq=end.seq, hash=end.hash.hex())
        try:
            os.pwrite(descriptor, _padded(now, key), 0)
        except OSError as error:
            LOG.warning("%s cannot be written: %s", path, error)

    end_listening = store.listen(note)
    try:
        yield
    finally:
        end_listening()
        os.close(descriptor)
