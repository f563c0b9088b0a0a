"""The history's page with a million calls: `python bench/history.py [--quick] [--postgres]`.

Whole requests over HTTP to the real server, logged in, one after another, the answers read to their end. The database
is made first (some minutes); what is asked for is drawn anew for each request.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

from measure import print_table

from ivrc.history.accounts import Accounts
from ivrc.history.schema import calls, legs
from ivrc.history.search import Filter
from ivrc.history.store import Store

TARGET = 100.0
COLUMNS = ["what is asked for", "p50, ms", "p99, ms", "CPU, ms", "longest, ms", "calls on the page", "goes on, %"]
PASSWORD = "a password"
YEARS = 2 * 365 * 86400.0
NOW = 1_790_000_000.0
OUTCOMES = {
    "talked": 640, "hung_up": 150, "nobody": 100, "message": 60, "fax": 30, "no_message": 10, "refused": 9,
    "fax_failed": 1,
}  # fmt: skip
FIRST = [
    "Anna", "Boris", "Vera", "Gleb", "Olga", "Ivan", "Maria", "Petr", "Sarah", "Mehmet", "Chen", "Fatima", "Lars",
    "Ingrid", "Paolo", "Nina",
]  # fmt: skip
LAST = [
    "Petrov", "Ivanov", "Smirnova", "Lindqvist", "Yilmaz", "Okafor", "Garcia", "Novak", "Horvat", "Weber", "Rossi",
    "Silva", "Kim", "Tanaka", "Berg",
]  # fmt: skip
PEOPLE = [f"person{number}" for number in range(200)]
BATCH = 20_000
WHO = {"boss": "", "lead": " (a supervisor)", "person7": " (an employee, of their own)"}
"""Who asks."""


def generate(store: Store, count: int) -> None:
    """Calls of two years, the oldest first: 40 numbers, 300,000 callers of whom a third are known, 200 employees."""
    rnd = random.Random(1)
    with store.engine.connect() as connection:
        for start in range(0, count, BATCH):
            made = [call_of(rnd, index, count) for index in range(start, min(start + BATCH, count))]
            connection.execute(calls.insert(), [call for call, _ in made])
            connection.execute(legs.insert(), [leg for _, rung in made for leg in rung])
            connection.commit()
        connection.exec_driver_sql(
            "INSERT INTO involved (call, office, employee, sortkey, talked, mailbox) "
            "SELECT call.id, 'acme', employee, sortkey, leg.result = 'answered', 0 = 1 "
            "FROM leg JOIN call ON call.id = leg.call"
        )
        if connection.dialect.name == "postgresql":
            # As the server does by itself, within the hour.
            connection.exec_driver_sql("ANALYZE")
        connection.commit()


def call_of(rnd: random.Random, index: int, count: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A call, and who was rung."""
    began = NOW - YEARS + YEARS * index / count + rnd.random()
    caller = rnd.randrange(300_000)
    outcome = rnd.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
    who, seconds = rnd.choice(PEOPLE), rnd.randrange(5, 900)
    times = {"began": began, "answered": began + 2, "ended": began + seconds, "complete": True, "settled": True}
    names = {"caller_name": "", "contact": "", "contact_name": ""}
    if caller % 3 == 0:
        names |= {"contact": str(caller), "contact_name": name_of(caller)}
    told = {"outcome": outcome, "words": words_of(outcome, who, seconds)}
    told["answered_by"] = who if outcome == "talked" else ""
    which = {"id": index + 1, "machine": "m", "linkedid": str(index), "office": "acme", "scenario": "main"}
    numbers = {"number": f"+7495{1_234_500 + rnd.randrange(40)}", "caller": number_of(caller)}
    rung = []
    for name in sorted({who, rnd.choice(PEOPLE)}) if outcome in ("talked", "nobody", "message") else ():
        result = "answered" if outcome == "talked" and name == who else "no answer"
        leg = {"call": index + 1, "who": name, "endpoint": name, "employee": name, "result": result}
        rung.append({**leg, "began": began, "answered": 0.0, "ended": began})
    return {**which, **numbers, **names, **times, **told}, rung


def number_of(caller: int) -> str:
    """A caller's number."""
    return f"+7{9_160_000_000 + caller * 7919 % 10_000_000}"


def name_of(caller: int) -> str:
    """A caller's name: some are very common, each has a number of its own."""
    return f"{FIRST[caller % len(FIRST)]} {LAST[caller // 7 % len(LAST)]} {caller % 997}"


def words_of(outcome: str, who: str, seconds: int) -> str:
    """What a call came to."""
    told = {
        "talked": f"talked with {who}, {seconds // 60}:{seconds % 60:02}",
        "hung_up": 'the caller hung up during `play "greeting"`',
        "nobody": "nobody answered; ended during `call group sales for 20s`",
        "message": f"left a message of {seconds % 60} s",
        "fax": "fax received, pages: 2",
        "fax_failed": "fax failed: the call dropped prematurely",
        "refused": "the number is not declared",
    }
    return told.get(outcome, "left no message")


class Browser:
    """Somebody who is logged in."""

    def __init__(self, port: int, name: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookie = ""
        form = self.get("/login")[1]
        token = re.search(r'name="csrf" value="([^"]+)"', form)
        assert token
        fields = urlencode({"name": name, "password": PASSWORD, "csrf": token[1]})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": self._cookie}
        self._connection.request("POST", "/login", fields, headers)
        response = self._connection.getresponse()
        response.read()
        assert response.status == 303, response.status
        self._keep(response)

    def _keep(self, response: http.client.HTTPResponse) -> None:
        for header in response.headers.get_all("Set-Cookie") or []:
            name, _, value = header.partition(";")[0].partition("=")
            if value.strip('"'):
                self._cookie = f"{name}={value}"

    def get(self, path: str) -> tuple[float, str]:
        """Milliseconds, and the page."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers={"Cookie": self._cookie} if self._cookie else {})
        response = self._connection.getresponse()
        body = response.read()
        took = (time.perf_counter() - began) * 1000
        assert response.status == 200, (path, response.status)
        self._keep(response)
        return took, body.decode()


def questions(rnd: random.Random) -> dict[str, Callable[[], dict[str, Any]]]:
    """What is asked for, drawn anew each time."""

    def moment() -> str:
        at = NOW - YEARS * rnd.random()
        return str(int(at * 1000) << 20)

    def day() -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(NOW - (YEARS - 40 * 86400) * rnd.random() - 30 * 86400))

    def dates() -> dict[str, Any]:
        first, last = sorted((day(), day()))
        return {"since": first, "until": last}

    def caller() -> int:
        return rnd.randrange(300_000)

    def name() -> str:
        return rnd.choice([*FIRST, *LAST])

    return {
        "the newest": lambda: {},
        "older ones, from any moment": lambda: {"before": moment()},
        "dates": dates,
        "outcome": lambda: {"outcome": rnd.choice(list(OUTCOMES))},
        "outcome, older": lambda: {"outcome": rnd.choice(list(OUTCOMES)), "before": moment()},
        "employee": lambda: {"employee": rnd.choice(PEOPLE)},
        "number called: 4 digits": lambda: {"number": str(1234500 + rnd.randrange(40))[-4:]},
        "number called, older": lambda: {"number": str(1234500 + rnd.randrange(40)), "before": moment()},
        "caller: 7 digits": lambda: {"caller": number_of(caller())[-7:]},
        "search: a whole number": lambda: {"search": number_of(caller()).replace("+7", "8 ")},
        "search: 4 digits": lambda: {"search": number_of(caller())[-4:]},
        "search: 3 digits": lambda: {"search": number_of(caller())[5:8]},
        "search: 7916, which every caller has": lambda: {"search": "7916", "before": moment()},
        "search: a common name": lambda: {"search": name()},
        "search: a whole name": lambda: {"search": name_of(caller() // 3 * 3)},
        "search: three letters": lambda: {"search": name()[1:4]},
        "search: what is not there": lambda: {"search": f"zzq{rnd.random()}"},
        "search: two letters": lambda: {"search": name()[:2]},
        "search and outcome": lambda: {"search": name(), "outcome": rnd.choice(list(OUTCOMES))},
        "search and employee": lambda: {"search": name(), "employee": rnd.choice(PEOPLE)},
        "search and dates": lambda: {"search": name(), **dates()},
        "number and outcome": lambda: {"number": "12345", "outcome": rnd.choice(list(OUTCOMES))},
        "number, caller and dates": lambda: {"number": "1234", "caller": number_of(caller())[-4:], **dates()},
        "search, outcome, employee, dates": lambda: {
            "search": name(),
            "outcome": rnd.choice(list(OUTCOMES)),
            "employee": rnd.choice(PEOPLE),
            **dates(),
        },
        "outcome and employee": lambda: {"outcome": rnd.choice(list(OUTCOMES)), "employee": rnd.choice(PEOPLE)},
    }


@contextmanager
def served(folder: Path) -> Iterator[tuple[int, int]]:
    """The server: its port and its process."""
    command = [
        sys.executable,
        "-m",
        "ivrc",
        "history",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        str(folder / "ivrc.toml"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline().rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        process.wait(20)


def cpu_of(process: int) -> float:
    """Seconds of CPU that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def address(given: Callable[[], dict[str, Any]]) -> str:
    """A page's, with what is asked for."""
    return "/?" + urlencode(given())


def ask(browser: Browser, process: int, told: str, path: Callable[[], str], times: int) -> dict[str, str]:
    """Figures of one kind of question; CPU is the server's, of each request."""
    took, sizes, early = [], [], 0
    browser.get(path())
    before = cpu_of(process)
    for _ in range(times):
        one, page = browser.get(path())
        took.append(one)
        sizes.append(page.count('class="row"'))
        early += "Searched back to" in page or "No calls like that back to" in page
    cpu = (cpu_of(process) - before) / times
    cuts = quantiles(took, n=100, method="inclusive")
    verdict = "ok" if cuts[98] <= TARGET else "over"
    return {
        "what is asked for": told,
        "p50, ms": f"{cuts[49]:.1f}",
        "p99, ms": f"{cuts[98]:.1f} ({verdict}: {TARGET:.0f})",
        "CPU, ms": f"{cpu * 1000:.1f}",
        "longest, ms": f"{max(took):.0f}",
        "calls on the page": f"{sum(sizes) / len(sizes):.0f}",
        "goes on, %": f"{early * 100 / times:.0f}",
    }


def run(url: str, folder: Path, count: int, times: int, title: str) -> bool:
    """One database; whether all of it was fast enough."""
    (folder / "ivrc.toml").write_text(f'[history]\ndatabase = "{url}"\nmachine = "m"\n')
    store = Store(url if "://" in url else f"sqlite:///{url}")
    if not store.find(Filter(limit=1)):
        began = time.monotonic()
        generate(store, count)
        accounts = Accounts(store)
        accounts.add("boss", "admin", "", "", PASSWORD)
        accounts.add("lead", "supervisor", "acme", "", PASSWORD)
        accounts.add("person7", "employee", "acme", "person7", PASSWORD)
        print(f"{count:,} calls made in {time.monotonic() - began:.0f} s", flush=True)
    store.close()
    rows = []
    with served(folder) as (port, process):
        for name, whose in WHO.items():
            browser = Browser(port, name)
            for told, given in questions(random.Random(2)).items():
                rows.append(ask(browser, process, told + whose, partial(address, given), times))
        boss, rnd = Browser(port, "boss"), random.Random(3)
        one = partial(rnd.randrange, 1, count + 1)
        rows.append(ask(boss, process, "a call, with the list beside it", lambda: f"/calls/{one()}", times))
    print_table(title, COLUMNS, rows)
    return all("over" not in row["p99, ms"] for row in rows)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10,000 calls, only to see that it works")
    parser.add_argument("--postgres", action="store_true", help="in PostgreSQL too, where it is installed")
    parser.add_argument("--keep", type=Path, help="a folder for the SQLite file, which is used again if it is there")
    given = parser.parse_args()
    count, times = (10_000, 10) if given.quick else (1_000_000, 200)
    with tempfile.TemporaryDirectory() as made:
        folder = given.keep or Path(made)
        folder.mkdir(exist_ok=True)
        fine = run(str(folder / "history.sqlite"), folder, count, times, f"SQLite, {count:,} calls")
        size = (folder / "history.sqlite").stat().st_size / 1e6
        print(f"\nThe file has {size:,.0f} MB.")
        if given.postgres:
            from ivrc.testbed import postgres

            with postgres.running() as server:
                fine = run(server.url, Path(made), count, times, f"PostgreSQL, {count:,} calls") and fine
    sys.exit(0 if fine or given.quick else 1)


if __name__ == "__main__":
    main()
