"""What calls cost in a dialplan of ivrc's, beside one written by hand: `python bench/calls.py [--quick]`.

SIP calls to one real Asterisk 22 in turn; its CPU time by the clock of its process. The dialplan by hand is the
shortest that does the same for the caller. The log takes warnings, not each step; call events (CEL) are off but
in the part that measures them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

import texts
from measure import print_table, ratio, run, verdict

from ivrc.history import cel
from ivrc.testbed.conf import ENDPOINT_HEADER, PhoneSpec
from ivrc.testbed.fetch import fetch
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.prefix import TestbedError, die_with_us
from ivrc.testbed.sip import Phone
from ivrc.testbed.sip_xml import BUSY, Act, caller_xml, expect_answer, expect_refused, key_info, pause, wait_hangup

CEL_OFF = "[general]\nenable=no\n"
IVRC = str(Path(sys.executable).parent / "ivrc")
CALL_TARGET = 1.10

OFFICE = """
settings { office bench  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{number}@provider" }
employee anna  { sip "PJSIP/anna" }
employee boris { sip "PJSIP/boris" }
group desk in order { anna, boris }
hours open { mon-fri 09:00-18:00  sat-sun 10:00-16:00 }

number "+7 495 000-00-01" -> day
scenario day {
    play "asterisk:bench/second"
    when open -> menu else -> menu
}
scenario menu {
    branch playing "asterisk:bench/second" for 5s {
        1 { play "asterisk:bench/second"  hangup }
    }
}

number "+7 495 000-00-02" -> ring
scenario ring {
    call group desk for 5s
    play "asterisk:bench/second"
}

number "+7 495 000-00-03" -> refuse
scenario refuse { when open { hangup } else { hangup } }
"""

BY_HAND = """
[byhand]
exten => +74950000001,1,Answer()
 same => n,Playback(bench/second)
 same => n,GotoIfTime(09:00-17:59,mon-fri,*,*,Europe/Moscow?byhand-menu,s,1)
 same => n,GotoIfTime(10:00-15:59,sat-sun,*,*,Europe/Moscow?byhand-menu,s,1)
 same => n,Goto(byhand-menu,s,1)

exten => +74950000002,1,ExecIf($["${DEVICE_STATE(PJSIP/anna)}" = "NOT_INUSE"]?Dial(PJSIP/anna,5,i))
 same => n,ExecIf($["${DEVICE_STATE(PJSIP/boris)}" = "NOT_INUSE"]?Dial(PJSIP/boris,5,i))
 same => n,Answer()
 same => n,Playback(bench/second)
 same => n,Hangup(16)

exten => +74950000003,1,GotoIfTime(09:00-17:59,mon-fri,*,*,Europe/Moscow?off)
 same => n,GotoIfTime(10:00-15:59,sat-sun,*,*,Europe/Moscow?off)
 same => n(off),Hangup(16)

[byhand-menu]
exten => s,1,BackGround(bench/second)
 same => n,WaitExten(5)
 same => n,Hangup(16)
exten => 1,1,Playback(bench/second)
 same => n,Hangup(16)
exten => i,1,Hangup(16)
"""

# A second trunk beside the test bed's own, into the dialplan by hand.
BY_HAND_TRUNK = f"""
[byhand]
type=endpoint
context=byhand
disallow=all
allow=ulaw,alaw,g722
direct_media=no
timers=no
transport=udp
rtp_symmetric=no
dtmf_mode=info
trust_id_inbound=yes
[byhand-id]
type=identify
endpoint=byhand
match_header={ENDPOINT_HEADER}: byhand
"""


class Case(NamedTuple):
    """A kind of call."""

    what: str
    number: str
    script: Sequence[Act]
    target: float | None


CASES = (
    Case(
        "answer, 1 s prompt, hours, menu, key, 1 s prompt, hang up",
        "+74950000001",
        (expect_answer(), pause(1.7), key_info("1"), wait_hangup()),
        CALL_TARGET,
    ),
    Case(
        "ring a group (one offline, one busy), answer, 1 s prompt",
        "+74950000002",
        (expect_answer(), wait_hangup()),
        CALL_TARGET,
    ),
    Case("hours, hang up: not answered, no audio", "+74950000003", (expect_refused(603),), None),
)


class Callers:
    """Many calls of one kind, one after another at a fixed rate, by one SIPp."""

    def __init__(self, asterisk: Asterisk, case: Case, trunk: str) -> None:
        self._asterisk = asterisk
        self.folder = Path(tempfile.mkdtemp(dir=asterisk.rundir))
        who = "<sip:+79160000000@[local_ip]:[local_port]>"
        text = caller_xml(case.number, who, {ENDPOINT_HEADER: trunk}, case.script)
        (self.folder / "scenario.xml").write_text(text)
        (self.folder / "silence.ul").write_bytes(b"\xff" * 8000)

    def call(self, calls: int, rate: int) -> tuple[float, float]:
        """CPU milliseconds of Asterisk per call, and calls per second; every call must go as the script says."""
        port = take_ports()
        command = self._asterisk.prefix.command(
            "usr/bin/sipp", f"127.0.0.1:{self._asterisk.sip_port}", "-sf", "scenario.xml", "-i", "127.0.0.1",
            "-p", str(port), "-mi", "127.0.0.1", "-mp", str(port + 2), "-m", str(calls), "-r", str(rate),
            "-l", "1000", "-nostdin", "-aa", "-trace_err", "-error_file", "errors.log", "-timeout", "120s",
            "-timeout_error",
        )  # fmt: skip
        environment = self._asterisk.prefix.environment(TZ="UTC", TERM="dumb")
        began, cpu = time.monotonic(), cpu_seconds(self._asterisk.pid)
        with (self.folder / "console.log").open("wb") as console:
            done = subprocess.run(
                [*die_with_us(), *command], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=console, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        took, cpu = time.monotonic() - began, cpu_seconds(self._asterisk.pid) - cpu
        give_back(port)
        if done.returncode:
            errors = self.folder / "errors.log"
            sys.exit(f"SIPp: exit code {done.returncode}\n{errors.read_text()[-2000:] if errors.exists() else ''}")
        return cpu * 1000 / calls, calls / took


def cpu_seconds(pid: int) -> float:
    """The CPU time of a running process, all its threads and those that ended: user and system."""
    return time.clock_gettime((~pid << 3) | 2)


def calls(asterisk: Asterisk, quick: bool) -> None:
    rows = []
    number, rate, rounds = (20, 20, 2) if quick else (150, 40, 5)
    for case in CASES:
        ours, theirs = Callers(asterisk, case, "trunkinfo"), Callers(asterisk, case, "byhand")
        ours.call(number // 4, rate)
        theirs.call(number // 4, rate)
        pairs = []
        for round_ in range(rounds):
            if round_ % 2:
                second = theirs.call(number, rate)
                pairs.append((ours.call(number, rate), second))
            else:
                first = ours.call(number, rate)
                pairs.append((first, theirs.call(number, rate)))
        one, other = (median(pair[side][0] for pair in pairs) for side in (0, 1))
        rows.append(
            {
                "call": case.what,
                "ivrc, ms": f"{one:.2f}",
                "by hand, ms": f"{other:.2f}",
                "ratio": verdict(ratio([(a[0], b[0]) for a, b in pairs]), case.target),
                "calls/s a core": f"{1000 / one:.0f}, {1000 / other:.0f}",
                "placed": f"2 x {number * rounds} at {median(pair[0][1] for pair in pairs):.0f}/s",
            }
        )
    columns = ("call", "ivrc, ms", "by hand, ms", "ratio", "calls/s a core", "placed")
    print_table("Asterisk's CPU time for a call", columns, rows)


def history(asterisk: Asterisk, quick: bool) -> None:
    """What it costs Asterisk to write the event log that the call history is made of: on and off in turn."""
    rows = []
    number, rate, rounds = (20, 20, 2) if quick else (150, 40, 5)
    log = asterisk.rundir / "var/log" / cel.FILE
    for case in CASES:
        callers = Callers(asterisk, case, "trunkinfo")
        figures: dict[bool, list[float]] = {True: [], False: []}
        written = 0
        for round_ in range(rounds + 1):
            for on in (True, False) if round_ % 2 else (False, True):
                asterisk.write_conf("cel.conf", cel.settings()["cel.conf"] if on else CEL_OFF)
                asterisk.cli("module reload cel")
                size = log.stat().st_size if log.exists() else 0
                cost = callers.call(number if round_ else number // 4, rate)[0]
                grown = (log.stat().st_size if log.exists() else 0) - size
                if on != (grown > 0):
                    sys.exit("the event log did not follow its settings")
                if round_:
                    figures[on].append(cost)
                    written += grown
        on_, off = median(figures[True]), median(figures[False])
        rows.append(
            {
                "call": case.what,
                "off, ms": f"{off:.2f}",
                "on, ms": f"{on_:.2f}",
                "ratio": verdict(ratio(list(zip(figures[True], figures[False], strict=True))), None),
                "bytes a call": f"{written / number / rounds:,.0f}",
                "placed": f"2 x {number * rounds}",
            }
        )
    columns = ("call", "off, ms", "on, ms", "ratio", "bytes a call", "placed")
    print_table("Asterisk's CPU time for a call without and with the event log of the history", columns, rows)


def reloads(asterisk: Asterisk, folder: Path, quick: bool) -> None:
    """Loading many numbers, from none."""
    count = 2000 if quick else 100_000
    source = folder / "numbers.ivr"
    texts.write_numbers(source, count)
    run([IVRC, "compile", str(source), "-o", str(folder / "numbers")], folder)
    head = "[general]\nstatic=yes\n"
    ours = head + (folder / "numbers/extensions.conf").read_text()
    shared = "".join(f"[s{index}]\nexten => s,1,Hangup()\n" for index in range(100))
    digits = (texts.number_of(index).translate(str.maketrans("", "", "+ -")) for index in range(count))
    contexts = (f"[number-{each}]\nexten => s,1,Goto(s{index % 100},s,1)\n" for index, each in enumerate(digits))
    theirs = head + shared + "".join(contexts)
    last = texts.number_of(count - 1).translate(str.maketrans("", "", "+ -"))
    rows = []
    figures: dict[str, list[tuple[float, float]]] = {"ivrc": [], "by hand": []}
    for _ in range(1 if quick else 3):
        for name, text in (("ivrc", ours), ("by hand", theirs)):
            figures[name].append(_load(asterisk, text))
            place = f"{last}@ivrc.numbers-{last[-3:]}" if name == "ivrc" else f"s@number-{last}"
            if "Goto(" not in asterisk.cli(f"dialplan show {place}"):
                sys.exit(f"the dialplan of {name} was not loaded")
            _load(asterisk, head)
    for name, text in (("ivrc", ours), ("by hand", theirs)):
        rows.append(
            {
                "dialplan": f"{count:,} numbers, {name}",
                "lines": f"{text.count(chr(10)):,}",
                "reload, s": f"{median(wall for wall, _ in figures[name]):.2f}",
                "CPU, s": f"{median(cpu for _, cpu in figures[name]):.2f}",
            }
        )
    pairs = list(zip(figures["ivrc"], figures["by hand"], strict=True))
    rows[0]["ratio"] = verdict(ratio([(one[1], other[1]) for one, other in pairs]), None)
    print_table("`dialplan reload`", ("dialplan", "lines", "reload, s", "CPU, s", "ratio"), rows)


def lamps(asterisk: Asterisk, folder: Path, quick: bool) -> None:
    """Loading many offices, whose extensions have hints for lamps, over themselves."""
    count = 200 if quick else 2000
    texts.write_folder(folder / "offices", count)
    run([IVRC, "compile", str(folder / "offices"), "-o", str(folder / "firms")], folder)
    text = "[general]\nstatic=yes\n" + (folder / "firms/extensions.conf").read_text()
    _load(asterisk, text)
    # A changed file, for an unchanged one is not read again.
    again = [_load(asterisk, f"{text}; {round_}\n") for round_ in range(3)]
    hints = asterisk.cli("core show hints", timeout=60).splitlines()[-1].split()[1]
    row = {
        "dialplan": f"{count:,} offices of 8 people",
        "lines": f"{text.count(chr(10)):,}",
        "hints": f"{int(hints):,}",
        "reload, s": f"{median(wall for wall, _ in again):.2f}",
        "CPU, s": f"{median(cpu for _, cpu in again):.2f}",
    }
    print_table("`dialplan reload` over the same plan", ("dialplan", "lines", "hints", "reload, s", "CPU, s"), [row])


def _load(asterisk: Asterisk, text: str) -> tuple[float, float]:
    """Seconds and CPU seconds of one reload."""
    asterisk.write_conf("extensions.conf", text)
    began, cpu = time.monotonic(), cpu_seconds(asterisk.pid)
    asterisk.cli("dialplan reload", timeout=120)
    return time.monotonic() - began, cpu_seconds(asterisk.pid) - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few calls: only to see that it works")
    parser.add_argument("--only", choices=("calls", "history", "reloads", "lamps"), help="one part")
    options = parser.parse_args()
    try:
        root = fetch("22")
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrc-bench-")))
            asterisk = stack.enter_context(_asterisk(root, folder))
            stack.enter_context(Phone(asterisk, "boris", BUSY))
            parts: tuple[tuple[str, Callable[[], None]], ...] = (
                ("calls", lambda: calls(asterisk, options.quick)),
                ("history", lambda: history(asterisk, options.quick)),
                ("reloads", lambda: reloads(asterisk, folder, options.quick)),
                ("lamps", lambda: lamps(asterisk, folder, options.quick)),
            )
            for name, part in parts:
                if options.only in (None, name):
                    part()
    except TestbedError as fault:
        sys.exit(f"error: {fault}")


def _asterisk(root: Path, folder: Path) -> Asterisk:
    """With both dialplans in one, and no log of each step."""
    folder.chmod(0o755)
    (folder / "bench.ivr").write_text(OFFICE)
    run([IVRC, "compile", str(folder / "bench.ivr"), "-o", str(folder / "build")], folder)
    plan = (folder / "build/extensions.conf").read_text()
    sound = folder / "sounds/en/bench/second.ulaw"
    sound.parent.mkdir(parents=True)
    sound.write_bytes(bytes.fromhex("ff9e8f9eff1e0f1e") * 1000)
    (folder / "asterisk").mkdir()
    files = {
        "extensions.conf": f"[general]\nstatic=yes\n{plan}\n{BY_HAND}",
        "pjsip_extra.conf": BY_HAND_TRUNK,
        "logger.conf": "[general]\n[logfiles]\nmessages => notice,warning,error\n",
        "cel.conf": CEL_OFF,
        "cel_custom.conf": cel.settings()["cel_custom.conf"],
    }
    phones = [PhoneSpec("anna", online=False), PhoneSpec("boris")]
    return Asterisk(root, folder / "asterisk", extensions=files, phones=phones, sounds=[folder / "sounds"])


if __name__ == "__main__":
    main()
