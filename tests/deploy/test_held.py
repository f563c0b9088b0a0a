"""What Asterisk says that it holds, read; and the rest that calls are left between questions."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable

from ivrc.crm.settings import Secret
from ivrc.deploy.ami import Address, Manager, Message, Turns
from ivrc.deploy.dialplan import Key, Line, differences, lines_in, read_text
from ivrc.deploy.held import FairTurns, parts_differ
from ivrc.deploy.release import DIALPLAN

# As Asterisk 22 answers ShowDialPlan, and 16 in the same form.
EVENTS = """\
Event: ListDialplan\r
ActionID: 7\r
Context: ivrc-acme.wait\r
Extension: silence\r
Priority: 1\r
Application: Set\r
AppData: TIMEOUT(digit)=3\r
Registrar: pbx_config\r
\r
Event: ListDialplan\r
ActionID: 7\r
Context: ivrc-acme.wait\r
Extension: silence\r
ExtensionLabel: again\r
Priority: 2\r
Application: NoOp\r
AppData: \r
Registrar: pbx_config\r
\r
Event: ListDialplan\r
ActionID: 7\r
Context: ivrc-acme.wait\r
Extension: 101\r
Priority: hint\r
Application: PJSIP/анна&PJSIP/b\r
Registrar: pbx_config\r
\r
Event: ListDialplan\r
ActionID: 7\r
Context: ivrc-acme.wait\r
IncludeContext: ivrc-acme.extensions\r
Registrar: pbx_config\r
\r
Event: ShowDialPlanComplete\r
ActionID: 7"""

TEXT = """
[ivrc-acme.wait]
include => ivrc-acme.extensions
exten => silence,1,Set(TIMEOUT(digit)=3)
 same => n(again),NoOp()
exten => 101,hint,PJSIP/анна&PJSIP/b
"""


def test_lines_are_read_as_they_were_compiled() -> None:
    found = lines_in(EVENTS)
    assert found[Key("silence", "2")] == Line("again", "NoOp", "")
    held = read_text([TEXT.encode()])
    assert list(differences("ivrc-acme.wait", held.contexts["ivrc-acme.wait"], found, held.steps)) == []


def test_every_other_line_is_a_difference() -> None:
    held = read_text([TEXT.encode()])
    for was, becomes in (
        ("Priority: 2", "Priority: 3"),
        ("digit)=3", "digit)=4"),
        ("ExtensionLabel: again", "ExtensionLabel: more"),
        ("Application: NoOp", "Application: Answer"),
        ("PJSIP/b", "PJSIP/c"),
        ("IncludeContext: ivrc-acme.extensions", "IncludeContext: other"),
        ("Registrar: ", "Rgstrar: "),
    ):
        found = lines_in(EVENTS.replace(was, becomes))
        told = differences("ivrc-acme.wait", held.contexts["ivrc-acme.wait"], found, held.steps)
        assert list(told), (was, becomes)


class Asked(Manager):
    """A manager that knows how many channels there are."""

    def __init__(self) -> None:
        super().__init__(Address("127.0.0.1", 1, "ivrc", Secret("hush")))
        self.channels = 0
        self.looks = 0

    async def ask(self, action: str, *, seconds: float | None = None, **fields: str) -> Message:
        assert action == "CoreStatus"
        self.looks += 1
        return {"Response": "Success", "CoreCurrentCalls": str(self.channels)}


def test_calls_are_left_a_rest_only_while_there_are_any() -> None:
    async def rested(turns: FairTurns, asked: int, took: float) -> float:
        now = time.monotonic()
        await turns.rest(asked, now - took, now)
        return time.monotonic() - now

    async def look() -> None:
        manager = Asked()
        turns = FairTurns(manager)
        assert all([await rested(turns, 2, 0.1) < 0.05 for _ in range(50)])
        # It does not look each time.
        assert manager.looks == 1
        manager.channels = 1
        await asyncio.sleep(0.25)
        assert await rested(turns, 2, 0.1) >= 0.1
        manager.channels = 0
        await asyncio.sleep(0.25)
        assert await rested(turns, 2, 0.1) < 0.05
        manager.channels = 1
        await asyncio.sleep(0.25)
        # Quick answers need no rest, and so no look.
        assert await rested(turns, 200, 0.1) < 0.05
        assert manager.looks == 3

    asyncio.run(look())


def test_a_turn_has_as_many_questions_as_calls_can_wait_for() -> None:
    async def questions(asked: int, took: float) -> int:
        turns = FairTurns(Asked())
        await turns.rest(asked, time.monotonic() - took, time.monotonic())
        return turns.questions

    found = [asyncio.run(questions(asked, took)) for asked, took in ((1, 0.0042), (4, 0.016), (2, 0.1), (20, 0.002))]
    assert found == [4, 4, 1, 20]


class Sampled(Manager):
    """A manager that has every line that is looked up, and is asked for contexts."""

    def __init__(self) -> None:
        super().__init__(Address("127.0.0.1", 1, "ivrc", Secret("hush")))
        self.shown: list[str] = []

    async def values(self, expressions: Iterable[str]) -> AsyncIterator[str]:
        for expression in expressions:
            assert not re.search(r",_[^,]+,1\)", expression)
            yield "1"

    async def texts(
        self, action: str, field: str, values: Iterable[str], *, absent: str, turns: Turns, seconds: float | None = None
    ) -> AsyncIterator[tuple[str, str]]:
        for value in values:
            self.shown.append(value)
            yield value, ""


def test_what_cannot_be_looked_up_is_in_every_sample() -> None:
    """Where calls begin there is only a pattern."""
    scenarios = "".join(f"[ivrc~aaaaaaaa-acme-s{number}]\nexten => s,1,Hangup(16)\n" for number in range(100))
    text = f"[ivrc~aaaaaaaa-acme.in]\nexten => _ivrc.,1,Goto(${{EXTEN}},s,1)\n{scenarios}"
    manager = Sampled()
    faults = asyncio.run(parts_differ(manager, {"acme~aaaaaaaa": {DIALPLAN: text.encode()}}, 3))
    assert len(manager.shown) == 5
    assert "ivrc~aaaaaaaa-acme.in" in manager.shown
    assert any("_ivrc.@ivrc~aaaaaaaa-acme.in,1" in fault for fault in faults)
