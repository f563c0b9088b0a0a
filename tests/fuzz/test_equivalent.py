"""Rules for mutants that no call can tell: each where it holds, and where it nearly does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivrc.testbed.fuzz.equivalent import is_of_use
from ivrc.testbed.fuzz.jumps import Jumps, lines_of
from tests.fuzz.plans import compiled

# Steps that ring the responsible, and whoever is left.
CALL = "call responsible { desk for 3s  mobile for 3s }"
SECOND, REACH = CALL.replace("}", " second }"), "reach anyone for 5s"
UNREAD = "nobody waits for a second manager whom this call may have had"


# ── lines ──


def test_an_answer_before_what_answers(tmp_path: Path) -> None:
    plan = compiled(tmp_path, 'scenario main { play "asterisk:beep" }\n')
    answer = plan.line("main", "")
    assert answer.app == "Answer"
    assert plan.why("Answer dropped", answer) == "what comes next answers by itself"
    plan = compiled(tmp_path, "scenario main { wait extension for 3s }\n")
    assert plan.why("Answer dropped", plan.line("main", "")) == ""


def test_an_answer_before_a_jump_to_what_answers(tmp_path: Path) -> None:
    source = 'scenario main { branch playing "asterisk:beep" for 3s { 1 { hangup } } }\n'
    plan = compiled(tmp_path, source)
    assert plan.why("Answer dropped", plan.line("main", "")) == "what comes next answers by itself"
    plan = compiled(tmp_path, source.replace(' playing "asterisk:beep"', ""))
    assert plan.why("Answer dropped", plan.line("main", "")) == ""


def test_whoever_goes_on_into_the_end(tmp_path: Path) -> None:
    plan = compiled(tmp_path, 'scenario main { call number "+78120000001" for 5s }\n')
    dial = plan.line("main", "+78120000001")
    assert plan.why("option changed", dial, dial.args + "g") == "whoever goes on is hung up by the next line"
    plan = compiled(tmp_path, 'scenario main { call number "+78120000001" for 5s  play "asterisk:beep" }\n')
    dial = plan.line("main", "+78120000001")
    assert plan.why("option changed", dial, dial.args + "g") == ""


def test_the_end_of_a_leg_and_no_other_end(tmp_path: Path) -> None:
    plan = compiled(tmp_path, 'scenario main { call number "+78120000001" for 5s confirm }\n')
    leg, end = plan.line(".confirm", "HANGUPCAUSE"), plan.line("main", "CHANNEL(state)")
    assert plan.why("line dropped", leg) == "the end of a leg that ends there anyway"
    assert plan.why("line dropped", end) == ""
    assert plan.why("option changed", leg, "16") == "a leg's cause, which nobody asks for"
    assert plan.why("option changed", end, "16") == ""


def test_the_second_key_of_an_extension_is_waited_for(tmp_path: Path) -> None:
    source = "scenario main { wait extension for 3s }\n"
    for other, expected in (("", "no extension has a second key that could be waited for"), ("extension 12", "")):
        plan = compiled(tmp_path, f'employee vera {{ {other} sip "PJSIP/p000e2" }}\n' + source)
        assert plan.why("line dropped", plan.line(".wait", "TIMEOUT(digit)")) == expected


@pytest.mark.parametrize(("seconds", "lost"), [(3, True), (5, True), (6, False), (7, False)])
def test_what_is_left_after_a_wrong_extension(tmp_path: Path, seconds: int, lost: bool) -> None:
    plan = compiled(tmp_path, f"scenario main {{ wait extension for {seconds}s }}\n")
    until = plan.line("main", "IVRC_UNTIL")
    why = "to say that an extension is wrong takes the time that is left, or nearly"
    assert plan.why("line dropped", until) == (why if lost else "")
    assert plan.why("time changed", until, until.args.replace("000]", "009]")) == ""


def test_the_manager_for_whom_nobody_waits(tmp_path: Path) -> None:
    nobody = "nobody waits for the manager of a call that has asked for them"
    steps = (
        (CALL, nobody),
        (f"call employee boris for 3s {REACH} {CALL}", nobody),
        (f"{CALL} {REACH}", ""),
        (f"call employee boris for 3s {REACH} {CALL} branch for 3s {{ 1 -> main }}", nobody),
    )
    for written, expected in steps:
        plan = compiled(tmp_path, f"scenario main {{ {written} }}\n")
        assert plan.why("line dropped", plan.line(".responsible", "IVRC_MANAGER=")) == expected, written


def test_what_the_crm_of_these_calls_does_not_do(tmp_path: Path) -> None:
    """It says the same each time, it is always there, and it has an answer."""
    plan = compiled(tmp_path, f"scenario main {{ {CALL} }}\n")
    assert "the same each time" in plan.why("line dropped", plan.line(".responsible", "SHARED(IVRC_FOUND)="))
    for args in ("FAILURE", '"${IVRC_FOUND}" = ""'):
        line = plan.line(".lookup", args)
        assert plan.why("line dropped", line) == "the helper of these calls is always there, and has an answer"
        assert plan.why("comparison changed", line, line.args.replace('" = "', '" != "')) == ""
    assert plan.why("line dropped", plan.line(".responsible", "=${SHARED(IVRC_FOUND)}")) == ""
    assert plan.why("line dropped", plan.line(".responsible", "IVRC_WHY=late")) == ""


def test_a_late_answer_of_the_crm(tmp_path: Path) -> None:
    """It would be found by a step that asks the CRM soon after."""
    nobody = "the CRM's late answer is read by nobody: no call asks it again so soon"
    for then, expected in (
        ("", nobody),
        ("voicemail for 9s branch for 3s { 1 -> main }", nobody),
        ("branch for 3s { 1 -> main }", ""),
        (CALL, ""),
    ):
        plan = compiled(tmp_path, f"scenario main {{ {CALL} {then} }}\n")
        assert plan.why("line dropped", plan.line(".lookup", "AGIEXITONHANGUP")) == expected, then


def test_whoever_was_rung_together_before(tmp_path: Path) -> None:
    nobody = "nobody was rung before whom this call would ring again"
    group = "group all at once { anna boris }\n"
    for steps, expected in (
        (f"call employee anna for 3s {CALL} call group all for 3s", nobody),
        (f"call group all for 3s {CALL}", ""),
        (f"{CALL} {CALL}", ""),
        (CALL.replace("}", " second }"), ""),
        (CALL.replace("mobile for 3s", "no mobile  second"), nobody),
    ):
        plan = compiled(tmp_path, f"{group}scenario main {{ {steps} }}\n")
        assert plan.why("line dropped", plan.line(".responsible", "IVRC_RING=")) == expected, steps
        assert plan.why("line dropped", plan.line(".group-all", "IVRC_RING=")) == ""


def test_the_manager_for_whom_a_call_waits_besides(tmp_path: Path) -> None:
    for steps, expected in ((f"{SECOND} {CALL} {REACH}", UNREAD), (f"{SECOND} {REACH}", "")):
        plan = compiled(tmp_path, f"scenario main {{ {steps} }}\n")
        assert plan.why("line dropped", plan.line(".reach-wait", "IVRC_SECOND")) == expected
        assert plan.why("line dropped", plan.line(".reach-wait", "IVRC_MANAGER")) == ""


def test_lines_of_the_responsible_are_made_wrong_where_mobiles_are_rung(tmp_path: Path) -> None:
    for calls, expected in ((CALL, True), (CALL.replace("mobile for 3s", "no mobile"), False)):
        plan = compiled(tmp_path, f"scenario main {{ {calls} }}\n")
        jumps = Jumps(lines_of(plan.dialplan))
        assert is_of_use(plan.line(".responsible", "BUSY"), jumps) is expected
        assert is_of_use(plan.line("main", ".responsible"), jumps)


def test_lines_that_only_other_calls_can_tell_are_not_made_wrong() -> None:
    jumps = Jumps(
        lines_of(
            "[ivrc-a.turns]\nexten => last,1,Set(X=1)\n"
            "[ivrc-a.legs]\nexten => anna,1,Gosub(ivrc-a.turns,last,1(anna))\n same => n,Dial(PJSIP/anna,,i)\n"
        )
    )
    assert [is_of_use(line, jumps) for line in jumps.lines] == [False, False, True]


def test_a_variable_that_no_line_reads(tmp_path: Path) -> None:
    plan = compiled(tmp_path, 'scenario main { when mon-sun 15:00-16:00 { play "asterisk:beep" } }\n')
    assert plan.why("line dropped", plan.line("-hours", "LOCAL(date)")) == "no line of the context reads the variable"
    assert plan.why("line dropped", plan.line("-hours", "LOCAL(minute)")) == ""


# ── fax machines ──

FAXES = """
scenario main { play "asterisk:beep"  fax detected -> fax1 }
scenario fax1 { fax }
scenario other { play "asterisk:beep" }
"""
NOBODY_FOUND = "the call is over, listens anew or no more, before anybody could be found"


@pytest.mark.parametrize("setting", ["IVRC_FAX_TO=", "=cng"])
@pytest.mark.parametrize("then", ["", "hangup", "when caller hidden { hangup }", "fax detected -> fax1", "fax"])
def test_a_fax_machine_is_found_by_nothing_that_takes_no_time(tmp_path: Path, setting: str, then: str) -> None:
    plan = compiled(tmp_path, FAXES.replace("-> fax1 }", f"-> fax1  {then} }}"))
    line = plan.line("main", setting)
    assert plan.why("fax changed", line, line.args.replace("fax1", "other").replace("cng", "no")) == NOBODY_FOUND


@pytest.mark.parametrize("setting", ["IVRC_FAX_TO=", "=cng"])
@pytest.mark.parametrize("then", ['play "asterisk:beep"', "when caller hidden { voicemail }", "call employee anna"])
def test_a_fax_machine_may_be_found_by_anything_else(tmp_path: Path, setting: str, then: str) -> None:
    plan = compiled(tmp_path, FAXES.replace("-> fax1 }", f"-> fax1  {then} }}"))
    line = plan.line("main", setting)
    assert plan.why("fax changed", line, line.args.replace("fax1", "other").replace("cng", "no")) == ""


def test_a_fax_machine_is_taken_to_what_leads_to_the_same(tmp_path: Path) -> None:
    source = FAXES.replace("-> fax1 }", '-> fax1  play "asterisk:beep" }').replace(
        '{ play "asterisk:beep" }', "{ -> fax1 }"
    )
    plan = compiled(tmp_path, source)
    line = plan.line("main", "IVRC_FAX_TO=")
    assert plan.why("fax changed", line, line.args.replace("fax1", "other")) == "it leads to the same line"
    assert plan.why("fax changed", line, line.args.replace("fax1", "main")) == ""


def test_a_time_limit_that_could_cut_a_fax(tmp_path: Path) -> None:
    source = "group all at once { anna boris }\n" + FAXES.replace("-> fax1 }", "-> fax1  call group all  {} }}")
    none = "no time limit is running there that could cut the fax"
    for step, expected in (("", none), ('play "asterisk:beep" for 3s', "")):
        plan = compiled(tmp_path, source.replace("{} }}", f"{step} }}"))
        lines = [each for each in lines_of(plan.dialplan) if each.exten == "fax" and each.app == "Set"]
        found = {each.context.removeprefix("ivrc-fuzz000"): plan.why("line dropped", each) for each in lines}
        assert found["-main"] == expected
        assert found[".group-all"] == none
        assert plan.why("fax changed", lines[0], "TIMEOUT(absolute)=3") == ""


# ── the responsible manager ──


@pytest.mark.parametrize(
    ("condition", "near"),
    [
        ('"${ARG7}" = "confirm"', CALL.replace("mobile for 3s", "mobile for 18s confirm")),
        ('"${ARG5}" = "all" & ', CALL.replace("mobile", "all mobiles")),
        ('"${ARG5}" = ""]', CALL),
    ],
)
def test_a_condition_that_the_settings_of_no_step_make_hold(tmp_path: Path, condition: str, near: str) -> None:
    calls = CALL if near != CALL else CALL.replace("}", " second }")
    never, once = (compiled(tmp_path, f"scenario main {{ {calls}  {other} }}\n") for other in (calls, near))
    for plan, expected in ((never, "the condition never holds"), (once, "")):
        line = plan.line(".responsible", condition)
        other = line.args.rpartition("?")[0] + "?desk"
        assert plan.why("label changed", line, other) == expected
        assert plan.why("line dropped", line) == expected
        assert plan.why("branches swapped", line, line.args.replace("?", "?:")) == ""


@pytest.mark.parametrize("condition", ['"${mobile}" = ""', '$["${IVRC_RING}" = ""]'])
def test_a_number_of_the_crm_has_digits(tmp_path: Path, condition: str) -> None:
    plan = compiled(
        tmp_path, f"group all at once {{ anna boris }}\nscenario main {{ call group all for 3s  {CALL} }}\n"
    )
    line = plan.line(".responsible", condition)
    assert plan.why("label changed", line, line.args.rpartition("?")[0] + "?desk") == "the condition never holds"
    # The same words of a group: there they may hold.
    if "RING" in condition:
        assert plan.why("line dropped", plan.line(".group-all", condition)) == ""


def test_the_first_of_several_mobiles(tmp_path: Path) -> None:
    for mobiles, expected in (("mobile", "the first of several mobiles is the only one"), ("all mobiles", "")):
        plan = compiled(tmp_path, f"scenario main {{ {CALL.replace('mobile', mobiles)} }}\n")
        assert plan.why("line dropped", plan.line(".responsible", "CUT(left,-,2-)")) == expected


def test_a_manager_who_is_offline_is_passed_over_by_dial_as_well(tmp_path: Path) -> None:
    """That Dial does so is shown by tests/live/test_responsible.py."""
    plan = compiled(tmp_path, f"scenario main {{ {CALL} }}\n")
    busy = plan.line(".responsible", "(INUSE|BUSY")
    start = busy.args.rpartition("?")[0]
    passed = "who is not free and in no call is offline: Dial passes them over as well"
    assert plan.why("label changed", busy, f"{start}?:desk") == passed
    assert plan.why("label changed", busy, f"{start}?:done") == ""
    assert plan.why("branches swapped", busy, f"{start}?mobile:") == ""
    free = plan.line(".responsible", "NOT_INUSE")
    assert plan.why("label changed", free, free.args.rpartition("?")[0] + "?mobile") == ""


@pytest.mark.parametrize(
    ("steps", "named", "emptied"),
    [
        (f"{CALL}", UNREAD, UNREAD),
        (f"{SECOND}", UNREAD, UNREAD),
        (f"{CALL} {REACH}", UNREAD, UNREAD),
        (f"{SECOND} {CALL}", UNREAD, UNREAD),
        (f"{SECOND} {CALL} {REACH}", UNREAD, ""),
        (f"{SECOND} {REACH}", "", UNREAD),
        (f"{SECOND} branch for 3s {{ 1 {{ {CALL} }} }} {REACH}", "", ""),
        (f"{CALL} {REACH} {SECOND}", UNREAD, UNREAD),
        (f"{CALL} {REACH} {SECOND} branch for 3s {{ 1 -> main }}", UNREAD, ""),
        (f"fax detected -> main {SECOND} {SECOND} {REACH}", "", ""),
    ],
)
def test_a_second_manager_for_whom_nobody_waits(tmp_path: Path, steps: str, named: str, emptied: str) -> None:
    plan = compiled(tmp_path, f"scenario main {{ {steps} }}\n")
    lines = [each for each in lines_of(plan.dialplan) if each.args.startswith("IVRC_SECOND=")]
    assert [each.args == "IVRC_SECOND=" for each in lines] == [True, False]
    assert [plan.why("line dropped", each) for each in lines] == [emptied, named]


def test_a_queue_without_a_name_is_left_at_once(tmp_path: Path) -> None:
    """The line that goes past it may be left out; turned round it keeps those away who have one."""
    nameless, named = (f"{steps} {REACH}" for steps in (CALL, f"call employee boris for 3s {CALL}"))
    why = "a queue without a name is left at once"
    for steps, expected in ((nameless, why), (named, "")):
        plan = compiled(tmp_path, f"scenario main {{ {steps} }}\n")
        line = plan.line(".reach-wait", "?nobody")
        assert plan.why("line dropped", line) == why
        assert plan.why("comparison changed", line, line.args.replace("=", "!=")) == expected
        assert plan.why("branches swapped", line, line.args.replace("?", "?:")) == expected
        assert plan.why("line dropped", plan.line(".reach-wait", "?alone")) == ""
