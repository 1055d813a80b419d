"""Makes the pages of ocr from their texts: Pillow draws them in Debian's DejaVu fonts, in black on paper.

Run by hand, in an environment of its own that has pillow==13.0.0, on a machine with fonts-dejavu-core and
fonts-dejavu-extra.
"""

import json
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "targets" / "workloads" / "samples" / "ocr"
FONTS = Path("/usr/share/fonts/truetype/dejavu")


@dataclass(frozen=True)
class Page:
    """How a page is drawn: sizes in pixels, its turn in degrees."""

    width: int
    font: str
    size: int
    turned: float = 0.0


PAGES = {
    "badge.png": Page(460, "DejaVuSans-Bold", 40),
    "receipt.png": Page(440, "DejaVuSansMono", 22),
    "parcel.png": Page(720, "DejaVuSansCondensed-Bold", 34, turned=1.5),
    "letter.png": Page(900, "DejaVuSerif", 24, turned=-0.7),
    "invoice.png": Page(960, "DejaVuSans", 24),
    "handbook.png": Page(1120, "DejaVuSerifCondensed", 28),
}


def draw(lines: list[str], page: Page, path: Path) -> None:
    """The page as a PNG in 16 greys."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(str(FONTS / f"{page.font}.ttf"), page.size)
    step, margin = round(page.size * 1.7), page.size
    image = Image.new("L", (page.width, step * len(lines) + 2 * margin), 244)
    for at, line in enumerate(lines):
        ImageDraw.Draw(image).text((margin, margin + at * step), line, fill=24, font=font)
    image = image.rotate(page.turned, Image.Resampling.BICUBIC, fillcolor=244)
    image.quantize(16).save(path, optimize=True)


def main() -> None:
    """Rewrite the pages from texts.json."""
    for name, lines in json.loads((SAMPLES / "texts.json").read_text(encoding="utf-8")).items():
        draw(lines, PAGES[name], SAMPLES / name)


if __name__ == "__main__":
    main()
