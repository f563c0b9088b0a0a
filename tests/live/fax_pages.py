"""Pages for fax machines: made in the shape that they send, and read as they arrive."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pikepdf
from PIL import Image, ImageDraw, ImageSequence

WIDTH = 1728
# Dots an inch across and down; down is 3.85 and 7.7 lines a millimetre.
STANDARD = (204.0, 98.0)
FINE = (204.0, 196.0)


class Page(NamedTuple):
    """A page of a TIFF: its dots, and how many of them go into an inch."""

    image: Image.Image
    resolution: tuple[float, float]


def draw_page(number: int, resolution: tuple[float, float] = STANDARD, millimetres: int = 60) -> Image.Image:
    """A page with as many bars as its number, a slanted line and a frame: upside down or mirrored it is another."""
    height = int(millimetres / 25.4 * resolution[1])
    page = Image.new("1", (WIDTH, height), 1)
    pen = ImageDraw.Draw(page)
    pen.rectangle((20, 5, WIDTH - 20, height - 5), outline=0, width=4)
    pen.line((40, height - 10, WIDTH // 2, 10), fill=0, width=6)
    for bar in range(number):
        left = WIDTH // 2 + 100 + bar * 150
        pen.rectangle((left, height // 4, left + 80, height // 2), fill=0)
    return page


def draw_noise(number: int, lines: int = 80) -> Image.Image:
    """A page that takes long to send, some 12 s: noise does not compress."""
    dots = random.Random(number).randbytes(WIDTH // 8 * lines)
    return Image.frombytes("1", (WIDTH, lines), dots)


def write_fax(path: Path, pages: list[Image.Image], resolution: tuple[float, float] = STANDARD) -> list[Image.Image]:
    """A TIFF/F file of these pages."""
    pages[0].save(path, format="TIFF", compression="group3", dpi=resolution, save_all=True, append_images=pages[1:])
    path.chmod(0o644)
    return pages


def read_fax(path: Path) -> list[Page]:
    """The pages of a TIFF that was received."""
    with Image.open(path) as file:
        pages = []
        for page in ImageSequence.Iterator(file):
            across, down = page.info["dpi"]
            pages.append(Page(page.convert("1").copy(), (float(across), float(down))))
        return pages


def boxes(pdf: str) -> list[tuple[float, float]]:
    """Width and height of a PDF's pages in millimetres."""
    with pikepdf.open(pdf) as file:
        found = []
        for page in file.pages:
            left, bottom, right, top = (float(value) for value in page.mediabox)
            found.append(((right - left) / 72 * 25.4, (top - bottom) / 72 * 25.4))
        return found


def likeness(one: Image.Image, other: Image.Image) -> float:
    """The share of dots that are the same; 0 for two of unlike width."""
    if one.width != other.width:
        return 0.0
    height = min(one.height, other.height)
    first, second = (image.crop((0, 0, image.width, height)).convert("L").tobytes() for image in (one, other))
    same = sum(a == b for a, b in zip(first, second, strict=True))
    return same / (one.width * max(one.height, other.height))
