"""How fast ivrc compiles, beside a bare Lark parse of the same text: `python bench/compile.py [--quick]`.

Everything is a whole process: CPU time and peak memory as the system counts them. What is compared runs in
turn, several times; ratios are medians of the rounds. Absolute times depend on the machine and its load.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import texts
from measure import Cost, interleaved, keep_bytecode, middle, print_table, ratio, run, verdict

IVRC = str(Path(sys.executable).parent / "ivrc")
BARE = str(Path(__file__).parent / "bare_lark.py")

# Of bare Lark's time and memory, at ten thousand scenarios.
TIME_TARGET, MEMORY_TARGET = 0.8, 0.75
IMPORTS_TARGET = 1.3
CHANGED_TARGET = 0.10
# Time for each further scenario, from 10,000 to 50,000 against 1,000 to 10,000: anything quadratic would
# make it 5. On shared cores three trials gave 1.09 to 1.16.
LINEAR_TARGET = 1.2


class Desk:
    """A scratch folder with a cache of its own, warmed by one compilation of a small office."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.cache = self.folder / "cache"
        self.cache.mkdir(parents=True)
        self._outputs = 0
        warm = self.folder / "warm.ivr"
        warm.write_text(texts.small_office(0))
        self.compile(warm)

    def compile(self, source: Path) -> Cost:
        """`ivrc compile` into a folder that is not there yet."""
        self._outputs += 1
        output = self.folder / f"out{self._outputs}"
        cost = run([IVRC, "compile", str(source), "-o", str(output)], self.cache)
        shutil.rmtree(output)
        return cost

    def forget_offices(self) -> None:
        """Forget what was compiled, but not what is known of the world."""
        for kept in (self.cache / "ivrc").glob("offices-*"):
            kept.unlink()


def bare(source: Path) -> Cost:
    return run([sys.executable, BARE, str(source)])


def against_bare(
    desk: Desk, source: Path, same: Path, repeats: int, what: str, targets: tuple[float | None, float | None]
) -> dict[str, str]:
    """A row of the table; `same` is the text of `source` in one file."""

    def full(_: int) -> Cost:
        desk.forget_offices()
        return desk.compile(source)

    desk.compile(source)  # what the libraries must be asked once
    pairs = interleaved(repeats, full, lambda _: bare(same))
    ours, theirs = middle([one for one, _ in pairs]), middle([other for _, other in pairs])
    time = ratio([(one.seconds, other.seconds) for one, other in pairs])
    memory = ratio([(one.megabytes, other.megabytes) for one, other in pairs])
    return {
        "text": what,
        "lines": f"{_lines(same):,}",
        "ivrc, s": f"{ours.seconds:.2f}",
        "Lark, s": f"{theirs.seconds:.2f}",
        "time": verdict(time, targets[0]),
        "ivrc, MB": f"{ours.megabytes:.0f}",
        "Lark, MB": f"{theirs.megabytes:.0f}",
        "memory": verdict(memory, targets[1]),
    }


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def throughput(folder: Path, quick: bool) -> None:
    """Large texts against bare Lark."""
    sizes = (100, 300, 1000) if quick else (1000, 10_000, 50_000)
    repeats = (3, 3, 3) if quick else (7, 5, 3)
    rows: list[Mapping[str, str]] = []
    for size, times in zip(sizes, repeats, strict=True):
        desk = Desk(folder, f"scenarios{size}")
        source = desk.folder / "office.ivr"
        texts.write_scenarios(source, size)
        targets = (TIME_TARGET, MEMORY_TARGET) if size == 10_000 else (None, None)
        rows.append(against_bare(desk, source, source, times, f"{size:,} scenarios", targets))
        shutil.rmtree(desk.folder)
    count = 1000 if quick else 100_000
    desk = Desk(folder, "numbers")
    source = desk.folder / "office.ivr"
    texts.write_numbers(source, count)
    rows.append(against_bare(desk, source, source, 3, f"{count:,} numbers", (None, None)))
    count = 20 if quick else 2000
    desk = Desk(folder, "offices")
    texts.write_folder(desk.folder / "offices", count)
    texts.write_joined(desk.folder / "joined.ivr", desk.folder / "offices")
    what = f"{count:,} offices, each a file (Lark: all in one)"
    rows.append(against_bare(desk, desk.folder / "offices", desk.folder / "joined.ivr", 3, what, (None, None)))
    columns = ("text", "lines", "ivrc, s", "Lark, s", "time", "ivrc, MB", "Lark, MB", "memory")
    print_table("Compiling, beside bare Lark making a tree of the same text", columns, rows)


def linear(folder: Path, quick: bool) -> None:
    """Whether time grows in proportion: each round compiles all sizes, one after the other."""
    sizes = (100, 300, 1000) if quick else (1000, 10_000, 50_000)
    desk = Desk(folder, "linear")
    for size in sizes:
        texts.write_scenarios(desk.folder / f"{size}.ivr", size)
    rounds = [[desk.compile(desk.folder / f"{size}.ivr").seconds for size in sizes] for _ in range(3)]
    spent = [median(round_[index] for round_ in rounds) for index in range(len(sizes))]
    rows = [
        {"scenarios": f"{size:,}", "ivrc, s": f"{seconds:.2f}", "µs each": f"{seconds / size * 1e6:.0f}"}
        for size, seconds in zip(sizes, spent, strict=True)
    ]
    growth = []
    for round_ in rounds:
        first, second = ((round_[index + 1] - round_[index]) / (sizes[index + 1] - sizes[index]) for index in range(2))
        growth.append(second / first)
    further = [(spent[index + 1] - spent[index]) / (sizes[index + 1] - sizes[index]) for index in range(2)]
    for row, each in zip(rows[1:], further, strict=True):
        row["µs each further one"] = f"{each * 1e6:.0f}"
    rows[-1]["against the step before"] = verdict(median(growth), LINEAR_TARGET)
    columns = ("scenarios", "ivrc, s", "µs each", "µs each further one", "against the step before")
    print_table("Is it linear?", columns, rows)


def small(folder: Path, quick: bool) -> None:
    """An office of 60 lines against importing the libraries."""
    desk = Desk(folder, "small")
    source = desk.folder / "small.ivr"

    def imports(_: int) -> Cost:
        return run([sys.executable, "-c", "import lark, jinja2, click"])

    def changed(round_: int) -> Cost:
        source.write_text(texts.small_office(1, round_))
        return desk.compile(source)

    def unchanged(_: int) -> Cost:
        return desk.compile(source)

    def cold(_: int) -> Cost:
        shutil.rmtree(desk.cache)
        desk.cache.mkdir()
        return desk.compile(source)

    changed(-1)
    imports(0)
    rows: list[Mapping[str, str]] = []
    kinds: tuple[tuple[str, Callable[[int], Cost], float | None], ...] = (
        ("changed since the last time", changed, IMPORTS_TARGET),
        ("unchanged", unchanged, IMPORTS_TARGET),
        ("the very first time, nothing cached", cold, None),
    )
    for what, ours, target in kinds:
        pairs = interleaved(5 if quick or target is None else 21, ours, imports)
        one, other = middle([pair[0] for pair in pairs]), middle([pair[1] for pair in pairs])
        rows.append(
            {
                f"office of {texts.OFFICE_LINES} lines": what,
                "ivrc, ms": f"{one.seconds * 1000:.0f}",
                "imports, ms": f"{other.seconds * 1000:.0f}",
                "time": verdict(ratio([(a.seconds, b.seconds) for a, b in pairs]), target),
                "memory": verdict(ratio([(a.megabytes, b.megabytes) for a, b in pairs]), None),
            }
        )
    columns = (f"office of {texts.OFFICE_LINES} lines", "ivrc, ms", "imports, ms", "time", "memory")
    print_table("A small office, beside `python -c 'import lark, jinja2, click'`", columns, rows)


def incremental(folder: Path, quick: bool) -> None:
    """One file of many changed, against compiling all."""
    count = 50 if quick else 1000
    desk = Desk(folder, "incremental")
    offices = desk.folder / "offices"
    texts.write_folder(offices, count)

    def change(round_: int) -> Cost:
        (offices / f"firm{count // 2}.ivr").write_text(texts.small_office(count // 2, round_ + 1))
        return desk.compile(offices)

    def full(_: int) -> Cost:
        desk.forget_offices()
        return desk.compile(offices)

    full(0)
    # Each change follows a full compilation or another change: either way one file is new.
    pairs = interleaved(3 if quick else 7, change, full)
    one, all_ = middle([pair[0] for pair in pairs]), middle([pair[1] for pair in pairs])
    time = ratio([(a.seconds, b.seconds) for a, b in pairs])
    target = None if quick else CHANGED_TARGET
    row = {
        "folder": f"{count:,} offices of {texts.OFFICE_LINES} lines",
        "one changed, s": f"{one.seconds:.2f}",
        "all, s": f"{all_.seconds:.2f}",
        "time": f"{time:.1%}" + ("" if target is None else f" ({'ok' if time <= target else 'over'}: {target:.0%})"),
    }
    print_table("One file changed, beside compiling all", ("folder", "one changed, s", "all, s", "time"), [row])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: only to see that it works")
    parser.add_argument("--only", choices=("small", "incremental", "throughput", "linear"), help="one part")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ivrc-bench-") as scratch:
        keep_bytecode(Path(scratch) / "bytecode")
        for part in (small, incremental, throughput, linear):
            if options.only in (None, part.__name__):
                part(Path(scratch), options.quick)


if __name__ == "__main__":
    main()
