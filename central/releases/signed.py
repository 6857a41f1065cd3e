"""Signed metadata of The Update Framework: read, checked, and made by the server's own key.

The release maker's keys say which roots count and which files are genuine; they are never here. The
server says only which of that is the newest, and that it still is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, Targets, Timestamp

from central.errors import CannotServeError

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = Root.type, Targets.type, Snapshot.type, Timestamp.type
SNAPSHOT_DAYS: Final = 30
TIMESTAMP_DAYS: Final = 3
T = TypeVar("T", Root, Timestamp, Snapshot, Targets)


def moment(now_ms: int) -> datetime:
    """A moment as the metadata has it: whole seconds, UTC."""
    return datetime.fromtimestamp(now_ms // 1000, UTC)


def name_of(signed: Signed) -> str:
    """By which a document is fetched."""
    kind = signed.type
    return f"{kind}.json" if kind == TIMESTAMP else f"{signed.version}.{kind}.json"


def read(content: bytes, kind: type[T], where: str) -> Metadata[T]:
    """A document of this kind. Raises `CannotServeError`."""
    try:
        document = Metadata[T].from_bytes(content)
    except RepositoryError as error:
        raise CannotServeError(f"{where}: this is no signed metadata: {error}") from error
    if not isinstance(document.signed, kind):
        raise CannotServeError(
            f"{where}: this is {document.signed.type} metadata, and {kind.type} was to be read"
        )
    return document


def require_signed(document: Metadata[T], by: Root, where: str) -> None:
    """Refuse what too few keys of its role have signed. Raises `CannotServeError`."""
    kind = document.signed.type
    try:
        by.verify_delegate(kind, document.signed_bytes, document.signatures)
    except RepositoryError as error:
        raise CannotServeError(
            f"{where}: it is not signed as version {by.version} of the root asks for: {error}"
        ) from error


def require_follows(root: Metadata[Root], last: Root | None, where: str) -> None:
    """Refuse a root that does not come right behind the last one, signed by both. Raises
    `CannotServeError`."""
    expected = 1 if last is None else last.version + 1
    if last is not None and root.signed.version != expected:
        raise CannotServeError(
            f"{where}: this is version {root.signed.version} of the root, and {expected} is next"
        )
    if last is not None:
        require_signed(root, last, where)
    require_signed(root, root.signed, where)


def key_named(public_key: str) -> SSlibKey:
    """An Ed25519 key by its public part in hexadecimal, as roots name it."""
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)))


class OnlineSigner:
    """The server's own key, and what it signs."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._signer = CryptoSigner(key)
        self.public_key = key.public_key().public_bytes_raw().hex()

    def require_named(self, root: Root) -> None:
        """Refuse a root that does not name this key. Raises `CannotServeError`."""
        keyid = self._signer.public_key.keyid
        lacking = [role for role in (SNAPSHOT, TIMESTAMP) if keyid not in root.roles[role].keyids]
        if lacking:
            raise CannotServeError(
                f"version {root.version} of the root does not name this server's key"
                f" {self.public_key} for {' and '.join(lacking)}: make a root that does"
                " (central release key)"
            )

    def snapshot(self, version: int, targets: int, now_ms: int) -> bytes:
        """Which version of the list of files is the newest."""
        expires = moment(now_ms) + timedelta(days=SNAPSHOT_DAYS)
        meta = {f"{TARGETS}.json": MetaFile(targets)}
        return self._sign(Snapshot(version=version, expires=expires, meta=meta))

    def timestamp(self, version: int, snapshot: int, now_ms: int) -> bytes:
        """That it is still the newest."""
        expires = moment(now_ms) + timedelta(days=TIMESTAMP_DAYS)
        return self._sign(
            Timestamp(version=version, expires=expires, snapshot_meta=MetaFile(snapshot))
        )

    def _sign(self, signed: Snapshot | Timestamp) -> bytes:
        document = Metadata[Any](signed)
        document.sign(self._signer)
        return document.to_bytes()
