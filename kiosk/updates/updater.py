"""Another release, as the server chose it: fetched, rehearsed, handed over, and what came of it.

A thread of its own goes about it, with nobody at the panel: it rests as soon as somebody comes. How
far it is stands in the database, so that it goes on after a restart, also as the release that it
fetched. What is said to the server is what the machine's keeper says, and not what was hoped for.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import requests

from kiosk.model.clock import Instant
from kiosk.model.commands import ReleaseOutcome
from kiosk.model.release_files import Kind, delta_name, file_name
from kiosk.store import releases
from kiosk.store.errors import StoreError
from kiosk.store.releases import Chosen
from kiosk.store.store import Store
from kiosk.sync.contract import ReleaseStatus
from kiosk.updates.deltas import DeltaError, apply_delta
from kiosk.updates.durable import move_durably, remove
from kiosk.updates.fetching import Line, WrongFileError, is_answered, is_it
from kiosk.updates.metadata import (
    Catalogue,
    Documents,
    Genuine,
    Newest,
    Seen,
    UntrustedError,
    refresh,
)
from kiosk.updates.spool import DOCUMENTS, Keeper, Spool

LOG = logging.getLogger("kiosk.updates")
LOOK_S: Final = 5.0
"""How often the keeper's word, the clock and the panel are looked at while something waits."""
AGAIN_S: Final = (30.0, 1800.0)
"""After a failure it is tried again so soon, and later and later up to the second number."""
WRONG_FILES_MAX: Final = 3
"""So often a file is fetched that is then another one, before it is given up."""
TAKEN_WITHIN: Final = 720
"""So many looks, of five seconds, does the keeper have to say what came of a release."""
UNPACKED_TIMES: Final = 5
"""So much larger is a release when it is unpacked for its rehearsal, at most."""
DAMAGED: Final = "its file is damaged"
"""Of the keeper: for this reason alone a release that was bad is taken again."""
NICE: Final = 15
ENDS_WITHIN_S: Final = 1.0
"""Who ends waits so long for the thread; what it leaves goes on with the next start."""


class RefusedReleaseError(Exception):
    """The release is not switched to; the message says why."""


class _NotNowError(Exception):
    """The work is to stop: the kiosk ends, or the server has chosen something else."""


class Machine(Protocol):
    """What of this machine the update looks at; called on its own thread."""

    def status(self) -> ReleaseStatus | None:
        """What the keeper says; None where nobody keeps releases."""

    def is_idle(self) -> bool:
        """Whether nobody is here, no door stands open, and none is about to."""

    def now(self) -> Instant:
        """The time, and whether it is trusted."""

    def is_time(self) -> bool:
        """Whether the site lets the release be switched now."""


Rehearse = Callable[[Path], str]
"""Tries a release that lies here; what is wrong with it, "" where nothing is."""


@dataclass
class _Ready:
    """The release that lies here, checked."""

    command: str
    file: Genuine
    path: Path


class Updates:
    """Goes about it while the `with` block lasts."""

    def __init__(
        self,
        store: Store,
        data: Path,
        keeper: Keeper,
        machine: Machine,
        line: Callable[[Callable[[float], None]], Line],
        rehearse: Rehearse,
    ) -> None:
        """`line` makes the way to the server, given what waits between two pieces."""
        self._store, self._keeper, self._machine = store, keeper, machine
        self._spool, self._rehearse = Spool(data), rehearse
        self._line = line(self._rest)
        self._ready: _Ready | None = None
        self._is_new = True
        self._at_work, self._failures, self._wrong_files, self._looks = "", 0, 0, 0
        self._is_ending, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="updates", daemon=True)

    def __enter__(self) -> Updates:
        self._deafen = self._store.listen(self._woken.set)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending.set()
        self._woken.set()
        self._deafen()
        self._line.close()
        self._thread.join(ENDS_WITHIN_S)

    def _run(self) -> None:
        try:
            # Of this thread and what it starts: whoever is at the panel goes first.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        except OSError as error:
            LOG.warning("updates are not less important than visits: %s", error)
        while not self._is_ending.is_set():
            self._woken.clear()
            self._wait(self.step())

    def _wait(self, duration_s: float | None) -> None:
        """So long, or until something else was chosen; None: until something was journaled."""
        if duration_s is None:
            self._woken.wait()
        while duration_s is not None and duration_s > 0 and not self._is_ending.is_set():
            self._is_ending.wait(min(duration_s, LOOK_S))
            duration_s -= LOOK_S
            if self._woken.is_set() and self._is_another_chosen():
                return
            self._woken.clear()

    def _is_another_chosen(self) -> bool:
        try:
            chosen = self._store.submit(releases.chosen).result()
        except StoreError as error:
            LOG.warning("the store does not say which release is chosen: %s", error)
            return False
        return chosen is not None and chosen.id != self._at_work

    def step(self) -> float | None:
        """Do what can be done now; in how many seconds to look again, None: when something was
        chosen."""
        try:
            chosen = self._store.submit(releases.chosen).result()
            is_done = chosen is None or chosen.is_settled
            if self._is_new:
                self._tidy(is_done=is_done)
            if chosen is None or is_done:
                return None
            wait_s = self._work_on(chosen)
            self._failures = 0
            return wait_s
        except _NotNowError:
            return 0.0
        except (OSError, StoreError) as error:  # a request that failed is an OSError, too
            LOG.warning("the release is tried again later: %s", error)
        except Exception:
            LOG.exception("the update failed; it is tried again later")
        self._failures += 1
        return min(AGAIN_S[1], AGAIN_S[0] * 2.0 ** min(self._failures - 1, 10))

    def _tidy(self, *, is_done: bool) -> None:
        """The kiosk has started: remove what nobody needs any more."""
        self._spool.clear_folders()
        if is_done:
            self._spool.clear()
        self._is_new = False

    def _work_on(self, chosen: Chosen) -> float | None:
        if chosen.id != self._at_work:
            self._begin(chosen)
        try:
            return self._go_on(chosen)
        except RefusedReleaseError as error:
            self._settle(chosen, ReleaseOutcome.REFUSED, str(error))
            return None

    def _begin(self, chosen: Chosen) -> None:
        """Another one was chosen, or the program has started again."""
        self._at_work, self._ready, self._looks, self._wrong_files = chosen.id, None, 0, 0
        self._spool.prepare()
        if not chosen.is_handed_over:
            self._spool.withdraw()

    def _go_on(self, chosen: Chosen) -> float | None:
        status = self._machine.status()
        if status is None:
            raise RefusedReleaseError("nobody keeps releases on this machine")
        if chosen.release in ("", status.running):
            return self._runs(chosen, status)
        if chosen.is_handed_over:
            return self._follow(chosen, status)
        bad = status.bad.get(chosen.release, DAMAGED)
        if bad != DAMAGED:
            raise RefusedReleaseError(f"it was tried here: {bad}")
        ready = self._fetched(chosen, status)
        if not chosen.is_rehearsed:
            self._rehearsed(chosen, ready)
        self._report(chosen, ReleaseOutcome.FETCHED)
        if self._machine.is_time() and self._machine.is_idle():
            self._hand_over(chosen, ready, status)
        return LOOK_S

    # --- what runs

    def _runs(self, chosen: Chosen, status: ReleaseStatus) -> float | None:
        """What was chosen runs already, or to change nothing was."""
        if chosen.release and status.state == "trial":
            self._report(chosen, ReleaseOutcome.TRYING)
            return LOOK_S
        self._settle(chosen, ReleaseOutcome.RUNNING, "" if chosen.release else status.running)
        return None

    def _follow(self, chosen: Chosen, status: ReleaseStatus) -> float:
        """It is the keeper's now: what does that one say?"""
        back, refused = status.went_back, self._keeper.refused()
        if status.trial == chosen.release:
            self._report(chosen, ReleaseOutcome.TRYING)
            return LOOK_S
        is_back = back is not None and back.version == chosen.release
        if back is not None and is_back and back.at_ms != chosen.known_back_ms:
            self._settle(chosen, ReleaseOutcome.WENT_BACK, back.reason)
            return LOOK_S
        is_refused = refused is not None and refused.version == chosen.release
        if refused is not None and is_refused and refused.at_ms != chosen.known_refused_ms:
            raise RefusedReleaseError(f"the keeper did not take it: {refused.reason}")
        self._looks += 1
        is_left = (self._spool.folder / self._name(chosen, status)).exists()
        if is_left and not self._spool.is_handed_over and self._looks > 1:
            # The power went before the request was written.
            self._store.submit(releases.note_handed_over, chosen.id, None).result()
            return 0.0
        if self._looks > TAKEN_WITHIN:
            self._spool.withdraw()
            raise RefusedReleaseError("the keeper did not say within an hour what came of it")
        return LOOK_S

    def _name(self, chosen: Chosen, status: ReleaseStatus) -> str:
        """How the file of what was chosen is called."""
        return file_name(chosen.release, status.python, status.machine)

    def _hand_over(self, chosen: Chosen, ready: _Ready, status: ReleaseStatus) -> None:
        refused = self._keeper.refused()
        known = (
            0 if status.went_back is None else status.went_back.at_ms,
            0 if refused is None else refused.at_ms,
        )
        # Before the request: whoever starts next may be the release itself.
        self._store.submit(releases.note_handed_over, chosen.id, known).result()
        self._spool.hand_over(chosen.release, ready.path, ready.file.sha256)
        self._looks = 0
        LOG.info("release %s is handed over to the keeper", chosen.release)

    # --- what is fetched

    def _fetched(self, chosen: Chosen, status: ReleaseStatus) -> _Ready:
        ready = self._ready
        if ready is not None and ready.command == chosen.id and ready.path.is_file():
            return ready
        self._rest(0.0)
        catalogue = self._catalogue()
        file = self._wanted(chosen, status, catalogue)
        deltas = list(self._deltas(catalogue, file, status))
        begun = [f"{each.sha256}.part" for each in (file, *(delta for _, delta in deltas))]
        self._spool.clear(kept=(file.name, *begun))
        self._require_room(file)
        try:
            path = self._by_delta(deltas, file) or self._line.fetch(file, self._spool.folder)
        except WrongFileError as error:
            self._wrong_files += 1
            if self._wrong_files >= WRONG_FILES_MAX:
                raise RefusedReleaseError(str(error)) from error
            raise requests.ConnectionError(str(error)) from error
        self._ready = _Ready(chosen.id, file, path)
        return self._ready

    def _catalogue(self) -> Catalogue:
        """What is genuine now."""
        root = self._keeper.root()
        if root is None:
            raise RefusedReleaseError(
                f"this machine does not say whom it trusts: {self._keeper.root_file} is missing"
            )
        kept = self._store.submit(releases.seen).result()
        documents = Documents.read(self._spool.folder / DOCUMENTS)
        try:
            found = refresh(
                root,
                documents,
                seen_of(kept),
                self._line.document,
                self._machine.now(),
                self._spool.folder,
            )
        except UntrustedError as error:
            raise RefusedReleaseError(f"what the server says is not believed: {error}") from error
        newest = {role: asdict(each) for role, each in found.seen.items()}
        if newest != kept:
            self._store.submit(releases.keep_seen, newest).result()
        return found

    def _wanted(self, chosen: Chosen, status: ReleaseStatus, catalogue: Catalogue) -> Genuine:
        """The genuine file for this machine of what was chosen."""
        name = self._name(chosen, status)
        try:
            file = catalogue.file(name)
        except UntrustedError as error:
            raise RefusedReleaseError(str(error)) from error
        if file is None:
            raise RefusedReleaseError(f"{name} is not signed by the release maker")
        if file.what.kind is not Kind.RELEASE or file.what.version != chosen.release:
            raise RefusedReleaseError(f"{name} is signed as something else")
        named = chosen.sha256.get(f"{status.python}-{status.machine}", file.sha256)
        if named != file.sha256:
            raise RefusedReleaseError(
                f"{name} is signed with the SHA-256 {file.sha256}, and the server names {named}"
            )
        return file

    def _deltas(
        self, catalogue: Catalogue, file: Genuine, status: ReleaseStatus
    ) -> Iterator[tuple[Path, Genuine]]:
        """What leads to a file: a release that the keeper has, and the delta from it."""
        for version, sha256, base in self._keeper.kept():
            name = file_name(version, status.python, status.machine)
            try:
                known, delta = catalogue.file(name), catalogue.file(delta_name(name, file.name))
            except UntrustedError as error:
                LOG.warning("a delta is not used: %s", error)
                continue
            if known is None or delta is None or known.sha256 != sha256:
                continue
            if delta.what.kind is Kind.DELTA and delta.size < file.size:
                yield base, delta

    def _by_delta(self, deltas: Iterable[tuple[Path, Genuine]], file: Genuine) -> Path | None:
        """The file, made of one that the keeper has; None where the whole one has to come."""
        path = self._spool.folder / file.name
        if path.is_file() or (self._spool.folder / f"{file.sha256}.part").is_file():
            return None  # it is here, or on its way
        for base, delta in deltas:
            made = self._spool.folder / f"{file.sha256}.made"
            try:
                packed = self._line.fetch(delta, self._spool.folder)
                self._rest(0.0)
                apply_delta(base, packed, made, file.size)
                if not is_it(made, file):
                    raise DeltaError(f"{delta.name} makes another file than was signed")
            except (DeltaError, WrongFileError) as error:
                LOG.warning("the whole file is fetched instead: %s", error)
                return None
            except requests.RequestException as error:
                if not is_answered(error):
                    raise  # the line is cut: it goes on with the delta later
                LOG.warning("the whole file is fetched instead: %s", error)
                return None
            move_durably(made, path)
            remove(packed)
            return path
        return None

    def _require_room(self, file: Genuine) -> None:
        """Beside the file: the keeper's copy of it, and before that its rehearsal."""
        lacking = self._spool.lacks_bytes(file.size + UNPACKED_TIMES * file.size)
        if lacking:
            raise RefusedReleaseError(f"the disk lacks {lacking / 1e6:.0f} MB for it")

    def _rehearsed(self, chosen: Chosen, ready: _Ready) -> None:
        self._rest(0.0)
        problem = self._rehearse(ready.path)
        if problem:
            raise RefusedReleaseError(f"its rehearsal failed: {problem}")
        self._store.submit(releases.note_rehearsed, chosen.id).result()

    # --- what is said, and when to rest

    def _report(self, chosen: Chosen, outcome: ReleaseOutcome, detail: str = "") -> None:
        if chosen.outcome == outcome:
            return
        if self._store.submit(releases.report, chosen.id, outcome, detail).result():
            LOG.info("release %s: %s %s", chosen.release, outcome, detail)

    def _settle(self, chosen: Chosen, outcome: ReleaseOutcome, detail: str) -> None:
        """Nothing comes after this; nothing of it is left."""
        self._report(chosen, outcome, detail)
        self._ready, self._at_work = None, ""
        self._spool.withdraw()
        self._spool.clear()

    def _rest(self, duration_s: float) -> None:
        """Wait so long, and as long as somebody is here. Raises `_NotNowError`."""
        self._is_ending.wait(duration_s)
        while True:
            chosen = self._store.submit(releases.chosen).result()
            if self._is_ending.is_set() or chosen is None or chosen.id != self._at_work:
                raise _NotNowError
            if self._machine.is_idle():
                return
            self._is_ending.wait(LOOK_S)


def seen_of(kept: dict[str, Any]) -> Seen:
    """What the database has of the versions that were seen."""
    return {
        role: Newest(int(each["version"]), tuple(map(str, each["keys"])))
        for role, each in kept.items()
    }
