"""Mutants of a dialplan: each is one line of it, really wrong, and no two programs are needed to see how."""

from __future__ import annotations

from random import Random

import pytest

from ivrc.testbed.fuzz import wrongs
from ivrc.testbed.fuzz.jumps import Jumps, lines_of
from tests.support import CORPUS, compile_paths

DIALPLAN = """\
[ivrc-a-main]
exten => s,1,Answer()
 same => n,Playback(a)
 same => n(again),GotoIf($["${X}" = "1"]?done:more)
 same => n(more),WaitExten(3)
 same => n,Dial(PJSIP/anna,20,i)
 same => n(done),Hangup(16)
exten => 1,1,Goto(ivrc-a-other,s,1)
[ivrc-a-other]
exten => s,1,BackGround(b)
 same => n,Goto(ivrc-a-main,s,1)
 same => n,Dial(PJSIP/boris,5,i)
"""
LINES = {(line.context, line.exten, line.priority): line for line in lines_of(DIALPLAN)}


def made(operator: str, exten: str, priority: int, context: str = "ivrc-a-main") -> list[str]:
    """What an operator makes of a line."""
    line = LINES[context, exten, priority]
    return [f"{app}({args})" for app, args in wrongs.OPERATORS[operator](line, list(LINES.values()))]


def test_lines_have_their_places() -> None:
    assert [place[1:] for place in LINES] == [
        ("s", 1), ("s", 2), ("s", 3), ("s", 4), ("s", 5), ("s", 6), ("1", 1), ("s", 1), ("s", 2), ("s", 3),
    ]  # fmt: skip
    assert LINES["ivrc-a-main", "s", 3].label == "(again)"


@pytest.mark.parametrize(
    ("operator", "exten", "priority", "expected"),
    [
        ("line dropped", "s", 2, ["NoOp()"]),
        ("line dropped", "s", 1, []),
        ("Answer dropped", "s", 1, ["NoOp()"]),
        ("branches swapped", "s", 3, ['GotoIf($["${X}" = "1"]?more:done)']),
        ("time changed", "s", 4, ["WaitExten(6)"]),
        ("time changed", "s", 5, ["Dial(PJSIP/anna,23,i)"]),
        ("target changed", "1", 1, ["Goto(ivrc-a-main,s,1)"]),
        ("target changed", "s", 5, ["Dial(PJSIP/boris,20,i)"]),
        ("sound changed", "s", 2, ["Playback(b)"]),
        ("comparison changed", "s", 3, ['GotoIf($["${X}" != "1"]?done:more)']),
        ("option changed", "s", 6, ["Hangup(19)"]),
    ],
)
def test_operator(operator: str, exten: str, priority: int, expected: list[str]) -> None:
    assert made(operator, exten, priority) == expected


def test_every_mutant_of_the_corpus_is_another_dialplan() -> None:
    """One line is another one, and the rest stands."""
    random, found = Random(1), dict.fromkeys(wrongs.OPERATORS, 0)
    for path in sorted(CORPUS.glob("step_*.ivr")):
        dialplan = compile_paths(path).dialplan
        jumps = Jumps(lines_of(dialplan))
        for line in random.sample(jumps.lines, min(60, len(jumps.lines))):
            for mutant in wrongs.mutants_of(line, jumps):
                wrong = wrongs.mutated(dialplan, mutant)
                pairs = zip(dialplan.splitlines(), wrong.splitlines(), strict=True)
                assert [place for place, (one, two) in enumerate(pairs) if one != two] == [line.number], mutant
                found[mutant.operator] += 1
    assert min(found.values()) > 0, found


def test_lines_for_fax_machines_are_made_wrong() -> None:
    dialplan = """\
[ivrc-fuzz000-a]
exten => s,1,Set(IVRC_FAX_TO=ivrc-fuzz000-b)
 same => n,Set(FAXOPT(faxdetect)=no)
 same => n,Set(FAXOPT(faxdetect)=cng)
 same => n,Goto(ivrc-fuzz000-c,s,1)
exten => fax,1,Set(TIMEOUT(absolute)=0)
 same => n,Goto(${IVRC_FAX_TO},s,1)
"""
    jumps = Jumps(lines_of(dialplan))
    made = [
        f"{mutant.line.priority} {mutant.app}({mutant.args})"
        for line in jumps.lines
        for mutant in wrongs.mutants_of(line, jumps)
        if mutant.operator == "fax changed"
    ]
    assert made == [
        "1 Set(IVRC_FAX_TO=ivrc-fuzz000-c)", "3 Set(FAXOPT(faxdetect)=no)", "1 Set(TIMEOUT(absolute)=3)", "2 NoOp()",
    ]  # fmt: skip


def test_what_leads_to_the_next_line_either_way_is_not_wrong() -> None:
    dialplan = """\
[a]
exten => s,1,GotoIf(${X}?:on)
 same => n(on),GotoIf(${X}?:off)
 same => n,Hangup(16)
 same => n(off),Return()
"""
    jumps = Jumps(lines_of(dialplan))
    made = [[each.operator for each in wrongs.mutants_of(line, jumps)] for line in jumps.lines[:2]]
    assert made == [["label changed"], ["line dropped", "branches swapped"]]


def test_another_way_to_the_same_place_is_not_wrong() -> None:
    """Nor is a line left out that the next one makes up for."""
    dialplan = """\
[ivrc-a.in]
exten => _ivrc.,1,Set(CHANNEL(language)=en)
 same => n,Goto(${EXTEN},s,1)
[ivrc-a-main]
exten => 1,1,Goto(ivrc-a-b,s,1)
exten => 2,1,Goto(ivrc-a.in,ivrc-a-b,1)
exten => 3,1,GotoIf($["${X}" = "1"]?:else)
 same => n,Goto(ivrc-a-b,s,1)
 same => n(else),Goto(ivrc-a-b,s,2)
[ivrc-a-b]
exten => s,1,NoOp()
 same => n,Playback(c)
"""
    jumps = Jumps(lines_of(dialplan))
    first, choice = (next(each for each in jumps.lines if each.exten == exten) for exten in "13")
    assert list(wrongs.mutants_of(choice, jumps)) == []
    assert [each.operator for each in wrongs.mutants_of(first, jumps)] == ["line dropped"]
    # The same, but where calls begin something is set that is not set at every call's beginning.
    another = Jumps(lines_of(dialplan + " same => n,Set(CHANNEL(language)=ru)\n"))
    assert [each.args for each in wrongs.mutants_of(another.lines[2], another)] == ["", "ivrc-a.in,ivrc-a-b,1"]
    # Whose turn it is afterwards may be said twice.
    turns = " same => n,Set(CHANNEL(hangup_handler_push)=ivrc-a.turns,talked,1)\n same => n,Goto(${EXTEN}"
    said = Jumps(lines_of(dialplan.replace(" same => n,Goto(${EXTEN}", turns)))
    first = next(each for each in said.lines if each.exten == "1")
    assert [each.operator for each in wrongs.mutants_of(first, said)] == ["line dropped"]
    apart = Jumps(lines_of(dialplan.replace("s,2)", "s,3)")))
    choice = next(each for each in apart.lines if each.exten == "3")
    assert [each.operator for each in wrongs.mutants_of(choice, apart)] != []


def test_two_ends_that_are_alike_are_the_same_place() -> None:
    dialplan = """\
[a]
exten => s,1,GotoIf(${X}?:other)
 same => n,Hangup(16)
 same => n(other),Hangup(16)
exten => t,1,Goto(s,other)
exten => 1,1,Goto(s,2)
"""
    jumps = Jumps(lines_of(dialplan))
    assert [each.operator for each in wrongs.mutants_of(jumps.lines[0], jumps)] == []
    apart = Jumps(lines_of(dialplan.replace("(other),Hangup(16)", "(other),Hangup(19)")))
    made = [each.operator for each in wrongs.mutants_of(apart.lines[0], apart)]
    assert made == ["line dropped", "branches swapped"]


def test_a_ring_of_jumps_has_no_end_and_is_left() -> None:
    jumps = Jumps(lines_of("[a]\nexten => s,1,GotoIf(${X}?2:1)\n same => n,GotoIf(${Y}?1:2)\n"))
    assert [list(wrongs.mutants_of(line, jumps)) for line in jumps.lines]


def test_no_ring_is_made_in_which_a_call_would_go_round_in_no_time() -> None:
    """Neither to itself nor by way of others; back by way of what waits for a key is another thing."""
    dialplan = """\
[a]
exten => s,1(more),GotoIf(${X}?:whole)
 same => n,Read(Y,,1)
 same => n(again),GotoIf(${Y}?more)
 same => n(then),Set(Z=1)
 same => n(whole),Hangup(16)
"""
    jumps = Jumps(lines_of(dialplan))
    made = [mutant for line in jumps.lines for mutant in wrongs.mutants_of(line, jumps)]
    changed = [(each.line.priority, each.args) for each in made if each.operator == "label changed"]
    assert changed == [(1, "${X}?:then"), (3, "${Y}?then"), (3, "${Y}?whole")]
    assert jumps.makes_ring(jumps.lines[0], "GotoIf", "${X}?:more")
    assert jumps.makes_ring(jumps.lines[0], "GotoIf", "${X}?:again")
    assert not jumps.makes_ring(jumps.lines[2], "GotoIf", "${Y}?:more")
