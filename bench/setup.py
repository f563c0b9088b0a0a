"""What asking the CRM adds to a call's set-up, at 50 calls a second: `python bench/setup.py [--quick]`.

SIP calls to a real Asterisk with the real helper and a contact book: from INVITE to the refusal that the scenario ends
in, as SIPp measures it. The same scenario without `call responsible` stands beside it, in turn.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles

from measure import print_table, run

from ivrc.testbed.conf import ENDPOINT_HEADER
from ivrc.testbed.fetch import fetch
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.prefix import TestbedError, die_with_us
from ivrc.testbed.sip_xml import caller_xml, expect_refused

IVRC = str(Path(sys.executable).parent / "ivrc")
RATE = 50

OFFICE = """
settings {{ office bench  country RU  timezone "Europe/Moscow"  language en  helper "127.0.0.1:{port}" }}
employee anna {{ crm "17"  sip "PJSIP/anna" }}
number "+7 495 000-00-01" -> plain
number "+7 495 000-00-02" -> asks
scenario plain {{ hangup }}
scenario asks  {{ call responsible {{ no mobile }}  hangup }}
"""
CASES = (
    ("no CRM", "+74950000001", False),
    ("asked before: from the cache", "+74950000002", False),
    ("never asked before: from the book", "+74950000002", True),
)


def milliseconds(asterisk: Asterisk, number: str, fresh: bool, calls: int, round_: int) -> list[float]:
    """The set-up times of so many calls."""
    folder = Path(tempfile.mkdtemp(dir=asterisk.rundir))
    text = caller_xml(
        number, "<sip:[field0]@[local_ip]:[local_port]>", {ENDPOINT_HEADER: "trunk"}, [expect_refused(603)]
    )
    text = text.replace("<send ", '<send start_rtd="setup" ', 1).replace(
        'response="603"', 'response="603" rtd="setup"', 1
    )
    (folder / "scenario.xml").write_text(text)
    callers = (f"+7916{round_:02}{index if fresh else 0:05}" for index in range(calls))
    (folder / "callers.csv").write_text("SEQUENTIAL\n" + "".join(f"{caller}\n" for caller in callers))
    port = take_ports()
    command = asterisk.prefix.command(
        "usr/bin/sipp", f"127.0.0.1:{asterisk.sip_port}", "-sf", "scenario.xml", "-inf", "callers.csv",
        "-i", "127.0.0.1", "-p", str(port), "-m", str(calls), "-r", str(RATE), "-l", "1000", "-nostdin", "-aa",
        "-trace_rtt", "-rtt_freq", "1", "-trace_err", "-error_file", "errors.log", "-timeout", "120s", "-timeout_error",
    )  # fmt: skip
    with (folder / "console.log").open("wb") as console:
        done = subprocess.run(
            [*die_with_us(), *command], cwd=folder, env=asterisk.prefix.environment(TZ="UTC", TERM="dumb"),
            stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    give_back(port)
    errors = folder / "errors.log"
    if done.returncode:
        sys.exit(f"SIPp: exit code {done.returncode}\n{errors.read_text()[-2000:] if errors.exists() else ''}")
    lines = next(folder.glob("*_rtt.csv")).read_text().splitlines()[1:]
    return [float(line.split(";")[1]) for line in lines if line.count(";") >= 2]


@contextmanager
def helper(folder: Path, port: int) -> Iterator[None]:
    """The real helper with a book of 10,000 contacts, in which nobody of these callers is."""
    rows = "".join(f"c{index},Name,+7495{index:07},17\n" for index in range(10_000))
    (folder / "contacts.csv").write_text("id,name,phone,responsible\n" + rows)
    book, contacts = str(folder / "book.sqlite"), str(folder / "contacts.csv")
    run([IVRC, "crm", "import", contacts, "--book", book, "--country", "RU"], folder)
    (folder / "ivrc.toml").write_text(
        f'[agi]\nlisten = "127.0.0.1:{port}"\nstatus = ""\nmanifest = "build/manifest.json"\n'
        '[crm]\nkind = "book"\nfile = "book.sqlite"\n[crm.cache]\nkeep_unknown = "10m"\n'
    )
    with (folder / "helper.log").open("wb") as log:
        process = subprocess.Popen([*die_with_us(), IVRC, "agi", "serve"], cwd=folder, stdout=log, stderr=log)
    try:
        while b"answering" not in (folder / "helper.log").read_bytes():
            if process.poll() is not None:
                sys.exit((folder / "helper.log").read_text())
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few calls: only to see that it works")
    options = parser.parse_args()
    calls, rounds = (100, 1) if options.quick else (500, 5)
    port = take_ports()
    try:
        root = fetch("22")
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrc-bench-")))
            folder.chmod(0o755)
            (folder / "bench.ivr").write_text(OFFICE.format(port=port))
            run([IVRC, "compile", str(folder / "bench.ivr"), "-o", str(folder / "build")], folder)
            (folder / "asterisk").mkdir()
            files = {
                "extensions.conf": "[general]\nstatic=yes\n" + (folder / "build/extensions.conf").read_text(),
                "logger.conf": "[general]\n[logfiles]\nmessages => warning,error\n",
                "cel.conf": "[general]\nenable=no\n",
            }
            stack.enter_context(helper(folder, port))
            asterisk = stack.enter_context(Asterisk(root, folder / "asterisk", extensions=files, phones=["anna"]))
            times: dict[str, list[float]] = {what: [] for what, _, _ in CASES}
            for round_ in range(rounds):
                for what, number, fresh in CASES:
                    times[what] += milliseconds(asterisk, number, fresh, calls, round_)
    except TestbedError as fault:
        sys.exit(f"error: {fault}")
    base = quantiles(times["no CRM"], n=100)[98]
    rows = [
        {
            "caller": what,
            "median, ms": f"{median(found):.1f}",
            "p99, ms": f"{quantiles(found, n=100)[98]:.1f}",
            "added to the p99, ms": f"{quantiles(found, n=100)[98] - base:.1f}",
            "calls": f"{len(found):,} at {RATE}/s",
        }
        for what, found in times.items()
    ]
    columns = ("caller", "median, ms", "p99, ms", "added to the p99, ms", "calls")
    print_table("From INVITE to the end of a call that only asks the CRM", columns, rows)


if __name__ == "__main__":
    main()
