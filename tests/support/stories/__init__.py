"""What happens at a locker, each with its ending, as stories that can be played under any fault.

A story plays one person (or fault) from the first screen and back to it. It says what people were
shown and what they did in `witness`; everything before `witness.prepared()` is only the setting.
To add one: write an async function of `(kiosk, witness)` under `@story`, in the file of who acts.
"""

from __future__ import annotations

from tests.support.stories import courier, customer, remote, technician
from tests.support.stories.table import POLICY, STORIES, Story

__all__ = ["POLICY", "STORIES", "Story", "courier", "customer", "remote", "technician"]
