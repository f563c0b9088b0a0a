"""How soon `reach anyone` rings when somebody becomes free: `python bench/reach.py [--quick]`.

Callers stand in line for people who talk for a second or so each, through a real Asterisk; by its own clock it is
measured from the end of a person's conversation to the next ring of the same person.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import median

from measure import print_table, run

from ivrc.testbed.ami import Event
from ivrc.testbed.fetch import fetch, is_available
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.prefix import TestbedError
from ivrc.testbed.sip import Caller, Phone
from ivrc.testbed.sip_xml import answers, expect_answer, wait_hangup
from ivrc.testbed.watch import Watch

IVRC = str(Path(sys.executable).parent / "ivrc")
TARGET = 1.0
PEOPLE = ("anna", "boris", "vera")
OFFICE = """
settings { office bench  country RU  timezone "Europe/Moscow"  language en }
employee anna  { sip "PJSIP/anna" }
employee boris { sip "PJSIP/boris" }
employee vera  { sip "PJSIP/vera" }
group three at once { anna boris vera }
switch named toggled by "*28"
number "+7 495 000-00-01" -> one
number "+7 495 000-00-03" -> three
# The switch is off: it only names people without ringing them.
scenario one   { when switch named { call employee anna for 1s }  reach anyone for 5m  hangup }
scenario three { when switch named { call group three for 1s }  reach anyone for 5m  hangup }
"""


def frees_to_rings(asterisk: Asterisk, watch: Watch, count: int, callers: int, round_: int) -> list[float]:
    """Seconds from each time that somebody became free, while others waited, to that person's next ring."""
    seen = len(watch.events)
    random = Random(round_)
    with ExitStack() as phones:
        for name in PEOPLE[:count]:
            phones.enter_context(Phone(asterisk, name, answers(0.1, hangup_after=0.7 + random.random())))
        waiting = []
        for index in range(callers):
            caller = Caller(
                asterisk,
                to=f"+7495000000{count}",
                script=[expect_answer(), wait_hangup(280)],
                from_=f"+79160{count}{round_:02}{index:03}",
            )
            waiting.append(threading.Thread(target=caller.run))
            waiting[-1].start()
            time.sleep(0.05 + random.random() / 20)
        for thread in waiting:
            thread.join()
    events = watch.events[seen:]
    found: list[float] = []
    total = 0
    for name in PEOPLE[:count]:
        frees, rings = _times(events, "Hangup", "Channel", name), _times(events, "DialBegin", "DestChannel", name)
        total += len(rings)
        # After the last ring nobody waited any more.
        found += [ring - free for free, ring in zip(frees, rings[1:], strict=False)]
    if total != callers:
        sys.exit(f"{callers} callers, but {total} rings")
    return found


def _times(events: Sequence[Event], what: str, channel: str, name: str) -> list[float]:
    """When such events of a person's phone came, one ring and one end a conversation."""
    return [
        float(event["Timestamp"])
        for event in events
        if event.get("Event") == what and event.get(channel, "").startswith(f"PJSIP/{name}-")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few callers: only to see that it works")
    options = parser.parse_args()
    rounds, callers = (1, 6) if options.quick else (4, 36)
    rows = []
    try:
        for version in ("22", "16"):
            if not is_available(version):
                continue
            root = fetch(version)
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrc-bench-")))
                folder.chmod(0o755)
                (folder / "bench.ivr").write_text(OFFICE)
                run([IVRC, "compile", str(folder / "bench.ivr"), "-o", str(folder / "build")], folder)
                (folder / "asterisk").mkdir()
                files = {
                    "extensions.conf": "[general]\nstatic=yes\n" + (folder / "build/extensions.conf").read_text(),
                    "queues.conf": "[general]\n" + (folder / "build/queues.conf").read_text(),
                }
                asterisk = stack.enter_context(Asterisk(root, folder / "asterisk", extensions=files, phones=PEOPLE))
                watch = stack.enter_context(Watch(asterisk))
                for count in (1, 3):
                    found: list[float] = []
                    for round_ in range(rounds):
                        found += frees_to_rings(asterisk, watch, count, callers // (3 if count == 1 else 1), round_)
                    late = sum(seconds > TARGET for seconds in found)
                    rows.append(
                        {
                            "Asterisk": version,
                            "people": f"{count}",
                            "times": f"{len(found)}",
                            "median, s": f"{median(found):.2f}",
                            "longest, s": f"{max(found):.3f}",
                            "over a second": f"{late} ({'over' if late else 'ok'}: 0)",
                        }
                    )
    except TestbedError as fault:
        sys.exit(f"error: {fault}")
    columns = ("Asterisk", "people", "times", "median, s", "longest, s", "over a second")
    print_table("From somebody's becoming free to the ring, while callers wait", columns, rows)


if __name__ == "__main__":
    main()
