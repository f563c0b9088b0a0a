"""Model to dialplan: what holds of every program's lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.dialplan import Dialplan
from tests.support import CORPUS, OFFICE, compile_paths, compile_text, dialplan_of, lines_of

CASES = sorted(CORPUS.glob("*.ivr"), key=lambda path: path.name)
FORBIDDEN = re.compile(r"\b(System|TrySystem|SHELL|EVAL|ENV|FILE|GotoIfTime|ODBC_\w+|CURL)\(")
# What a caller or a phone sends, and nothing has filtered yet.
RAW = re.compile(r"\$\{(?:CALLERID\(name\)|CALLERID\(num\)\}|EXTEN\}|PJSIP_HEADER|SIP_HEADER)")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_no_application_or_function_that_reaches_outside(path: Path) -> None:
    code = [line for line in compile_paths(path).dialplan.splitlines() if not line.startswith(";")]
    assert [line for line in code if FORBIDDEN.search(line)] == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_only_the_leg_that_asks_the_crm_runs_the_helper(path: Path) -> None:
    """With the caller's number as digits, and within a Dial that ends the leg in time."""
    asked = r"(agi://[\w.:-]+/|/[\w./-]+,agi,run,)responsible,\w+,\$\{FILTER\(\+0-9,\$\{CALLERID\(num\)\}\)\},\d+000"
    for name, context in Dialplan(compile_paths(path).dialplan).contexts.items():
        for line in (line for lines in context.extensions.values() for line in lines if line.app == "AGI"):
            assert name.endswith(".lookup")
            assert re.fullmatch(asked, line.args), line.args


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_a_caller_sends_is_filtered_first(path: Path) -> None:
    code = [line for line in compile_paths(path).dialplan.splitlines() if not line.startswith(";")]
    # Where calls begin the extension is the plan's own: the dialplan's reader looks at whoever leads there.
    code = [line for line in code if line != " same => n,Goto(${EXTEN},s,1)"]
    filtered = [re.sub(r"\$\{FILTER\([0-9+-]+,\$\{(?:CALLERID\(num\)|EXTEN)\}\)\}", "", line) for line in code]
    assert [line for line in filtered if RAW.search(line)] == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_dial_has_a_time_and_no_transfer(path: Path) -> None:
    for context in Dialplan(compile_paths(path).dialplan).contexts.items():
        for lines in context[1].extensions.values():
            for line in lines:
                if line.app == "Dial":
                    _, seconds, options = re.sub(r"\([^()]*\)", "", line.args).rsplit(",", 2)
                    # A leg's time is that of whoever dials it; one into a mailbox ends by itself, and the call goes on.
                    assert seconds or re.search(r"confirm$|\.mailbox$|[-.]reach(-\d+)?$", context[0])
                    assert not set(options) & set("tTkKhHg") or (context[0], options) == ("ivrc.mailbox", "g")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_calls_never_fall_off_the_end_of_an_extension(path: Path) -> None:
    """Past the last line Asterisk would look for other extensions."""
    ends = {"Goto", "Hangup", "Return", "WaitExten", "NoOp"}
    for name, context in Dialplan(compile_paths(path).dialplan).contexts.items():
        for exten, lines in context.extensions.items():
            # `h` runs when the call is over.
            assert exten == "h" or lines[-1].app in ends, f"{exten}@{name}"


STEPS_BEFORE_ANSWER = ["call employee anna", 'call number "+7 495 123-45-67"', "call group g", "when mon { }", "hangup"]


@pytest.mark.parametrize("step", STEPS_BEFORE_ANSWER)
def test_line_is_not_answered_for_steps_without_audio(step: str) -> None:
    dialplan = dialplan_of(step, declarations="group g random { anna boris }\n")
    assert "Answer()" not in "".join(lines_of(dialplan, "ivrc-acme-main"))


@pytest.mark.parametrize(
    "step", ['play "x"', 'say "x"', 'play "asterisk:x" for 5s', "wait extension", "branch { 1 -> main }"]
)
def test_line_is_answered_just_before_the_first_audio(step: str) -> None:
    lines = lines_of(dialplan_of("call employee boris", step, step), "ivrc-acme-main")
    answers = [index for index, line in enumerate(lines) if line.endswith("Answer()")]
    assert len(answers) == 1
    assert "Dial(" in lines[answers[0] - 1]


def test_each_number_has_a_context_of_its_own() -> None:
    """Asterisk loads a context of many extensions in quadratic time."""
    numbers = "".join(f'number "+7 495 000 {n // 100:02} {n % 100:02}" -> main\n' for n in range(1000))
    contexts = Dialplan(compile_text(OFFICE + numbers + "scenario main { }").dialplan).contexts
    assert max(len(context.extensions) for name, context in contexts.items() if "number" in name) == 1
    assert len(contexts["ivrc-incoming"].extensions) < 5


@pytest.mark.parametrize(
    ("duration", "seconds"), [("1s", 1), ("20s", 20), ("90sec", 90), ("2m", 120), ("1min", 60), ("1h", 3600)]
)
def test_durations_are_seconds(duration: str, seconds: int) -> None:
    assert f"Dial(PJSIP/boris,{seconds},i)" in dialplan_of(f"call employee boris for {duration}")


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("call employee boris", "Dial(PJSIP/boris,20,i)"),
        ('call number "+7 812 765-43-21"', "Dial(PJSIP/+78127654321@provider,30,i)"),
        ('call sip "sip:a@b.example"', "Dial(PJSIP/ivrc-sip/sip:a@b.example,30,i)"),
        ("call employee anna then mobile", "Dial(PJSIP/+79160000001@provider,30,i)"),
        ("branch { 1 -> main }", "WaitExten(7)"),
        ("wait extension", "Set(IVRC_LEFT=5)"),
    ],
)
def test_durations_by_default(step: str, line: str) -> None:
    assert line in dialplan_of(step)


def test_a_new_line_in_the_source_changes_little_in_the_output() -> None:
    before = dialplan_of('play "a"', 'play "b"', 'play "c"').splitlines()
    after = dialplan_of('play "a"', 'play "b"', 'play "new"', 'play "c"').splitlines()
    places = re.compile(r"\(office\.ivr:\d+\)")
    changed = {places.sub("", line) for line in after} - {places.sub("", line) for line in before}
    assert changed == {'; play "new"    ', " same => n,Playback(ivrc/acme/new)"}


def test_callers_of_a_long_list_share_contexts_by_their_last_digits() -> None:
    """One context of 10,000 takes Asterisk 3 s to load."""
    numbers = [f"+7916{number * 37:07}" for number in range(2000)]
    listed = " ".join(f'"{number}"' for number in [*numbers, "+7 812 *"])
    source = f"callers vip {{ {listed} }} scenario main {{ when caller in vip {{ hangup }} }}"
    plan = compile_text(OFFICE + source).dialplan
    condition = next(line for line in plan.splitlines() if "DIALPLAN_EXISTS" in line and "callers-vip-" in line)
    shard = "${DIALPLAN_EXISTS(ivrc-acme.callers-vip-${GOSUB_RETVAL:-2},${GOSUB_RETVAL},1)}"
    assert f"$[${{DIALPLAN_EXISTS(ivrc-acme.callers-vip,${{GOSUB_RETVAL}},1)}} | {shard}]" in condition
    contexts = Dialplan(plan).contexts
    assert list(contexts["ivrc-acme.callers-vip"].extensions) == ["_7812!"]
    for number in numbers:
        assert number[1:] in contexts[f"ivrc-acme.callers-vip-{number[-2:]}"].extensions
    assert max(len(each.extensions) for name, each in contexts.items() if ".callers-" in name) < 100
