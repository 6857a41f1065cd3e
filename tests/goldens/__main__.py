"""`python -m tests.goldens`: keep the main screens as they look now, or those alone that are named.
Look at what changed!"""

from __future__ import annotations

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


if __name__ == "__main__":
    main()
