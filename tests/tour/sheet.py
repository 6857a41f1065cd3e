"""A contact sheet: all pictures of a folder, small, each with its name below."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONT = Path(__file__).parents[2] / "assets/fonts/atkinson-hyperlegible-regular.ttf"
CELL_PX = 270
"""How long the longer side of a picture is on the sheet."""
MARGIN_PX = 16
LABEL_PX = 20
COLUMNS = {True: 12, False: 8}
"""In a row: of tall pictures, of wide ones."""
PAPER, INK = "#e7e9ec", "#20242a"


def write_sheet(folder: Path, sheet: Path) -> None:
    """Put the folder's pictures on one, in the order of their names."""
    paths = sorted(folder.glob("*.png"))
    with Image.open(paths[0]) as first:
        width, height = first.size
    scale = CELL_PX / max(width, height)
    small = (round(width * scale), round(height * scale))
    columns = COLUMNS[height > width]
    rows = math.ceil(len(paths) / columns)
    cell = (small[0] + MARGIN_PX, small[1] + MARGIN_PX + LABEL_PX)
    paper = Image.new("RGB", (columns * cell[0] + MARGIN_PX, rows * cell[1] + MARGIN_PX), PAPER)
    pen, font = ImageDraw.Draw(paper), ImageFont.truetype(str(FONT), 11)
    for place, path in enumerate(paths):
        left = MARGIN_PX + place % columns * cell[0]
        top = MARGIN_PX + place // columns * cell[1]
        with Image.open(path) as large:
            paper.paste(large.resize(small, Image.Resampling.LANCZOS), (left, top))
        label = path.stem
        while label and pen.textlength(label, font) > small[0]:
            label = label[:-1]
        pen.text((left, top + small[1] + 3), label, INK, font)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    paper.save(sheet)
