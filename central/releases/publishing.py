"""What the release maker signed is taken in, and said to be the newest, by the server's own key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, delete, insert, select
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, TargetFile, Targets, Timestamp

from central import schema
from central.context import Central, alarm_daily, audit
from central.database.bulk import upsert
from central.database.locks import lock_name
from central.errors import CannotServeError
from central.releases import files
from central.releases.describing import described
from central.releases.signed import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    OnlineSigner,
    moment,
    name_of,
    read,
    require_follows,
    require_signed,
)
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.release_files import Kind

LOCK: Final = "releases"
RENEWED_AFTER_MS: Final = 12 * HOUR_MS
"""So old is the word that the list is the newest, before it is given again."""
WARNED_BEFORE_MS: Final = 30 * DAY_MS
"""So long before the release maker's signatures end there is an alarm each day."""
SNAPSHOTS_KEPT: Final = 20
"""Of earlier ones: who began to ask before a new one came finds the one that was named."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A document that somebody brings."""

    where: str
    content: bytes


def online(connection: Connection, central: Central, by: str) -> OnlineSigner:
    """The server's own key; one is made where there is none."""
    table = schema.release_key
    newest = select(table.c.key_sealed).order_by(table.c.number.desc()).limit(1)
    sealed = connection.execute(newest).scalar()
    if sealed is None:
        return make_key(connection, central, by)
    return OnlineSigner(Ed25519PrivateKey.from_private_bytes(central.secrets.open(sealed)))


def make_key(connection: Connection, central: Central, by: str) -> OnlineSigner:
    """Make another key; it signs from now on, and counts where a root names it."""
    lock_name(connection, LOCK)
    key, now_ms = Ed25519PrivateKey.generate(), central.clock.now_ms()
    signer = OnlineSigner(key)
    values = {
        "public_key": signer.public_key,
        "key_sealed": central.secrets.seal(key.private_bytes_raw()),
        "created_ms": now_ms,
    }
    connection.execute(insert(schema.release_key).values(**values))
    audit(connection, now_ms, by, "release-key.add", signer.public_key)
    return signer


def content_of(connection: Connection, name: str) -> bytes | None:
    """A signed document by its name; None where there is none."""
    table = schema.release_metadata
    content: bytes | None = connection.execute(
        select(table.c.content).where(table.c.name == name)
    ).scalar()
    return content


def newest(connection: Connection, kind: type[Signed]) -> Metadata[Any] | None:
    """The newest document of a kind; None where there is none."""
    table = schema.release_metadata
    query = select(table.c.name, table.c.content).where(table.c.role == kind.type)
    row = connection.execute(query.order_by(table.c.version.desc()).limit(1)).first()
    return None if row is None else read(row.content, kind, row.name)


def signed_files(connection: Connection) -> Mapping[str, TargetFile]:
    """The files that the release maker's newest list names."""
    targets = newest(connection, Targets)
    return {} if targets is None else targets.signed.targets


def publish(
    connection: Connection,
    central: Central,
    offered: Iterable[Offered],
    brought: Collection[str],
    by: str,
) -> Mapping[str, TargetFile]:
    """Take in what the release maker has signed, and sign that it is the newest; the files that are
    listed now. `brought` are the names of files that came with it. Raises `CannotServeError`, and
    nothing was changed."""
    lock_name(connection, LOCK)
    documents = list(offered)
    before = signed_files(connection)
    root = _take_roots(connection, central, documents)
    targets = _take_targets(connection, central, documents, root)
    wanted = {name: file for name, file in targets.targets.items() if name not in before}
    missing = [name for name, file in wanted.items() if not is_here(central, name, file)]
    if missing:
        raise CannotServeError(
            f"signed, and not here: {', '.join(missing[:5])}; name these files, too"
        )
    _list(connection, central, targets, {*wanted, *brought})
    _say_newest(connection, central, root, targets.version, by)
    now_ms = central.clock.now_ms()
    audit(connection, now_ms, by, "releases.publish", f"list {targets.version}")
    return targets.targets


def is_here(central: Central, name: str, file: TargetFile) -> bool:
    """Whether a signed file lies on this server's disk."""
    place = files.place_of(central.settings, name, file.hashes["sha256"])
    return place.is_file() and place.stat().st_size == file.length


def list_offered(offered: Iterable[Offered]) -> Mapping[str, TargetFile]:
    """The files of the newest list among documents, whoever signed it."""
    found = [read(each.content, Targets, each.where).signed for each in _of_kind(offered, TARGETS)]
    return max(found, key=lambda each: each.version).targets if found else {}


def _of_kind(offered: Iterable[Offered], kind: str) -> list[Offered]:
    return [each for each in offered if each.where.endswith(f".{kind}.json")]


def _take_roots(connection: Connection, central: Central, offered: list[Offered]) -> Root:
    last: Metadata[Root] | None = newest(connection, Root)
    roots = [(read(each.content, Root, each.where), each) for each in _of_kind(offered, ROOT)]
    for root, each in sorted(roots, key=lambda pair: pair[0].signed.version):
        known = content_of(connection, name_of(root.signed))
        if known is not None:
            if known != each.content:
                raise CannotServeError(f"{each.where}: another root of this version is here")
            continue
        require_follows(root, None if last is None else last.signed, each.where)
        _keep(connection, central, root.signed, each.content)
        last = root
    if last is None:
        raise CannotServeError("there is no root yet: name the root's file, too (1.root.json)")
    return last.signed


def _take_targets(
    connection: Connection, central: Central, offered: list[Offered], root: Root
) -> Targets:
    last: Metadata[Targets] | None = newest(connection, Targets)
    lists = [(read(each.content, Targets, each.where), each) for each in _of_kind(offered, TARGETS)]
    for document, each in sorted(lists, key=lambda pair: pair[0].signed.version):
        known = content_of(connection, name_of(document.signed))
        if known is not None and known != each.content:
            raise CannotServeError(f"{each.where}: another list of this version is here")
        if last is not None and document.signed.version <= last.signed.version:
            continue
        last = document
        require_signed(document, root, each.where)
        for name, file in document.signed.targets.items():
            described(name, file)
        _keep(connection, central, document.signed, each.content)
    if last is None:
        raise CannotServeError("there is no list of files yet: name it, too (1.targets.json)")
    require_signed(last, root, f"{last.signed.version}.targets.json")
    return last.signed


def _keep(connection: Connection, central: Central, signed: Signed, content: bytes) -> None:
    values = {
        "role": signed.type,
        "version": signed.version,
        "content": content,
        "made_ms": central.clock.now_ms(),
    }
    upsert(connection, schema.release_metadata, {"name": name_of(signed)}, values)


def _list(
    connection: Connection, central: Central, targets: Targets, brought: Collection[str]
) -> None:
    """Have the table say what is signed. What was removed here stays so, unless it is brought."""
    table, now_ms = schema.release, central.clock.now_ms()
    known = {row.file: row.added_ms for row in connection.execute(select(table))}
    connection.execute(delete(table))
    for name, file in targets.targets.items():
        what = described(name, file)
        if what.kind is not Kind.RELEASE or (name not in known and name not in brought):
            continue
        values = {
            "version": what.version,
            "python": what.python,
            "machine": what.machine,
            "file": name,
            "sha256": file.hashes["sha256"],
            "size": file.length,
            "notes": what.notes,
            "made_ms": what.made_ms,
            "end_of_support_ms": what.end_of_support_ms,
            "added_ms": known.get(name, now_ms),
        }
        connection.execute(insert(table).values(**values))


def _say_newest(
    connection: Connection, central: Central, root: Root, targets: int, by: str
) -> None:
    signer = online(connection, central, by)
    signer.require_named(root)
    now_ms = central.clock.now_ms()
    version = _next_version(connection, Snapshot, now_ms)
    content = signer.snapshot(version, targets, now_ms)
    _keep(connection, central, read(content, Snapshot, SNAPSHOT).signed, content)
    stamp = _next_version(connection, Timestamp, now_ms)
    content = signer.timestamp(stamp, version, now_ms)
    _keep(connection, central, read(content, Timestamp, TIMESTAMP).signed, content)
    table = schema.release_metadata
    kept = select(table.c.version).where(table.c.role == SNAPSHOT)
    kept = kept.order_by(table.c.version.desc()).limit(SNAPSHOTS_KEPT)
    oldest = min(connection.execute(kept).scalars())
    old = (table.c.role == SNAPSHOT) & (table.c.version < oldest)
    connection.execute(delete(table).where(old))


def _next_version(connection: Connection, kind: type[Signed], now_ms: int) -> int:
    """Seconds since 1970: also a server that was restored is ahead of what kiosks have seen."""
    last = newest(connection, kind)
    return max(now_ms // 1000, 1 if last is None else last.signed.version + 1)


def renew(connection: Connection, central: Central, *, at_once: bool = False) -> bool:
    """Say again that the list is the newest, where that was said long ago; whether it was."""
    now_ms, table = central.clock.now_ms(), schema.release_metadata
    said_ms = connection.execute(select(table.c.made_ms).where(table.c.role == TIMESTAMP)).scalar()
    is_due = at_once or said_ms is None or not 0 <= now_ms - said_ms < RENEWED_AFTER_MS
    if said_ms is None or not is_due:
        return False
    lock_name(connection, LOCK)
    root, targets = newest(connection, Root), newest(connection, Targets)
    if root is None or targets is None:
        return False
    _warn(connection, now_ms, root, targets)
    _say_newest(connection, central, root.signed, targets.signed.version, "server")
    return True


def _warn(connection: Connection, now_ms: int, *documents: Metadata[Any]) -> None:
    """Kiosks take nothing by a signature that has ended: the release maker is needed before."""
    for document in documents:
        signed = document.signed
        if signed.is_expired(moment(now_ms + WARNED_BEFORE_MS)):
            alarm_daily(
                connection,
                now_ms,
                "release-signature-ends",
                name_of(signed),
                expires=signed.expires.isoformat(),
            )
