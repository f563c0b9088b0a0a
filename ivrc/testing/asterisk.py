"""`ivrc test --asterisk`: the tests of offices as real calls through a real Asterisk, beside the simulator's.

What was seen of a call is told in the simulator's events, so that a test's expectations are looked for in it as in a
simulated one; and both are compared. Tests in which the caller is a fax machine are passed over.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ivrc import model as m
from ivrc.cases import Case, check
from ivrc.diagnostics import has_errors
from ivrc.output import Content, text_of
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
RIGS, RIGS_AGAIN = 4, 2
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
    calls = [case for case in cases if case.call.fax is None]
    with tempfile.TemporaryDirectory(prefix="ivrc-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        boot = partial(_boot, office=office, files=files, lengths=lengths)
        played = await _play_all(partial(boot, folder=folder / "all", rate=rate), calls, RIGS, tell)
        doubtful = [case for case in calls if not played[id(case)].is_well]
        # Once more, slower, and fewer at a time: a busy machine plays audio late.
        played |= await _play_all(partial(boot, folder=folder / "again", rate=SLOW), doubtful, RIGS_AGAIN, tell)
    coverage = Coverage(office)
    for each in played.values():
        if not each.is_well:
            tell(f"{'differs' if each.verdict.passed else 'FAILED'} {each.case.name}")
        coverage.add(each.outcome.journey)
        if each.difference:
            told.differences.append(f"{each.case.name}: {each.difference}")
    known = {name for each in played.values() for name in each.lengths}
    verdicts = [played[id(case)].verdict for case in calls]
    assumed = [name for name in assumed if name not in known]
    return suites.Tested(suite.root, office, verdicts, coverage, Teller(office, sources), assumed, sources)


class _Played(NamedTuple):
    """A test as a call: its verdict, and where the telephone and the simulator part (empty: nowhere)."""

    case: Case
    outcome: Outcome
    verdict: Verdict
    difference: str
    lengths: Mapping[str, int]

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to look at twice."""
        return self.verdict.passed and not self.difference


async def _play_all(
    boot: Callable[[AsyncExitStack, int], Awaitable[tuple[Players, Office]]],
    cases: Sequence[Case],
    rigs: int,
    tell: Callable[[str], None],
) -> dict[int, _Played]:
    """Tests as calls, so many at a time: a test's id → what came of it."""
    # The rig's clock goes forwards only.
    cases = sorted(cases, key=lambda case: (case.timed, case.call.at))
    played: dict[int, _Played] = {}

    async def line(players: Players, office: Office, some: Sequence[Case]) -> None:
        for case in some:
            began = time.perf_counter()
            outcome = await _play(players, office, case)
            verdict = _verdict(case, outcome, time.perf_counter() - began)
            difference = outcome.difference.text if outcome.difference else ""
            if difference and is_ambiguous(office.prepared, outcome.call, outcome.chance):
                difference = ""
            found = played[id(case)] = _Played(case, outcome, verdict, difference, office.prepared.lengths)
            if found.is_well:
                tell(f"ok     {case.name}")

    async with AsyncExitStack() as stack:
        # All of them before the first call: to boot one keeps everything else waiting.
        opened = [await boot(stack, number) for number in range(min(rigs, len(cases)))]
        await asyncio.gather(*(line(*each, cases[n :: len(opened)]) for n, each in enumerate(opened)))
    return played


async def _boot(
    stack: AsyncExitStack, number: int, *,
    folder: Path, rate: float, office: m.Office, files: Mapping[str, Content], lengths: Mapping[str, float],
) -> tuple[Players, Office]:  # fmt: skip
    """Two Asterisks for an office, their clock set."""
    names = Names(office)
    phones = [device for devices in names.devices.values() for device in devices]
    folder = folder / str(number)
    folder.mkdir(parents=True)
    for each in (folder, folder.parent):
        each.chmod(0o755)
    helper = await stack.enter_async_context(Helper(rate))
    rig = await stack.enter_async_context(Rig(folder, phones, trunks=_trunks(office), rate=rate))
    rig.load(_asking_at(files, office, helper.port))
    own = own_lengths(rig.office.prefix, office.language)
    players = Players(rig, helper)
    await players.set_clock(_BEGIN)
    return players, Office(Prepared(office, {**own, **lengths}), names)


async def _play(players: Players, office: Office, case: Case) -> Outcome:
    """One test's call."""
    call = case.call
    if all(each.kind != "reaches" or each.lasts is None for each in case.expectations):
        call = call._replace(talk=min(call.talk, TALK))
    if case.timed:
        await players.set_clock(call.at - timedelta(seconds=LEAD))
        return await players.play(office, call, call.at)
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
    text = text_of(files["extensions.conf"])
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
