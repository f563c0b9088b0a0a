"""`ivrc test --asterisk`: the tests of offices as real calls through a real Asterisk, beside the simulator's.

What was seen of a call is told in the simulator's events, so that a test's expectations are looked for in it as in a
simulated one; and both are compared. Tests in which the caller is a fax machine are passed over.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ivrc import model as m
from ivrc.cases import Case, check
from ivrc.diagnostics import has_errors
from ivrc.output import Content
from ivrc.pipeline import compile_offices
from ivrc.reading import Suite
from ivrc.simulate.office import Prepared
from ivrc.simulate.telling import Teller
from ivrc.simulating import lengths_of
from ivrc.source import Sources
from ivrc.testbed.beside.helper import Helper
from ivrc.testbed.beside.journeys import seen
from ivrc.testbed.beside.names import Names
from ivrc.testbed.beside.play import Office, Outcome, Players
from ivrc.testbed.beside.rig import VERSION, Rig, own_lengths
from ivrc.testbed.fetch import is_fetched
from ivrc.testbed.fuzz.calls import is_ambiguous
from ivrc.testbed.prefix import TestbedError
from ivrc.testing import suites
from ivrc.testing.coverage import Coverage
from ivrc.testing.run import Verdict

RATE, SLOW = 5.0, 2.0
# How much less exact than the simulator's a moment on the telephone is, in milliseconds: it has a network, and phones
# that are answered and not told to have been.
SLACK = 1_500
# A conversation is as long as it is expected to be, or as this: nobody has to wait for a minute of it.
TALK = 4_000
_BEGIN = datetime(2025, 6, 1, 9, tzinfo=UTC)
# Seconds for phones to be put in order before a call.
LEAD = 8


class Told(NamedTuple):
    """What the run came to: the tests' verdicts by the telephone, and where it and the simulator part, for people."""

    outcome: suites.Outcome
    differences: list[str]
    passed_over: list[str]


def run_paths(paths: list[Path], wanted: suites.Wanted, tell: Callable[[str], None], rate: float = RATE) -> Told:
    """Run the tests of files and folders as calls. InputError for a path of no use; TestbedError."""
    if not is_fetched(VERSION):
        raise TestbedError(f"there is no Asterisk to call through: python -m ivrc.testbed.fetch {VERSION}")
    sources = Sources()
    found, faults = suites.read_suites(paths, sources)
    told = Told(suites.Outcome([], faults, sources, ()), [], [])
    if not has_errors(faults):
        for suite in found:
            cases = [case for case in suite.cases if wanted(sources.place(case.start).path, case.name)]
            if cases:
                told.outcome.tested.append(asyncio.run(_run_suite(suite, cases, sources, told, tell, rate)))
    return told


async def _run_suite(
    suite: Suite, cases: list[Case], sources: Sources, told: Told, tell: Callable[[str], None], rate: float
) -> suites.Tested:
    office = suite.office
    assert office is not None
    lengths, assumed = lengths_of(office, suite.root.parent)
    names = Names(office)
    verdicts: list[Verdict] = []
    coverage = Coverage(office)
    with tempfile.TemporaryDirectory(prefix="ivrc-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        phones = [device for devices in names.devices.values() for device in devices]
        async with Helper(rate) as helper, Rig(folder, phones, trunks=_trunks(office), rate=rate) as rig:
            rig.load(_files(suite.root, office, helper.port))
            own = own_lengths(rig.office.prefix, office.language)
            known = Office(Prepared(office, {**own, **lengths}), names)
            players = Players(rig, helper)
            await players.set_clock(_BEGIN)
            rate_next: float | None = None
            # The rig's clock goes forwards only.
            for case in sorted(cases, key=lambda case: (case.timed, case.call.at)):
                if case.call.fax is not None:
                    told.passed_over.append(case.name)
                    continue
                began = time.perf_counter()
                outcome = await _play(players, known, case, rate_next)
                rate_next = None
                if outcome.difference is not None or not _verdict(case, outcome, 0).passed:
                    # Once more, slower: a busy machine plays audio late.
                    outcome = await _play(players, known, case, SLOW)
                    rate_next = rate
                coverage.add(outcome.journey)
                verdict = _verdict(case, outcome, time.perf_counter() - began)
                verdicts.append(verdict)
                tell(f"{'ok    ' if verdict.passed else 'FAILED'} {case.name}")
                if outcome.difference is not None and not is_ambiguous(known.prepared, outcome.call, outcome.chance):
                    told.differences.append(f"{case.name}: {outcome.difference.text}")
    return suites.Tested(suite.root, office, verdicts, coverage, Teller(office, sources), assumed, sources)


async def _play(players: Players, office: Office, case: Case, rate: float | None = None) -> Outcome:
    """One test's call; `rate` is another one than before."""
    call = case.call
    if all(each.kind != "reaches" or each.lasts is None for each in case.expectations):
        call = call._replace(talk=min(call.talk, TALK))
    if case.timed:
        await players.set_clock(call.at - timedelta(seconds=LEAD), rate)
        return await players.play(office, call, call.at)
    if rate is not None:
        await players.set_clock(players.clock.date() + timedelta(minutes=1), rate)
    return await players.play(office, call)


def _verdict(case: Case, outcome: Outcome, seconds: float) -> Verdict:
    journey = seen(outcome)
    failures = check(case.expectations, journey, SLACK)
    return Verdict(case, journey, failures, 1, int(bool(failures)), seconds)


def _trunks(office: m.Office) -> list[str]:
    """The endpoint that external numbers are dialled through."""
    match = re.fullmatch(r"PJSIP/(?:[^@/]*@([^@/]+)|([^@/]+)/.*)", office.trunk or "")
    return [match[1] or match[2]] if match else []


def _files(root: Path, office: m.Office, port: int) -> dict[str, Content]:
    """The compiled office; the CRM is asked at this port."""
    compiled = compile_offices([root])
    assert compiled.files is not None, "its tests were read without errors"
    content = compiled.files["extensions.conf"]
    text = content.read_text() if isinstance(content, Path) else b"".join(content).decode()
    here = f"AGI(agi://127.0.0.1:{port}/responsible,"
    for asked in (f"AGI({office.helper}/responsible,", f"AGI({office.helper},agi,run,responsible,"):
        text = text.replace(asked, here)
    return {**compiled.files, "extensions.conf": [text.encode()]}
