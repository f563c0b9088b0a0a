"""What a deploy costs, and what new calls feel of it, beside a plain reload: `python bench/deploy.py [--quick]`.

10,000 scenarios and 100,000 numbers in one real Asterisk 22: put there once without calls, then changed while 50 SIP
calls a second come in. A delay is from a call's INVITE to its 200 OK. What it is at is told on stderr.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import texts
from measure import print_table, run

from ivrc.testbed.conf import ENDPOINT_HEADER
from ivrc.testbed.fetch import fetch
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.prefix import TestbedError, die_with_us
from ivrc.testbed.sip_trace import read_trace
from ivrc.testbed.sip_xml import caller_xml, expect_answer, wait_hangup

_BEGAN = time.monotonic()
IVRC = str(Path(sys.executable).parent / "ivrc")
RATE = 50
SECRET = "bench"
PROBE = 'number "+7 495 000-00-01" -> probe\nscenario probe {{ play "asterisk:digits/{change}"  hangup }}\n'


def tell(what: str) -> None:
    """Say what is being done, and how long it has been in all."""
    print(f"{time.monotonic() - _BEGAN:6.0f} s  {what}", file=sys.stderr, flush=True)


def write_one(folder: Path, scenarios: int, numbers: int, change: int) -> None:
    """All in one office: a changed line makes a new generation of all of it."""
    texts.write_numbers(folder / "bench.ivr", numbers, scenarios)
    with (folder / "bench.ivr").open("a") as file:
        file.write(PROBE.format(change=change))


def write_many(folder: Path, scenarios: int, numbers: int, change: int) -> None:
    """A hundred offices, of which one changes."""
    offices = 100
    for index in range(offices):
        lines = [*texts._settings(f"firm{index}"), *texts._employees(texts.PEOPLE)]
        lines += ["\ngroup g0 in order { e0, e1, e2 }\ngroup g1 at once { e3, e4, e5 }\n"]
        lines += ["group g2 random { e6 40%  e7 30%  e8 30% }\ngroup g3 in order { e9, e10, g1 }\n"]
        lines += [texts._HOURS, texts._KNOWN]
        each = scenarios // offices
        first = index * (numbers // offices)
        lines += [f'number "{texts.number_of(first + n)}" -> s{n % each}\n' for n in range(numbers // offices)]
        lines += [texts.scenario(n, each - 1) + "\n" for n in range(each)]
        lines += [PROBE.format(change=change)] if index == 0 else []
        (folder / f"firm{index}.ivr").write_text("".join(lines))


class Calls:
    """Calls that come in at a fixed rate from entry to exit."""

    def __init__(self, asterisk: Asterisk) -> None:
        self._asterisk = asterisk
        self.folder = Path(tempfile.mkdtemp(dir=asterisk.rundir))
        who = "<sip:+79160000000@[local_ip]:[local_port]>"
        script = (expect_answer(60), wait_hangup(60))
        (self.folder / "scenario.xml").write_text(caller_xml("+74950000001", who, {ENDPOINT_HEADER: "trunk"}, script))
        (self.folder / "silence.ul").write_bytes(b"\xff" * 8000)

    @contextmanager
    def coming_in(self) -> Iterator[None]:
        port = take_ports()
        command = self._asterisk.prefix.command(
            "usr/bin/sipp", f"127.0.0.1:{self._asterisk.sip_port}", "-sf", "scenario.xml", "-i", "127.0.0.1",
            "-p", str(port), "-mi", "127.0.0.1", "-mp", str(port + 2), "-r", str(RATE), "-l", "5000",
            "-nostdin", "-aa", "-trace_msg", "-message_file", "messages.log",
        )  # fmt: skip
        environment = self._asterisk.prefix.environment(TZ="UTC", TERM="dumb")
        with (self.folder / "console.log").open("wb") as console:
            process = subprocess.Popen(
                [*die_with_us(), *command], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=console, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            yield
        finally:
            process.kill()
            process.wait()
            give_back(port)

    def delays(self) -> list[tuple[float, float | None]]:
        """(when a call came in, seconds until its 200 OK); None for a call that has not been answered."""
        began: dict[str, float] = {}
        answered: dict[str, float] = {}
        for message in read_trace(self.folder / "messages.log"):
            if message.sent and message.start.startswith("INVITE"):
                began.setdefault(message.call_id, message.at)
            elif not message.sent and message.method == "INVITE" and message.code == 200:
                answered.setdefault(message.call_id, message.at)
        came = sorted(began.items(), key=lambda each: each[1])
        return [(at, answered[call] - at if call in answered else None) for call, at in came]


def during(asterisk: Asterisk, work: Callable[[], None]) -> dict[str, str]:
    """How long the work takes, and the delays of new calls before and during it."""
    calls = Calls(asterisk)
    with calls.coming_in():
        time.sleep(4)
        began = time.time()
        work()
        ended = time.time()
        time.sleep(3)
    # Whoever came in last was still being led on when the calls ended.
    found = [(at, delay) for at, delay in calls.delays() if at <= ended + 1]
    before = [delay for at, delay in found if delay is not None and began - 3 < at < began - 0.5]
    under = [delay for at, delay in found if delay is not None and began <= at <= ended]
    return {
        "seconds": f"{ended - began:.1f}",
        "calls": f"{len(under)}",
        "not answered": f"{sum(delay is None for _, delay in found)}",
        "longest delay, ms": f"{max(under) * 1000:.0f}",
        "median, ms": f"{sorted(under)[len(under) // 2] * 1000:.0f}",
        "longest before, ms": f"{max(before) * 1000:.0f}",
    }


def measure(
    stack: ExitStack, root: Path, scenarios: int, what: str, write: Callable[..., None]
) -> list[dict[str, str]]:
    """Deploy a change, and reload the same change plainly, in one Asterisk each."""
    numbers = scenarios * 10
    rows = []
    hows = ["ivrc deploy", "ivrc deploy, sample = 500", "ivrc compile, dialplan reload"]
    if write is not write_one:
        # Of one office in a hundred the sample is all.
        hows.pop(1)
    for how in hows:
        tell(f"{what}, {how}: for the first time")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrc-bench-")))
        folder.chmod(0o755)
        source = folder / "source"
        source.mkdir()
        asterisk = stack.enter_context(_asterisk(root, folder))
        work = _deploy(asterisk, folder, how.partition(", ")[2]) if "deploy" in how else _plain(asterisk, folder)
        write(source, scenarios, numbers, 0)
        began = time.monotonic()
        work()
        first = time.monotonic() - began
        write(source, scenarios, numbers, 1)
        tell(f"{what}, {how}: took {first:.1f} s; now a change, with calls")
        rows.append({"plan": what, "how": how, "first time, s": f"{first:.1f}", **during(asterisk, work)})
        tell(f"{what}, {how}: took {rows[-1]['seconds']} s, longest delay {rows[-1]['longest delay, ms']} ms")
        asterisk.stop()
    return rows


def _deploy(asterisk: Asterisk, folder: Path, setting: str = "") -> Callable[[], None]:
    (folder / "ivrc.toml").write_text(
        f'[deploy]\nto = "asterisk://ivrc@127.0.0.1:{asterisk.ami_port}"\n'
        f'folder = "{folder / "ivrc"}"\nsounds = "{asterisk.rundir / "data/sounds"}"\n{setting}\n'
    )
    os.environ["IVRC_AMI_SECRET"] = SECRET

    def work() -> None:
        run([IVRC, "deploy", str(folder / "source"), "--config", str(folder / "ivrc.toml")], folder / "cache")

    return work


def _plain(asterisk: Asterisk, folder: Path) -> Callable[[], None]:
    def work() -> None:
        run([IVRC, "compile", str(folder / "source"), "-o", str(folder / "build")], folder / "cache")
        asterisk.write_conf("extensions.conf", f'[general]\nstatic=yes\n#include "{folder}/build/extensions.conf"\n')
        asterisk.cli("dialplan reload", timeout=120)

    return work


def _asterisk(root: Path, folder: Path) -> Asterisk:
    (folder / "asterisk").mkdir()
    endpoints = "".join(f"[e{index}]\ntype=endpoint\ncontext=none\nallow=ulaw\n" for index in range(texts.PEOPLE))
    asterisk = Asterisk(root, folder / "asterisk")
    asterisk._given = {
        "extensions.conf": f'[general]\nstatic=yes\n#tryinclude "{folder}/ivrc/active/extensions.conf"\n',
        "pjsip_extra.conf": endpoints,
        "logger.conf": "[general]\n[logfiles]\nmessages => notice,warning,error\n",
        "cel.conf": "[general]\nenable=no\n",
        "manager.conf": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nport={asterisk.ami_port}\n"
        f"[ivrc]\nsecret={SECRET}\nread=\nwrite=system,reporting\nwritetimeout=5000\n",
    }
    return asterisk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small plan: only to see that it works")
    parser.add_argument("--scenarios", type=int, default=10_000, help="so many, and ten times as many numbers")
    parser.add_argument("--only", choices=("one", "many"), help="one part")
    options = parser.parse_args()
    plans = {"one": ("one office, all new", write_one), "many": ("100 offices, one new", write_many)}
    rows = []
    try:
        root = fetch("22")
        with ExitStack() as stack:
            for name, (what, write) in plans.items():
                if options.only in (None, name):
                    rows += measure(stack, root, 200 if options.quick else options.scenarios, what, write)
    except TestbedError as fault:
        sys.exit(f"error: {fault}")
    columns = (
        "plan", "how", "first time, s", "seconds", "calls", "not answered", "longest delay, ms", "median, ms",
        "longest before, ms",
    )  # fmt: skip
    print_table(f"A deploy while {RATE} calls a second come in", columns, rows)
    if any(row["not answered"] != "0" for row in rows):
        sys.exit("error: calls were not answered")


if __name__ == "__main__":
    main()
