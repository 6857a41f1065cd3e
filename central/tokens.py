"""What the server keeps secret: its own key, and what is derived from it.

One file of 32 random bytes beside the database, mode 0600. From it come the keys that seal personal
columns and the locations' keys, the Ed25519 key that signs remote openings, and the key of sessions
and links, each by HKDF (RFC 5869) with a label of its own. Where the sealing key was changed, 32
bytes follow for each that something may still be sealed with, the newest last. Tokens and API keys
are kept as hashes only.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hmac
import os
import secrets
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import URLSafeTimedSerializer

from central.durable import move_durably
from central.errors import CannotServeError
from kiosk.model.sealing import Sealing
from kiosk.model.wrapping import unwrap

KEY_FILE = "central.key"
KEY_BYTES = 32
TOKEN_BYTES = 24
HASHER = PasswordHasher(time_cost=3, memory_cost=32768, parallelism=1)
"""What a password's hash costs, in rounds and KiB."""


class Secrets:
    """The server's key and what it is used for."""

    def __init__(self, keys: bytes) -> None:
        """The first key, and those that seal where that was changed, the newest last."""
        key, *changed = _apart(keys)
        sealing = changed or [key]
        self.sealing = Sealing(sealing)
        self._newest = _fernet(sealing[-1])
        self._fernet = MultiFernet([_fernet(each) for each in reversed(sealing)])
        self._signing = Ed25519PrivateKey.from_private_bytes(_derived(key, b"sign"))
        # Each sync asks for it.
        self._public_key = self._signing.public_key().public_bytes_raw().hex()
        self._wrapping = X25519PrivateKey.from_private_bytes(_derived(key, b"wrap"))
        self._session_key = _derived(key, b"session")

    def seal(self, secret: bytes) -> bytes:
        """Encrypt what must not be read in a stolen database."""
        return self._fernet.encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt; raises `CannotServeError` when it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise CannotServeError(
                f"{KEY_FILE} is not the key that this database was sealed with;"
                " put the copy of the key that was kept elsewhere back there"
            ) from error

    def is_newest(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it."""
        try:
            return bool(self._newest.decrypt(sealed))
        except InvalidToken:
            return False

    def seal_again(self, sealed: bytes) -> bytes:
        """What was sealed with an older key, sealed with the newest."""
        return self.seal(self.open(sealed))

    @property
    def wrapping_key(self) -> str:
        """The public key that kiosks wrap their location's key to, in hexadecimal."""
        return self._wrapping.public_key().public_bytes_raw().hex()

    def unwrap(self, wrapped: str, location: str, token: str) -> bytes:
        """A location's key that a kiosk wrapped. Raises `NotWrappedError`."""
        return unwrap(wrapped, self._wrapping, location, token)

    @property
    def signing(self) -> Ed25519PrivateKey:
        """The first key that commands are signed with; later ones: `central.sync.signing`."""
        return self._signing

    @property
    def public_key(self) -> str:
        """The public part of that, in hexadecimal."""
        return self._public_key

    def opened_within(self, sealed: bytes, age_s: int) -> bytes:
        """The same of what was sealed so lately, and came from outside. Raises `InvalidToken`."""
        return self._fernet.decrypt(sealed, ttl=age_s)

    def serializer(self, purpose: str) -> URLSafeTimedSerializer:
        """Signs what people carry around: sessions, links. One purpose never serves another."""
        return URLSafeTimedSerializer(self._session_key, salt=purpose)

    def mark(self, purpose: str, text: str) -> str:
        """What only this server can make of a text, always the same (HMAC-SHA256)."""
        return hmac.new(self._session_key, f"{purpose} {text}".encode(), sha256).hexdigest()

    def hash_password(self, password: str) -> str:
        """The Argon2id hash of a password or a PIN's secret digits."""
        return HASHER.hash(password)

    def check_password(self, password_hash: str, password: str) -> bool:
        """Whether a password is the one of the hash; takes its time either way."""
        try:
            is_right = HASHER.verify(password_hash or NOBODY, password)
        except (Argon2Error, InvalidHashError):
            return False
        return is_right and password_hash != ""


NOBODY = (
    "$argon2id$v=19$m=32768,t=3,p=1$c29tZSBzYWx0IGhlcmU$2vMZ4lTnQh3gk2nBRp8wcmZP2Yk3o3mUQWw1hDnGG1E"
)
"""Checked where there is no account, so that the time tells nothing."""


def _derived(key: bytes, label: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"parcel central " + label).derive(key)


def _apart(keys: bytes) -> list[bytes]:
    return [keys[start : start + KEY_BYTES] for start in range(0, len(keys), KEY_BYTES)]


def _fernet(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(key, b"seal")))


def load(path: Path, *, may_be_new: bool) -> Secrets:
    """The secrets of a key file; one is made only where nothing needs an older one.

    Raises `CannotServeError` when it is missing, can be read by others or is no key.
    """
    return Secrets(read(path, may_be_new=may_be_new))


def read(path: Path, *, may_be_new: bool = False) -> bytes:
    """The keys in a key file. Raises `CannotServeError`."""
    if not path.exists():
        if not may_be_new:
            raise CannotServeError(
                f"{path}: the server's key is missing, and its database cannot be read without it;"
                " put the copy of the key that was kept elsewhere back there"
            )
        _make_key(path)
    if not path.is_file():
        raise CannotServeError(
            f"{path} is no file, where the server's key should be; move it away and put the copy"
            " of the key that was kept elsewhere there"
        )
    if path.stat().st_mode & 0o077:
        raise CannotServeError(f"{path}: others may read the key; run: chmod 600 {path}")
    key = path.read_bytes()
    if len(key) == 0 or len(key) % KEY_BYTES:
        raise CannotServeError(
            f"{path}: a key has {KEY_BYTES} bytes, this has {len(key)}; put the copy of the key"
            " that was kept elsewhere back there"
        )
    return key


def begin_change(path: Path) -> None:
    """Put a new sealing key behind the others; what is sealed with them still opens. A change that
    was begun goes on with its key."""
    first, *changed = _apart(read(path))
    sealing = changed or [first]
    if len(sealing) == 1:
        _write(path, first + sealing[0] + secrets.token_bytes(KEY_BYTES))


def end_change(path: Path) -> None:
    """Keep the newest sealing key only: what the others sealed opens no more."""
    first, *changed = _apart(read(path))
    if changed:
        _write(path, first + changed[-1])


def _make_key(path: Path) -> None:
    """Servers that start at the same time on a new folder all have the key of the first."""
    _write(path, secrets.token_bytes(KEY_BYTES), is_new=True)


def _write(path: Path, keys: bytes, *, is_new: bool = False) -> None:
    """All keys under their name, also after a power cut, or those of before. One that is new takes
    the place of no other."""
    with _draft_of(path) as (draft, file):
        if is_new and path.exists():
            draft.unlink()
            return
        file.truncate(0)
        file.write(keys)
        file.flush()
        move_durably(draft, path)


@contextlib.contextmanager
def _draft_of(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """The draft of a key file, for one process at a time."""
    draft = path.with_name(f"{path.name}.part")
    while True:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(draft, descriptor):
                os.fchmod(descriptor, 0o600)
                yield draft, file
                return


def _is_still(draft: Path, descriptor: int) -> bool:
    """Whether nobody has made a key file of an opened draft meanwhile, nor removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), draft.stat())
    except FileNotFoundError:
        return False


def new_token(kind: str) -> str:
    """A random token; its beginning tells what kind it is."""
    return f"{kind}_{secrets.token_urlsafe(TOKEN_BYTES)}"


def token_hash(token: str) -> str:
    """What is kept of a token. It is random and long, so a plain SHA-256 is enough."""
    return sha256(token.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
