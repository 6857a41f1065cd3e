"""What can go wrong with the store, and what a person can do about it."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot do what was asked; the message says why and what to do."""


class CannotOpenError(StoreError):
    """The database cannot be used; it was left as it was."""


class InUseError(CannotOpenError):
    """Another process has the database."""


class DamagedError(CannotOpenError):
    """The file is no sound database."""


class NewerVersionError(CannotOpenError):
    """The database was written by a newer version of this program."""


class NotDoneError(StoreError):
    """The transaction was not carried out; nothing of it is in the database."""


class ForbiddenError(NotDoneError):
    """A constraint of the database forbids it: the same again is forbidden again."""


class OutcomeUnknownError(StoreError):
    """Whether the transaction was carried out is not known until the database is read again."""


class RefusedError(StoreError):
    """The operation was refused by a rule; nothing was changed."""


class ContestedError(RefusedError):
    """Several senders say that it is theirs."""


class InPlayError(RefusedError):
    """A door is in somebody's hands now; the same may be done in a moment."""
