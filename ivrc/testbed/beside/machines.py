"""The town's fax machines: the sheets that they send, and how long that takes."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import NamedTuple

from ivrc.simulate import Journey
from ivrc.simulate import journey as j
from ivrc.simulate.call import FaxMachine

# Dots of a line, and how many an inch has across and down.
WIDTH = 1728
FINENESS = (204.0, 98.0)
# Milliseconds after the last page until a machine has hung up.
LEAVES = 1_150
# Asterisk, as the machine, waits so long to be asked for T.38, and after that understands no such request.
T38_WITHIN = 5_000


class Sheets(NamedTuple):
    """Pages in a machine's tray; `length` is how many milliseconds they take, `lines` how many a page has.

    Lines of noise take long, for they cannot be compressed.
    """

    name: str
    pages: int
    length: int
    lines: int


TRAY = (Sheets("one", 1, 20_200, 0), Sheets("two", 2, 23_800, 0), Sheets("long", 2, 44_000, 40))


def machine_with(sheets: Sheets, begins: int, stays: bool) -> FaxMachine:
    """A machine of the town's, for the simulator."""
    return FaxMachine(sheets.pages, sheets.length, None if stays else LEAVES, begins, 0)


def sheets_of(machine: FaxMachine) -> Sheets:
    """What is in a machine's tray; of a machine that is not the town's, the nearest."""
    return min(TRAY, key=lambda each: (each.pages != machine.pages, abs(each.length - machine.length)))


def write_sheets(folder: Path) -> None:
    """The tray's files, as fax machines send them: `NAME.tiff`."""
    from PIL import Image

    for sheets in TRAY:
        pages = []
        for number in range(sheets.pages):
            dots = Random(number).randbytes(WIDTH // 8 * sheets.lines) or b"\0\xff" * (WIDTH // 16) * 100
            pages.append(Image.frombytes("1", (WIDTH, len(dots) * 8 // WIDTH), dots))
        path = folder / f"{sheets.name}.tiff"
        pages[0].save(path, "TIFF", compression="group3", dpi=FINENESS, save_all=True, append_images=pages[1:])
        path.chmod(0o644)


def begins_at(journey: Journey, machine: FaxMachine | None) -> float:
    """When a machine begins in a call, in milliseconds; never if the line is not answered, or it is none."""
    answered = next((event.at for event in journey.events if isinstance(event, j.Answered)), None)
    return float("inf") if machine is None or answered is None else answered + machine.begins


def has_t38(journey: Journey, machine: FaxMachine, seed: int) -> bool:
    """Whether a machine of the town's uses T.38: every other one that can."""
    begins = begins_at(journey, machine)
    fax = next((event.at for event in journey.events if isinstance(event, j.Faxed)), None)
    return seed % 2 == 0 and fax is not None and begins <= fax <= begins + T38_WITHIN
