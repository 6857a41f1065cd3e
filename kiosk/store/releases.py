"""The release that the server chose for this kiosk: how far it came, kept with the event that says
so; and which versions of what is signed about releases were seen here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from kiosk.model.actor import SERVER
from kiosk.model.commands import ChooseRelease, ReleaseOutcome
from kiosk.model.event_bodies import ReleaseReported
from kiosk.store import meta
from kiosk.store.writer import Writer

_CHOSEN: Final = "release_chosen"
_SEEN: Final = "release_metadata_seen"
SETTLED: Final = frozenset(
    {ReleaseOutcome.RUNNING, ReleaseOutcome.REFUSED, ReleaseOutcome.WENT_BACK}
)
"""What nothing comes after."""
DETAIL_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the server chose last."""

    id: str
    """The command's."""
    rollout: str
    release: str
    """Its version; "": stay with what runs."""
    sha256: dict[str, str] = field(default_factory=dict)
    """By platform, what its file should be."""
    outcome: str = ""
    """What was reported last; "": nothing yet."""
    is_rehearsed: bool = False
    is_handed_over: bool = False
    """To the machine's keeper."""
    known_back_ms: int = 0
    known_refused_ms: int = 0
    """Of which time what the keeper had left, or refused, last was before that."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.outcome in {each.value for each in SETTLED}


def choose(writer: Writer, command_id: str, command: ChooseRelease) -> None:
    """Keep what the server chose, in the place of what it chose before."""
    _keep(writer, Chosen(command_id, command.rollout, command.release, dict(command.sha256)))


def chosen(writer: Writer) -> Chosen | None:
    """What the server chose last; None where it never did."""
    kept: dict[str, Any] = json.loads(meta.value(writer, _CHOSEN) or "{}")
    # A newer version may have kept more, and gone back.
    known = {each.name: kept[each.name] for each in fields(Chosen) if each.name in kept}
    return Chosen(**known) if known else None


def _keep(writer: Writer, what: Chosen) -> None:
    meta.set_value(writer, _CHOSEN, json.dumps(asdict(what)))


def report(writer: Writer, command_id: str, outcome: ReleaseOutcome, detail: str = "") -> bool:
    """Say how far the release came, if this is still the one that is chosen and it was not said
    before; whether it was."""
    what = chosen(writer)
    if what is None or what.id != command_id or what.outcome == outcome or what.is_settled:
        return False
    writer.record(
        ReleaseReported(
            actor=SERVER,
            id=what.id,
            rollout=what.rollout,
            release=what.release,
            outcome=outcome,
            detail=detail[:DETAIL_MAX],
        )
    )
    _keep(writer, replace(what, outcome=outcome.value))
    return True


def note_rehearsed(writer: Writer, command_id: str) -> None:
    """The chosen release has passed its rehearsal."""
    _note(writer, command_id, is_rehearsed=True)


def note_handed_over(writer: Writer, command_id: str, known: tuple[int, int] | None) -> None:
    """The chosen release is handed over to the machine's keeper; of which times its last words
    about what it left and what it refused are. None: it is not, after all."""
    back_ms, refused_ms = known or (0, 0)
    _note(
        writer,
        command_id,
        is_handed_over=known is not None,
        known_back_ms=back_ms,
        known_refused_ms=refused_ms,
    )


def _note(writer: Writer, command_id: str, **changes: Any) -> None:
    what = chosen(writer)
    if what is not None and what.id == command_id:
        _keep(writer, replace(what, **changes))


def seen(writer: Writer) -> dict[str, Any]:
    """Which versions of what is signed were seen, role by role."""
    kept: dict[str, Any] = json.loads(meta.value(writer, _SEEN) or "{}")
    return kept


def keep_seen(writer: Writer, versions: dict[str, Any]) -> None:
    """Keep them: what is older is not believed again."""
    meta.set_value(writer, _SEEN, json.dumps(versions))
