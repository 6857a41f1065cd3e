"""What the release maker does, on a machine of their own that need not be on any network.

A folder holds what is public: `metadata/` with each root and each list of files, `targets/` with
the files under their hashes. The keys lie elsewhere, each in a file of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from central.durable import move_durably
from central.errors import CannotServeError
from central.releases.deltas import make_delta
from central.releases.describing import platform_of
from central.releases.signed import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    key_named,
    moment,
    name_of,
    read,
    require_follows,
    require_signed,
)
from kiosk.model.clock import DAY_MS
from kiosk.model.release_files import Description, Kind, delta_name
from kiosk.private_files import make_private

ROOT_DAYS: Final = 3650
LIST_DAYS: Final = 365
SUPPORT_DAYS: Final = 730
THRESHOLD: Final = 2
"""So many of the keys of the root must sign another root."""


# --- keys -----------------------------------------------------------------------------------------


def make_key(path: Path, passphrase: str) -> str:
    """Make a key file; its public part, in hexadecimal. Raises `CannotServeError`."""
    if path.exists():
        raise CannotServeError(f"{path} is there already; give another name")
    key = Ed25519PrivateKey.generate()
    hidden = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    make_private(path)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))
    return key.public_key().public_bytes_raw().hex()


def open_key(path: Path, passphrase: str) -> CryptoSigner:
    """The key in a file. Raises `CannotServeError`."""
    try:
        key = load_pem_private_key(path.read_bytes(), passphrase.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CannotServeError(f"{path}: this passphrase does not open a key here") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise CannotServeError(f"{path}: this is no Ed25519 key")
    return CryptoSigner(key)


# --- the root -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whom a root names, by the public parts of their keys in hexadecimal."""

    root: Sequence[str]
    targets: Sequence[str]
    online: Sequence[str]
    threshold: int = THRESHOLD


def draft_root(folder: Path, trusted: Trusted, now_ms: int, days: int = ROOT_DAYS) -> Path:
    """Write the next root, which nobody has signed yet. Raises `CannotServeError`."""
    if len(set(trusted.root)) < trusted.threshold or trusted.threshold < 1:
        raise CannotServeError(
            f"{len(set(trusted.root))} keys of the root, and {trusted.threshold} have to sign: name"
            " more keys"
        )
    last = _newest(folder, Root)
    version = 1 if last is None else last.signed.version + 1
    root = Root(version=version, expires=moment(now_ms) + timedelta(days=days))
    roles = {ROOT: trusted.root, TARGETS: trusted.targets}
    for role, keys in (roles | {SNAPSHOT: trusted.online, TIMESTAMP: trusted.online}).items():
        for each in dict.fromkeys(keys):
            root.add_key(_key(each), role)
    root.roles[ROOT].threshold = trusted.threshold
    return _write(folder, Metadata(root))


def _key(public_key: str) -> Any:
    try:
        return key_named(public_key)
    except ValueError as error:
        raise CannotServeError(
            f"{public_key!r:.80}: a key is named by its public part, 64 hexadecimal digits"
        ) from error


def sign_root(path: Path, signer: CryptoSigner) -> int:
    """Add a signature to a root; how many of its own keys have signed. Raises
    `CannotServeError`."""
    document = read(path.read_bytes(), Root, str(path))
    before = _newest(path.parent.parent, Root, document.signed.version - 1)
    known = {*document.signed.roles[ROOT].keyids}
    if before is not None:
        known |= {*before.signed.roles[ROOT].keyids}
    if signer.public_key.keyid not in known:
        raise CannotServeError(f"{path}: this key is none of the root's")
    document.sign(signer, append=True)
    _replace(path, document.to_bytes())
    return len({*document.signatures} & {*document.signed.roles[ROOT].keyids})


# --- the list of files ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class About:
    """What is said of a release."""

    notes: str = ""
    support_days: int = SUPPORT_DAYS
    deltas_from: int = 3
    """From so many earlier releases for the same platform a delta is made."""


def add_files(
    folder: Path, paths: Sequence[Path], signer: CryptoSigner, now_ms: int, about: About
) -> Path:
    """List these files besides those that are listed, with deltas, and sign the list; none: sign
    the list again. The list's file. Raises `CannotServeError`."""
    root, targets = _trusted_list(folder, now_ms)
    for path in paths:
        _add(folder, targets, path, now_ms, about)
    return _sign_list(folder, root, targets, signer, now_ms)


def remove_release(folder: Path, version: str, signer: CryptoSigner, now_ms: int) -> Path:
    """List a release no more, and nothing that is about it. Raises `CannotServeError`."""
    root, targets = _trusted_list(folder, now_ms)
    gone = {name for name, each in targets.targets.items() if _what(each).version == version}
    if not gone:
        raise CannotServeError(f"there is no release {version} in {folder}")
    removed = []
    for name, each in list(targets.targets.items()):
        what = _what(each)
        if name in gone or {what.base, what.result} & gone:
            removed.append(_stored(folder, name, each))
            del targets.targets[name]
    signed = _sign_list(folder, root, targets, signer, now_ms)
    for path in removed:
        path.unlink(missing_ok=True)
    return signed


def _what(target: TargetFile) -> Description:
    return Description.model_validate(target.custom)


def _trusted_list(folder: Path, now_ms: int) -> tuple[Root, Targets]:
    """The root that counts, and the next list, which is as the last one yet."""
    root: Metadata[Root] | None = _newest(folder, Root)
    if root is None:
        raise CannotServeError(f"{folder}: there is no root here; make one: {COMMAND} root")
    before = _newest(folder, Root, root.signed.version - 1)
    require_follows(root, None if before is None else before.signed, f"{folder}")
    last: Metadata[Targets] | None = _newest(folder, Targets)
    if last is None:
        return root.signed, Targets(expires=moment(now_ms))
    last.signed.version += 1
    return root.signed, last.signed


COMMAND: Final = "python -m central.releases"


def _add(folder: Path, targets: Targets, path: Path, now_ms: int, about: About) -> None:
    if path.name.endswith(".bom.json"):
        result = path.name.removesuffix(".bom.json") + ".squashfs"
        version, python, machine = platform_of(result)
        what = Description(
            kind=Kind.MATERIALS, version=version, python=python, machine=machine, result=result
        )
        _list(folder, targets, path.name, path, what)
        return
    version, python, machine = platform_of(path.name)
    what = Description(
        kind=Kind.RELEASE,
        version=version,
        python=python,
        machine=machine,
        notes=about.notes,
        made_ms=now_ms,
        end_of_support_ms=now_ms + about.support_days * DAY_MS,
    )
    known = targets.targets.get(path.name)
    if known is not None and known.hashes != TargetFile.from_file(path.name, str(path)).hashes:
        raise CannotServeError(
            f"{path.name}: another file is signed under this name; a release is made once: give it"
            " another version"
        )
    _list(folder, targets, path.name, path, what)
    _add_deltas(folder, targets, path, what, about.deltas_from)


def _add_deltas(folder: Path, targets: Targets, path: Path, what: Description, most: int) -> None:
    """From the newest ones of the same platform, each to this one."""
    platform = (Kind.RELEASE, what.python, what.machine)
    others = [
        (_what(each), name, each)
        for name, each in targets.targets.items()
        if name != path.name
        and (_what(each).kind, _what(each).python, _what(each).machine) == platform
    ]
    for _, name, each in sorted(others, key=lambda other: -other[0].made_ms)[:most]:
        with tempfile.TemporaryDirectory() as scratch:
            delta = Path(scratch, delta_name(name, path.name))
            size = make_delta(_stored(folder, name, each), path, delta)
            if size < path.stat().st_size:
                about = what.model_copy(
                    update={"kind": Kind.DELTA, "base": name, "result": path.name, "notes": ""}
                )
                _list(folder, targets, delta.name, delta, about)


def _list(folder: Path, targets: Targets, name: str, path: Path, what: Description) -> None:
    target = TargetFile.from_file(name, str(path), ["sha256"])
    target.unrecognized_fields["custom"] = what.model_dump(mode="json", exclude_defaults=True)
    place = _stored(folder, name, target)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place != path:
        shutil.copyfile(path, place)
    targets.targets[name] = target


def _stored(folder: Path, name: str, target: TargetFile) -> Path:
    return folder / "targets" / f"{target.hashes['sha256']}.{name}"


def _sign_list(
    folder: Path, root: Root, targets: Targets, signer: CryptoSigner, now_ms: int
) -> Path:
    targets.expires = moment(now_ms) + timedelta(days=LIST_DAYS)
    document = Metadata(targets)
    document.sign(signer)
    require_signed(document, root, "the list")
    return _write(folder, document)


# --- documents in the folder ----------------------------------------------------------------------


def _newest(folder: Path, kind: type[Any], version: int | None = None) -> Metadata[Any] | None:
    """The newest document of a kind in the folder, or the one of this version; None: none is."""
    found = {
        int(path.name.partition(".")[0]): path
        for path in (folder / "metadata").glob(f"*.{kind.type}.json")
        if path.name.partition(".")[0].isdecimal()
    }
    chosen = max(found, default=0) if version is None else version
    path = found.get(chosen)
    return None if path is None else read(path.read_bytes(), kind, str(path))


def _write(folder: Path, document: Metadata[Any]) -> Path:
    path = folder / "metadata" / name_of(document.signed)
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, document.to_bytes())
    return path


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(content)
    move_durably(draft, path)
