"""`python -m kiosk …`, and the command `kiosk`: reads the modules, and runs the command line."""

from __future__ import annotations

import gc


def entry() -> None:
    """The command line. What its modules make stays: to look for garbage among it, while they are
    read and ever after, costs a fifth of each start and is for nothing."""
    gc.disable()
    from kiosk.command_line import entry as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    entry()
