"""`ivrc test --asterisk`: the tests of offices as real calls through a real Asterisk, beside the simulator's.

What was seen of a call is told in the simulator's events, so that a test's expectations are looked for in it as in a
simulated one; and both are compared. Tests in which the caller is a fax machine are passed over.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
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
# Calls at a time, each on two Asterisks of its own, for each has its own time of day.
RIGS = 4
# How much less exact than the simulator's a moment on the telephone is, in milliseconds: it has a network, and phones
# that are answered and not told to have been.
SLACK = 1_500
# A conversation is as long as it is expected to be, or as this: nobody has to wait for a minute of it.
TALK = 4_000
# Bytes of a second of sound as it is deployed.
_ULAW_RATE = 8000
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
    files = compile_offices([suite.root]).files
    assert files is not None, "its tests were read without errors"
    lengths |= _spoken(files, office)
    told.passed_over.extend(case.name for case in cases if case.call.fax is not None)
    # The rig's clock goes forwards only.
    calls = sorted((case for case in cases if case.call.fax is None), key=lambda case: (case.timed, case.call.at))
    played: dict[int, Verdict] = {}
    coverage = Coverage(office)
    with tempfile.TemporaryDirectory(prefix="ivrc-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with AsyncExitStack() as stack:
            # All of them before the first call: to boot one keeps everything else waiting.
            lines = [
                await _boot(stack, folder / f"{n}", office, files, lengths, rate) for n in range(min(RIGS, len(calls)))
            ]

            async def line(number: int) -> None:
                players, known = lines[number]
                some = calls[number :: len(lines)]
                async for case, outcome, seconds in _play_all(players, known, some, rate):
                    coverage.add(outcome.journey)
                    verdict = played[id(case)] = _verdict(case, outcome, seconds)
                    tell(f"{'ok    ' if verdict.passed else 'FAILED'} {case.name}")
                    difference = outcome.difference
                    if difference is not None and not is_ambiguous(known.prepared, outcome.call, outcome.chance):
                        told.differences.append(f"{case.name}: {difference.text}")

            await asyncio.gather(*map(line, range(len(lines))))
    if lines:
        assumed = [name for name in assumed if name not in lines[0][1].prepared.lengths]
    verdicts = [played[id(case)] for case in cases if id(case) in played]
    return suites.Tested(suite.root, office, verdicts, coverage, Teller(office, sources), assumed, sources)


async def _boot(
    stack: AsyncExitStack, folder: Path, office: m.Office, files: Mapping[str, Content],
    lengths: Mapping[str, float], rate: float,
) -> tuple[Players, Office]:  # fmt: skip
    """Two Asterisks for an office, their clock set."""
    names = Names(office)
    phones = [device for devices in names.devices.values() for device in devices]
    folder.mkdir()
    folder.chmod(0o755)
    helper = await stack.enter_async_context(Helper(rate))
    rig = await stack.enter_async_context(Rig(folder, phones, trunks=_trunks(office), rate=rate))
    rig.load(_asking_at(files, office, helper.port))
    own = own_lengths(rig.office.prefix, office.language)
    players = Players(rig, helper)
    await players.set_clock(_BEGIN)
    return players, Office(Prepared(office, {**own, **lengths}), names)


async def _play_all(
    players: Players, office: Office, cases: Sequence[Case], rate: float
) -> AsyncIterator[tuple[Case, Outcome, float]]:
    """Tests as calls, one after another, each with its seconds."""
    rate_next: float | None = None
    for case in cases:
        began = time.perf_counter()
        outcome = await _play(players, office, case, rate_next)
        rate_next = None
        if outcome.difference is not None or not _verdict(case, outcome, 0).passed:
            # Once more, slower: a busy machine plays audio late.
            outcome = await _play(players, office, case, SLOW)
            rate_next = rate
        yield case, outcome, time.perf_counter() - began


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


def _asking_at(files: Mapping[str, Content], office: m.Office, port: int) -> dict[str, Content]:
    """The compiled office; the CRM is asked at this port."""
    content = files["extensions.conf"]
    text = content.read_text() if isinstance(content, Path) else b"".join(content).decode()
    here = f"AGI(agi://127.0.0.1:{port}/responsible,"
    for asked in (f"AGI({office.helper}/responsible,", f"AGI({office.helper},agi,run,responsible,"):
        text = text.replace(asked, here)
    return {**files, "extensions.conf": [text.encode()]}


def _spoken(files: Mapping[str, Content], office: m.Office) -> dict[str, float]:
    """How long the office's sounds are as they are deployed, texts that are spoken too: prompt → seconds."""
    found = {}
    for sound, prompt in Names(office).sounds.items():
        content = files.get(f"sounds/{office.language}/ivrc/{office.name}/{sound}.ulaw")
        if content is not None:
            size = content.stat().st_size if isinstance(content, Path) else sum(map(len, content))
            found[prompt] = size / _ULAW_RATE
    return found
