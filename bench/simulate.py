"""Simulated calls per second on one core: `python bench/simulate.py [--quick]`. The aim is 20,000.

The office is a typical one (greeting, hours, menu, random group, voicemail); the calls differ in time, caller, keys and
who answers, as calls do. They are made beforehand: what is measured is the simulation alone.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ivrc import model as m
from ivrc.simulate import Call, Prepared, run
from ivrc.simulate.call import Kind, Press, State
from ivrc.simulating import load

AIM = 20_000
OFFICE = """
settings { office bench  country RU  timezone "Europe/Moscow"  trunk "PJSIP/{number}@provider" }
employee anna  { extension 101  sip "PJSIP/anna"  mobile "+7 916 000-00-01" }
employee boris { extension 102  sip "PJSIP/boris" }
employee vera  { extension 103  sip "PJSIP/vera" }
employee gleb  { extension 104  sip "PJSIP/gleb" }
group sales random { anna 40% boris 20% vera 20% gleb 20% }
group support in order { boris, vera }
hours work { mon-fri 09:00-18:00  sat 10:00-14:00  except holidays RU }
number "+7 495 123-45-67" -> main
scenario main {
    play "asterisk:welcome"
    when work {
        branch playing "asterisk:menu" for 7s retries 2 {
            1 { call group sales }
            2 { call group support for 15s }
        }
        call employee anna then mobile
    } else {
        play "asterisk:closed"
    }
    voicemail "asterisk:after" to anna
}
"""


def office_of(text: str) -> m.Office:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "office.ivr")
        file.write_text(text, "utf-8")
        office, _ = load(file)
    assert office is not None
    return office


def calls_of(count: int) -> list[Call]:
    chance = random.Random(1)
    begin = datetime(2026, 3, 2, tzinfo=UTC)
    kinds: tuple[Kind, ...] = ("answers", "answers", "silent", "busy", "offline")
    calls = []
    for seed in range(count):
        states = {name: State(chance.choice(kinds)) for name in ("anna", "boris", "vera", "gleb")}
        keys = chance.choice(["1", "2", "9", ""])
        presses = (Press(keys, 2000, "asterisk:menu"),) if keys else ()
        at = begin + timedelta(seconds=chance.randrange(7 * 86_400))
        caller = f"+7916{chance.randrange(10**7):07}"
        calls.append(Call("+74951234567", caller, at=at, presses=presses, states=states, seed=seed))
    return calls


def main() -> int:
    """Print the rate; 1 if it is under the aim."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    count = 20_000 if parser.parse_args().quick else 100_000
    office, calls = Prepared(office_of(OFFICE)), calls_of(count)
    began = time.process_time()
    events = sum(len(run(office, call).events) for call in calls)
    rate = count / (time.process_time() - began)
    print(f"{count} calls, {events / count:.1f} events each: {rate:,.0f} calls/s of CPU time (aim {AIM:,})")
    return 0 if rate >= AIM else 1


if __name__ == "__main__":
    raise SystemExit(main())
