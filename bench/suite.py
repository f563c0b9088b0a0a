"""1,000 tests of an office, a whole process of `ivrc test`: `python bench/suite.py [--quick]`. The aim is 2 s.

The office is that of bench/simulate.py; each test is a block of nine lines with its own time, caller, people and key.
Compared: `ivrc check` of the same office without its tests (the start and the reading), and `ivrc compile` with and
without them, which no test may slow but by being read.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from measure import Cost, keep_bytecode, middle, run
from simulate import OFFICE

AIM = 2.0
TESTS = 1_000
_TEST = """\
test "call {number} at {time}" {{
    call from "{caller}" at 2026-03-{day:02} {time}
    anna {anna}
    boris, vera {boris}
    gleb answers after {after}s
    press {key} at "asterisk:menu" after 2s
    expect {{ {expected} }}
}}
"""


def tests_of(count: int) -> str:
    """Tests that all pass."""
    chance = random.Random(1)
    found = []
    for number in range(count):
        hour = chance.choice([8, 10, 12, 14, 17, 20])
        day = chance.randrange(2, 6)
        key = chance.choice([1, 2])
        open_ = 9 <= hour < 18
        expected = 'plays "asterisk:welcome" '
        if not open_:
            expected += 'plays "asterisk:closed" rings nobody voicemail to anna'
        elif key == 1:
            expected += 'plays "asterisk:menu" rings gleb reaches gleb'
        else:
            expected += 'plays "asterisk:menu" rings anna not reaches gleb'
        found.append(
            _TEST.format(
                number=number,
                time=f"{hour:02}:{chance.randrange(60):02}",
                caller=f"+7916{chance.randrange(10**7):07}",
                day=day,
                anna="silent",
                boris=chance.choice(["busy", "offline"]),
                after=chance.randrange(1, 15),
                key=key,
                expected=expected,
            )
        )
    return "\n".join(found)


def main() -> int:
    """Print the figures; 1 if the aim is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    rounds = 2 if parser.parse_args().quick else 7
    ivrc = [sys.executable, "-m", "ivrc"]
    with tempfile.TemporaryDirectory() as folder:
        bare, whole = Path(folder, "bare.ivr"), Path(folder, "office.ivr")
        bare.write_text(OFFICE, "utf-8")
        whole.write_text(OFFICE + tests_of(TESTS), "utf-8")
        cache = Path(folder, "cache")
        keep_bytecode(Path(folder, "bytecode"))
        commands = {
            f"ivrc test, {TESTS:,} tests": [*ivrc, "test", str(whole)],
            "ivrc check, without tests": [*ivrc, "check", str(bare)],
            "ivrc compile, without tests": [*ivrc, "compile", str(bare), "-o", f"{folder}/a"],
            "ivrc compile, with them in the file": [*ivrc, "compile", str(whole), "-o", f"{folder}/b"],
        }
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        for command in commands.values():
            run(command, cache)
        for _ in range(rounds):
            for name, command in commands.items():
                costs[name].append(run(command, cache))
    for name, found in costs.items():
        cost = middle(found)
        print(f"{name:40} {cost.seconds:6.2f} s CPU  {cost.megabytes:5.0f} MB")
    took = middle(costs[next(iter(costs))]).seconds
    print(f"the aim is {AIM:g} s: {'met' if took <= AIM else 'missed'}")
    return 0 if took <= AIM else 1


if __name__ == "__main__":
    raise SystemExit(main())
