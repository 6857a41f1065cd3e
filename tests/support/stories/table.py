"""The table that every story stands in, and what a site must allow for all to be possible."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kiosk.flows.context import Policy
from tests.support.flow_site import Running
from tests.support.invariants import Witness

Story = Callable[[Running, Witness], Awaitable[None]]
STORIES: dict[str, Story] = {}
"""Every story by its name; each begins at a kiosk that has just started and holds nothing."""

POLICY = Policy(
    show_code_to_courier=True,
    may_extend=True,
    deposit_by_phone=True,
    deposit_by_directory=True,
    guest_deposits=True,
)
"""What the site must allow for every story to be possible."""


def story(played: Story) -> Story:
    """Puts a story into the table under the name of its function."""
    STORIES[played.__name__] = played
    return played
