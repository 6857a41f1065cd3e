"""Keep the first screen as it looks now, for the rehearsals of later machines: `make goldens`."""

from __future__ import annotations

from config import DEMO_SITE, load_site
from kiosk.rehearsing import GOLDEN, draw
from kiosk.ui.theme import SiteLook

if __name__ == "__main__":
    GOLDEN.write_bytes(draw(load_site(DEMO_SITE), SiteLook()).png())
    print(GOLDEN)
