"""A computer that becomes a kiosk: what its installer decided, kept beside where its database will
lie, and each step done so that a power cut loses nothing and leaves nothing half.

The order is: site file, key and database, enrolment. A database that was being made when the power
went was never used by anybody, so it is made again; one that is whole stays.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from config import ConfigError, Site, check_content, load_site
from kiosk import app
from kiosk.adapters import KEY_FILE, LocationKeyError, SystemClock, key_path
from kiosk.data_folder import open_store
from kiosk.flows.enrolment import Failure, SiteOffer
from kiosk.flows.events import Preference
from kiosk.model.invitation import Invitation, Unreached
from kiosk.private_files import keep_private, private_folder, sync_folder
from kiosk.server_link import enrol_kiosk
from kiosk.store.errors import StoreError
from kiosk.store.remains import DATABASE, SIDE_FILES
from kiosk.store.set_up import Progress
from kiosk.store.writer import Writer
from kiosk.sync.enrol import IDENTITY_FILE, EnrolError, SiteFile, fetch_site
from kiosk.sync.transport import BY_TLS

LOG = logging.getLogger("kiosk")
NOTES = "set-up.json"
"""In the data folder, for its owner only, until this machine is a kiosk."""


@dataclass(frozen=True, slots=True)
class _Notes:
    """What the installer decided, and whether a database is being made."""

    language: str | None = None
    is_access: bool = False
    url: str = ""
    token: str = ""
    is_making: bool = False
    is_made: bool = False


def is_new(config: Path, data: Path) -> bool:
    """Whether this machine is to be set up from its beginning, or goes on with that: nothing of a
    kiosk is there, or the notes of whoever sets it up."""
    if (data / NOTES).exists():
        return True
    return not any((data / name).exists() for name in (DATABASE, KEY_FILE, IDENTITY_FILE))


def require_set_up(data: Path) -> None:
    """Refuse a machine whose set-up has begun and not ended. Raises `CannotRunError`."""
    if (data / NOTES).exists():
        raise app.CannotRunError(
            f"{data / NOTES}: this kiosk is being set up; go on with that: kiosk run --set-up"
        )


class NewMachine:
    """The machine of `kiosk.flows.enrolment`."""

    def __init__(self, config: Path, data: Path) -> None:
        self._config, self._data = config, data
        private_folder(data)
        self._notes = _read(data / NOTES)
        self._offered: SiteFile | None = None

    # --- what was decided ---

    @property
    def preference(self) -> Preference | None:
        notes = self._notes
        return None if notes.language is None else Preference(notes.language, notes.is_access)

    @property
    def invitation(self) -> Invitation | None:
        notes = self._notes
        return Invitation(notes.url, notes.token) if notes.url else None

    @property
    def may_work_alone(self) -> bool:
        return self._config.exists()

    def prefer(self, preference: Preference) -> None:
        self._keep(language=preference.language, is_access=preference.is_access)

    def invite(self, invitation: Invitation | None) -> None:
        url, token = ("", "") if invitation is None else (invitation.url, invitation.token)
        self._keep(url=url, token=token)

    def _keep(self, **values: object) -> None:
        notes = _Notes(**{**asdict(self._notes), **values})
        keep_private(self._data / NOTES, json.dumps(asdict(notes)))
        self._notes = notes

    # --- the server ---

    async def look(self, invitation: Invitation) -> SiteOffer | Failure:
        return await asyncio.to_thread(self._look, invitation)

    def _look(self, invitation: Invitation) -> SiteOffer | Failure:
        """A site file that lies here already counts before the server's."""
        self._offered = None
        try:
            site = self._own_site() or self._fetched(invitation)
        except EnrolError as error:
            LOG.warning("the set-up does not go on: %s", error)
            return Failure(error.why, str(error))
        except ConfigError as error:
            LOG.warning("the set-up does not go on: %s", error)
            return Failure(Unreached.SITE_FILE, str(error.mistakes[0]))
        place = site.location
        return SiteOffer(place.name, place.address, len(site.slots))

    def _own_site(self) -> Site | None:
        return load_site(self._config) if self._config.exists() else None

    def _fetched(self, invitation: Invitation) -> Site:
        question = secrets.token_hex(16)
        offered = fetch_site(invitation.url, invitation.token, question, BY_TLS)
        site, mistakes = check_content(offered.text.encode(), self._config.name)
        if site is None or mistakes:
            raise ConfigError(mistakes)
        if site.location.id != offered.location:
            problem = f"the site file is of location {site.location.id!r}"
            raise EnrolError(f"{problem}, the token of {offered.location!r}", Unreached.SITE_FILE)
        self._offered = offered
        return site

    # --- becoming a kiosk ---

    async def become(self, invitation: Invitation | None) -> Failure | None:
        return await asyncio.to_thread(self._become, invitation)

    def _become(self, invitation: Invitation | None) -> Failure | None:
        try:
            if not self._config.exists():
                if self._offered is None:
                    return Failure(Unreached.NO_SITE_FILE)
                keep_private(self._config, self._offered.text)
            site = load_site(self._config)
            self._make(site)
            if invitation is not None and not (self._data / IDENTITY_FILE).exists():
                enrol_kiosk(site, self._data, invitation.url, invitation.token)
        except EnrolError as error:
            LOG.warning("the set-up does not go on: %s", error)
            return Failure(error.why, str(error))
        except ConfigError as error:
            return Failure(Unreached.SITE_FILE, str(error.mistakes[0]))
        except (OSError, StoreError, LocationKeyError) as error:
            LOG.error("the set-up does not go on: %s", error)
            return Failure(Unreached.CANNOT_KEEP, _said(error))
        (self._data / NOTES).unlink()
        sync_folder(self._data)
        return None

    def _make(self, site: Site) -> None:
        """Key and database, unless they were made already."""
        if self._notes.is_made:
            return
        if self._notes.is_making and self._is_whole():
            self._keep(is_making=False, is_made=True)
            return
        if self._notes.is_making:
            self._remove_half()
        self._keep(is_making=True)
        begun = Progress(self._notes.language or "", self._notes.is_access)
        app.make_kiosk(site, self._data, set_up=begun)
        sync_folder(self._data)
        self._keep(is_making=False, is_made=True)

    def _is_whole(self) -> bool:
        """Whether the database was made, and only the note of that is missing. What it begins with
        is one transaction."""
        known = (key_path(self._data),)
        try:
            store = open_store(
                self._data, known, SystemClock(), secrets.SystemRandom(), threaded=False
            )
        except (StoreError, LocationKeyError):
            return False
        try:
            return store.submit(_events).result() > 0
        finally:
            store.close()

    def _remove_half(self) -> None:
        """What a power cut left of a database that nobody has used."""
        names = (DATABASE, *(f"{DATABASE}{suffix}" for suffix in SIDE_FILES), KEY_FILE)
        for name in names:
            (self._data / name).unlink(missing_ok=True)


def _events(writer: Writer) -> int:
    return writer.head.seq


def _read(path: Path) -> _Notes:
    """The notes; those that cannot be read are begun again: they hold nothing that is not asked for
    once more, but for a database that is being made, which `app.make_kiosk` then refuses."""
    if not path.exists():
        return _Notes()
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return _Notes(**kept)
    except (ValueError, TypeError) as error:
        LOG.warning("%s cannot be read (%s); the set-up begins again", path, error)
        return _Notes()


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
    return str(error)
