"""Mutants of a dialplan: each is one line of it, really wrong, and no two programs are needed to see how."""

from __future__ import annotations

from random import Random

import pytest

from ivrc.testbed.fuzz import wrongs
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
LINES = {(line.context, line.exten, line.priority): line for line in wrongs.lines_of(DIALPLAN)}


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
        lines = list(wrongs.lines_of(dialplan))
        for line in random.sample(lines, min(20, len(lines))):
            for mutant in wrongs.mutants_of(line, lines):
                wrong = wrongs.mutated(dialplan, mutant)
                pairs = zip(dialplan.splitlines(), wrong.splitlines(), strict=True)
                assert [place for place, (one, two) in enumerate(pairs) if one != two] == [line.number], mutant
                found[mutant.operator] += 1
    assert min(found.values()) > 0, found


def test_a_reason_is_for_the_line_that_it_was_given_for() -> None:
    answer, hangup = LINES["ivrc-a-main", "s", 1], LINES["ivrc-a-main", "s", 6]
    dropped = wrongs.Mutant("Answer dropped", answer, "NoOp", "")
    assert wrongs.reason(dropped, DIALPLAN, "") == "what comes next answers by itself"
    assert wrongs.reason(dropped, DIALPLAN.replace("Playback(a)", "Dial(PJSIP/anna)"), "") == ""
    assert wrongs.reason(wrongs.Mutant("option changed", hangup, "Hangup", "19"), DIALPLAN, "") == ""
    assert wrongs.following(DIALPLAN, LINES["ivrc-a-other", "s", 3]) is None
    dial = LINES["ivrc-a-main", "s", 5]
    going_on = wrongs.Mutant("option changed", dial, "Dial", dial.args + "g")
    assert wrongs.reason(going_on, DIALPLAN, "") == "whoever goes on is hung up by the next line"
    assert wrongs.reason(going_on, DIALPLAN.replace("Hangup(16)", "Playback(a)"), "") == ""


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
    lines = list(wrongs.lines_of(dialplan))
    made = [
        f"{mutant.line.priority} {mutant.app}({mutant.args})"
        for line in lines
        for mutant in wrongs.mutants_of(line, lines)
        if mutant.operator == "fax changed"
    ]
    assert made == [
        "1 Set(IVRC_FAX_TO=ivrc-fuzz000-c)", "3 Set(FAXOPT(faxdetect)=no)", "1 Set(TIMEOUT(absolute)=3)", "2 NoOp()",
    ]  # fmt: skip


def test_what_nobody_reads_can_be_dropped() -> None:
    dialplan = "[a]\nexten => s,1,Set(LOCAL(date)=1)\n same => n,Set(LOCAL(date)=2)\n same => n,Return(${day})\n"
    line = next(wrongs.lines_of(dialplan))
    dropped = wrongs.Mutant("line dropped", line, "NoOp", "")
    assert wrongs.reason(dropped, dialplan, "") == "no line of the context reads the variable"
    assert wrongs.reason(dropped, dialplan.replace("day", "date"), "") == ""
    assert wrongs.reason(dropped, dialplan.replace("${day}", "${CUT(date,-,1)}"), "") == ""


def test_a_reason_holds_for_some_programs_only() -> None:
    dialplan = "[a]\nexten => s,1,Set(LOCAL(left)=${CUT(left,-,2-)})\n same => n,Return(${left})\n"
    dropped = wrongs.Mutant("line dropped", next(wrongs.lines_of(dialplan)), "NoOp", "")
    assert wrongs.reason(dropped, dialplan, "mobile for 3s") == "the first of several mobiles is the only one"
    assert wrongs.reason(dropped, dialplan, "all mobiles for 3s") == ""


def test_a_jump_to_the_next_line_is_not_made_wrong() -> None:
    dialplan = """\
[a]
exten => s,1,GotoIf(${X}?:on)
 same => n(on),GotoIf(${X}?:off)
 same => n,Hangup(16)
 same => n(off),Return()
"""
    lines = list(wrongs.lines_of(dialplan))
    assert list(wrongs.mutants_of(lines[0], lines)) == []
    assert list(wrongs.mutants_of(lines[1], lines)) != []


def test_an_answer_before_a_jump_to_what_answers_makes_no_difference() -> None:
    dialplan = """\
[a]
exten => s,1,Answer()
 same => n,Goto(b,s,1)
[b]
exten => s,1,Set(X=1)
 same => n,Read(X,beep,1)
"""
    dropped = wrongs.Mutant("Answer dropped", next(wrongs.lines_of(dialplan)), "NoOp", "")
    assert wrongs.reason(dropped, dialplan, "") == "what comes next answers by itself"
    assert wrongs.reason(dropped, dialplan.replace("Read", "WaitExten"), "") == ""
