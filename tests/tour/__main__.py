"""`make tour`: a picture of every screen of every flow, on every panel, and
a contact sheet for each panel and language, in `build/tour`."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]

TALL = "1080x1920"
ROUND = (
    *((panel, "en", "light") for panel in (TALL, "1080x1920-15", "1280x800", "1024x600")),
    *((TALL, language, "light") for language in ("ar", "de", "en-XA")),
    (TALL, "en", "access"),
    (TALL, "en", "night"),
)
"""Panel, language and mode of each part of the tour."""


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "build" / "tour")
@click.option("--only", default="", help="Only stories whose name contains this.")
@click.option("--panel", default="", help="Only this panel, as 1280x800.")
@click.option("--language", default="", help="Only this language, as de.")
@click.option("--mode", default="", help="Only this mode: light, night or access.")
def main(out: Path, only: str, panel: str, language: str, mode: str) -> None:
    """Play every story against the simulated bank and draw what was shown."""
    from tests.tour.scenes import scenes

    asked = (panel, language, mode)
    parts = [each for each in ROUND if all(a in ("", b) for a, b in zip(asked, each, strict=True))]
    if not parts:
        raise click.UsageError(f"The tour has no such part. It has {ROUND}.")
    shown = pickle.dumps(list(scenes(only)))
    for part in parts:
        click.echo(draw(out, part, shown))


def draw(out: Path, part: tuple[str, str, str], shown: bytes) -> str:
    """Draw the scenes on one panel, in one language and mode; what came of it, in a line."""
    from tests.gallery.panels import PANELS
    from tests.support.screen import own_screen
    from tests.tour.sheet import write_sheet

    name = "-".join(word for word in part if word != "light")
    folder, panel = out / name, PANELS[part[0]]
    for old in folder.glob("*.png"):
        old.unlink()
    with own_screen(panel.width_px, panel.height_px) as screen:
        subprocess.run(
            [sys.executable, "-m", "tests.tour.drawing", str(folder), *part],
            input=shown,
            env={**screen.environment, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            check=True,
        )
    write_sheet(folder, out / f"{name}.png")
    return f"{len(list(folder.glob('*.png')))} pictures in {folder}, all on {name}.png"


if __name__ == "__main__":
    main()
