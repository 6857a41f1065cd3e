"""`python -m tests.goldens`: keep the main screens as they look now, or those alone that are named.
Look at what changed!"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.goldens.goldens import PANELS, drawn, kept_at


def main() -> None:
    """Draw all, and keep all or those that are named."""
    wanted = sys.argv[1:]
    for panel in PANELS:
        with tempfile.TemporaryDirectory() as folder:
            for name, picture in drawn(panel, Path(folder)):
                if wanted and name not in wanted:
                    continue
                path = kept_at(panel, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                picture.save(path, optimize=True)
                print(path)
    # In a process of its own, which has one window; a rehearsal draws it off screen.
    subprocess.run([sys.executable, "-m", "tests.goldens.first_screen"], check=True)


if __name__ == "__main__":
    main()
