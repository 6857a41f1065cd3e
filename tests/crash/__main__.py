"""`python -m tests.crash --images N --seed S --json`: power cuts, searched as long as you like."""

from __future__ import annotations

if __name__ == "__main__":
    from tests.crash.command import main

    main()
