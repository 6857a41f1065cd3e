"""What a signed file is, as the release maker's signature says it beside the file's hash."""

from __future__ import annotations

from pydantic import ValidationError
from tuf.api.metadata import TargetFile

from central.errors import CannotServeError
from kiosk.model.release_files import NAME, SAFE_NAME, Description, Kind


def platform_of(name: str) -> tuple[str, str, str]:
    """Version, Python and machine that the name of a release's file says. Raises
    `CannotServeError`."""
    found = NAME.fullmatch(name)
    if found is None:
        raise CannotServeError(
            f"{name}: a release's file is called like parcel-kiosk-1.4.0-cp311-x86_64.squashfs"
        )
    return found["version"], found["python"], found["machine"]


def described(name: str, target: TargetFile) -> Description:
    """What a signed file is. Raises `CannotServeError`."""
    try:
        found = Description.model_validate(target.custom or {})
    except ValidationError as error:
        raise CannotServeError(f"{name}: what is signed about it cannot be read") from error
    if SAFE_NAME.fullmatch(name) is None or "sha256" not in target.hashes:
        raise CannotServeError(f"{name}: a file is signed by a plain name and its SHA-256")
    said = (found.version, found.python, found.machine)
    if found.kind is Kind.RELEASE and platform_of(name) != said:
        raise CannotServeError(f"{name}: its name and what is signed about it differ")
    return found
