"""`python -m tests.crash --images N --seed S --json`: power cuts, searched as long as you like."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

if __name__ == "__main__":
    from tests.crash.command import main

    main()
