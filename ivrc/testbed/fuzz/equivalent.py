"""Why no call can tell some mutants of a dialplan: each reason is a rule over its lines and the office's steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivrc import model as m
from ivrc.lower.incoming import EXTENSIONS
from ivrc.testbed.fuzz.clock import Span, held, spans
from ivrc.testbed.fuzz.jumps import Jumps, Line, Place, is_about_turns, lines_of
from ivrc.testbed.fuzz.paths import Paths, comes_to_same
from ivrc.testbed.fuzz.wrongs import Mutant, mutated
from ivrc.walking import steps_of

# Lines of which it makes no difference how they are wrong: in what way they are, application and arguments, and why.
EQUIVALENT: tuple[tuple[str, str, str], ...] = (
    ("line dropped", r"Set\(__IVRC_PLAN=.*", "for the call history and for deploys, which have tests of their own"),
    ("line dropped", r"Set\(CHANNEL\(language\)=en\)", "English is Asterisk's own default, as in all these programs"),
    ("line dropped", r"Set\(FAXOPT\(faxdetect\)=no\)", "Asterisk listens on, and warns"),
    ("line dropped", r"Set\(_IVRC_ASKER=\)", "keeps a variable from later legs, where nobody reads it"),
    (
        "line dropped",
        r"CELGenUserEvent\(IVRC_(VOICEMAIL|RECORDING).*",
        "for the call history, which has tests of its own",
    ),
    (
        "line dropped",
        r"Set\(SHARED\(IVRC_FOUND\)=\)",
        "the CRM of these calls says the same each time in a call: late once, it has never been in time",
    ),
    (
        "line dropped",
        r"""ExecIf\(\$\["\$\{(AGISTATUS\}" = "FAILURE|IVRC_FOUND\}" = ")"\]\?Set\(IVRC_FOUND=1/\w+\)\)""",
        "the helper of these calls is always there, and has an answer",
    ),
    ("option changed", r"Hangup\(\$\{HANGUPCAUSE\}\)", "a leg's cause, which nobody asks for"),
    ("comparison changed", r"GotoIf\(\$\[\$\{IVRC_LEFT\} <= 0\].*", "at 0 exactly there are 0 s to wait"),
)
_ANSWERS = ("Playback", "BackGround", "Record", "Read")
# Milliseconds of a step. To say that an extension is wrong takes 4,440 of them: what is left then is not told.
WRONG_EXTENSION = 5_000
_UNTIL = re.compile(r"IVRC_UNTIL=.*\+ (\d+)\]")
_LOCAL = re.compile(r"LOCAL\((\w+)\)=")
_FAX = re.compile(r"IVRC_FAX_TO=(?P<to>.*)|FAXOPT\(faxdetect\)=.*")
_FAX_BEGINS = "ivrc.fax,s,1"
_REACH = ".reach-wait"
_RESPONSIBLE, _BUSY = ".responsible", '"/(INUSE|BUSY|ONHOLD|RINGINUSE)/"'
_SETTINGS = re.compile(r".*\.responsible,s,1\((.*)\)")


def reason(mutant: Mutant, dialplan: str, office: m.Office, moment: datetime) -> str:
    """Why no call could tell the mutant; empty if one could. `moment`: when calls are made."""
    jumps = _jumps(dialplan)
    for rule in (_of_a_jump, _of_a_variable, _of_fax, _of_managers, _of_a_line):
        if why := rule(mutant, jumps, office):
            return why
    return _of_hours(mutant, dialplan, office, moment) if is_about_hours(mutant.line) else ""


@lru_cache(maxsize=64)
def _jumps(dialplan: str) -> Jumps:
    return Jumps(lines_of(dialplan))


def _of_a_line(mutant: Mutant, jumps: Jumps, _: m.Office) -> str:
    line = mutant.line
    after = jumps.at(jumps.after(line))
    if mutant.operator == "Answer dropped" and _first_app(jumps, jumps.after(line)) in _ANSWERS:
        return "what comes next answers by itself"
    if mutant.operator == "option changed" and mutant.args == line.args + "g" and after and after.app == "Hangup":
        return "whoever goes on is hung up by the next line"
    text = f"{line.app}({line.args})"
    long = any(other.context.endswith(EXTENSIONS) and len(other.exten) > 1 for other in jumps.lines)
    if mutant.operator == "line dropped" and line.args.startswith("TIMEOUT(digit)=") and not long:
        return "no extension has a second key that could be waited for"
    until = _UNTIL.fullmatch(line.args)
    if mutant.operator == "line dropped" and until and int(until[1]) <= WRONG_EXTENSION:
        return "to say that an extension is wrong takes the time that is left, or nearly"
    if mutant.operator == "line dropped" and after is None and text in ("Hangup()", "Hangup(${HANGUPCAUSE})"):
        return "the end of a leg that ends there anyway"
    for operator, pattern, why in EQUIVALENT:
        if operator == mutant.operator and re.fullmatch(pattern, text):
            return why
    return ""


def _first_app(jumps: Jumps, place: Place) -> str:
    """The first application from here on that does something."""
    line = jumps.at(jumps.comes_to(place))
    while line is not None and line.app == "Set":
        line = jumps.at(jumps.comes_to(jumps.after(line)))
    return line.app if line is not None else ""


def _of_a_jump(mutant: Mutant, jumps: Jumps, _: m.Office) -> str:
    """A jump that is never made."""
    never = mutant.operator in ("line dropped", "label changed") and _never(mutant.line, jumps)
    return "the condition never holds" if never else ""


def _of_a_variable(mutant: Mutant, jumps: Jumps, _: m.Office) -> str:
    """A variable is set that nobody reads."""
    line = mutant.line
    local = _LOCAL.match(line.args)
    if mutant.operator == "line dropped" and line.app == "Set" and local:
        rest = [other for other in jumps.lines if other.context == line.context and other.number != line.number]
        if not any(re.search(rf"\b{local[1]}\b(?!\)=)", other.args) for other in rest):
            return "no line of the context reads the variable"
    return ""


def _of_fax(mutant: Mutant, jumps: Jumps, _: m.Office) -> str:
    """Who a fax machine is taken to, or that it is found, where none is or it comes to the same."""
    line = mutant.line
    if mutant.operator == "line dropped" and (line.exten, line.args) == ("fax", "TIMEOUT(absolute)=0"):
        timed = jumps.at(Place(line.context, "T", 1)) is not None
        return "" if timed else "no time limit is running there that could cut the fax"
    match = _FAX.fullmatch(line.args)
    if line.app != "Set" or match is None:
        return ""
    again = "IVRC_FAX_TO=" if match["to"] else "FAXOPT(faxdetect)=cng"

    def ends(each: Line) -> bool:
        # To receive a fax is to listen no more.
        return (each.app == "Set" and each.args.startswith(again)) or (each.app, each.args) == ("Gosub", _FAX_BEGINS)

    if jumps.soon(jumps.after(line), ends):
        return "the call is over, listens anew or no more, before anybody could be found"
    other = _FAX.fullmatch(mutant.args)
    if match["to"] and other and other["to"]:
        ways = [jumps.comes_to(Place(to, "s", 1)) for to in (match["to"], other["to"])]
        if ways[0] == ways[1]:
            return "it leads to the same line"
    return ""


# ── the responsible manager ──


def _settings(jumps: Jumps) -> list[list[str]]:
    """What the steps say that ring the responsible: desk's seconds, mobiles, their seconds, confirm, second."""
    found = [_SETTINGS.fullmatch(line.args) for line in jumps.lines if line.app == "Gosub"]
    return [match[1].split(",") for match in found if match]


# Conditions of the responsible's lines, and when none of the settings can make them hold.
_CONDITIONS: dict[tuple[str, str], Callable[[list[str]], bool]] = {
    ("ring", '$["${ARG7}" = "confirm"]'): lambda settings: not settings[3],
    ("ring", '$["${ARG5}" = "all" & "${left}" != ""]'): lambda settings: settings[1] != "all",
    # The helper of these calls names no number without digits, and this is asked of numbers only.
    ("ring", '$["${mobile}" = ""]'): lambda settings: True,
    ("ring", '$["${IVRC_RING}" = ""]'): lambda settings: True,
    ("s", '$["${ARG5}" = ""]'): lambda settings: bool(settings[4]),
}


def _never(line: Line, jumps: Jumps) -> bool:
    """Whether a jump is never made, whatever the CRM says."""
    condition, question, target = line.args.rpartition("?")
    never = _CONDITIONS.get((line.exten, condition)) if line.context.endswith(_RESPONSIBLE) else None
    return never is not None and bool(question) and ":" not in target and all(map(never, _settings(jumps)))


def _asks(step: m.Step) -> bool:
    return isinstance(step, m.CallResponsible)


def _never_mind(_: m.Step) -> bool:
    return False


def _waits_for(step: m.Step) -> bool:
    return isinstance(step, m.ReachAnyone) and step.responsible


def _waits(office: m.Office) -> bool:
    """Whether a `reach anyone` may come after the CRM was asked."""
    paths = Paths(office)
    asks = [step for step in paths.steps.values() if _asks(step)]
    return any(True for step in asks for _ in paths.leads(step, _waits_for, _never_mind))


def _is_read(office: m.Office, emptied: bool) -> bool:
    """Whether a `reach anyone` can read the second manager that the line sets, or the one that it takes away.

    A step that rings the responsible always takes the one before away; whom it names itself comes later.
    """
    paths = Paths(office)
    rings = [step for step in paths.steps.values() if isinstance(step, m.CallResponsible)]
    seconds = [step for step in rings if step.second]

    if not emptied:
        # One that rings may be left by a fax machine before it takes anything away.
        keeps = _never_mind if paths.found else _asks
        return any(True for step in seconds for _ in paths.leads(step, _waits_for, keeps))
    # One that names a second itself may be left by a fax machine before it does.
    after = {each.start: each for step in seconds for each in paths.leads(step, _asks, _never_mind)}
    forgets = [each for each in after.values() if each not in seconds or paths.found]
    return any(True for step in forgets for _ in paths.leads(step, _waits_for, _asks))


def _rang_before(jumps: Jumps, office: m.Office) -> bool:
    """Whether a call may have rung several phones at once before it rings a manager's mobiles."""
    if any(settings[1] and settings[4] for settings in _settings(jumps)):
        return True
    paths = Paths(office)
    rings = [s for s in paths.steps.values() if isinstance(s, (m.CallResponsible, m.CallGroup, m.ReachAnyone))]
    return any(True for step in rings for _ in paths.leads(step, _asks, _never_mind))


def _asks_again(office: m.Office) -> bool:
    """Whether a call may ask the CRM once more, with no message left between."""
    paths = Paths(office)
    return any(
        True
        for step in paths.steps.values()
        if _asks(step)
        for _ in paths.leads(step, _asks, lambda each: isinstance(each, m.Voicemail))
    )


_NO_MANAGER = "nobody waits for the manager of a call that has asked for them"
_NO_SECOND = "nobody waits for a second manager whom this call may have had"
# Lines that can be left out (how their context ends, what they say), what tells whether that would matter, and why it
# does not if not.
_MANAGERS: tuple[tuple[str, str, Callable[[Jumps, m.Office], bool], str], ...] = (
    (
        _RESPONSIBLE,
        "LOCAL(left)=${CUT(left,-,2-)}",
        lambda jumps, _: any(settings[1] == "all" for settings in _settings(jumps)),
        "the first of several mobiles is the only one",
    ),
    (_RESPONSIBLE, "IVRC_MANAGER=${CUT(IVRC_FOUND,/,3)}", lambda _, office: _waits(office), _NO_MANAGER),
    (_RESPONSIBLE, "IVRC_SECOND=", lambda _, office: _is_read(office, emptied=True), _NO_SECOND),
    (
        _RESPONSIBLE,
        "IVRC_SECOND=${CUT(IVRC_FOUND,/,6)}",
        lambda _, office: _is_read(office, emptied=False),
        _NO_SECOND,
    ),
    (_REACH, "add,1(${IVRC_SECOND})", lambda _, office: _is_read(office, emptied=False), _NO_SECOND),
    (_RESPONSIBLE, "IVRC_RING=", _rang_before, "nobody was rung before whom this call would ring again"),
    (
        ".lookup",
        "AGIEXITONHANGUP=yes",
        lambda _, office: _asks_again(office),
        "the CRM's late answer is read by nobody: no call asks it again so soon",
    ),
)


def _of_managers(mutant: Mutant, jumps: Jumps, office: m.Office) -> str:
    line = mutant.line
    for context, args, matters, why in _MANAGERS if mutant.operator == "line dropped" else ():
        if line.context.endswith(context) and line.args == args and not matters(jumps, office):
            return why
    if line.context.endswith(_REACH) and line.args == '$["${ARG1}" = ""]?nobody':
        named = [each for each in jumps.lines if re.search(rf"{re.escape(_REACH)},s,1\([^,]", each.args)]
        turned = mutant.operator in ("comparison changed", "branches swapped") and not named
        return "a queue without a name is left at once" if turned or mutant.operator == "line dropped" else ""
    busy, _, otherwise = line.args.rpartition("?:")
    if (
        line.context.endswith(_RESPONSIBLE)
        and _BUSY in busy
        and (otherwise, mutant.args) == ("mobile", f"{busy}?:desk")
    ):
        return "who is not free and in no call is offline: Dial passes them over as well"
    return ""


def is_of_use(line: Line, jumps: Jumps) -> bool:
    """Whether a line is worth making wrong: those that ring the responsible are for mobiles, too, if any step has some.

    Where none has, most of what may be wrong with them makes no difference. Whose turn it is in queues is taken from
    the telephone, for earlier calls decide it.
    """
    if is_about_turns(line):
        return False
    return not line.context.endswith(_RESPONSIBLE) or any(settings[1] for settings in _settings(jumps))


# ── hours ──


def is_about_hours(line: Line) -> bool:
    """Whether a line is of a subroutine for hours: with a name, or written in a step."""
    return ".hours-" in line.context or "-hours" in line.context


def hours_asked_by(line: Line, jumps: Jumps) -> str:
    """The context of the hours that a line is about: one of them, or one that asks for them or for what they said."""
    if is_about_hours(line):
        return line.context
    if line.app == "GotoIf" and line.args.startswith("${GOSUB_RETVAL}?"):
        line = jumps.at(Place(line.context, line.exten, line.priority - 1)) or line
    asked = line.args.removesuffix(",s,1") if line.app == "Gosub" else ""
    return asked if is_about_hours(line._replace(context=asked)) else ""


def _asking(jumps: Jumps, context: str, office: m.Office, known: list[Span]) -> list[m.When]:
    """The steps that may ask for the hours of a context: all whose hours are the same at every minute."""
    answers = [(each.begin, held(jumps, context, each.begin)) for each in known]
    steps = [step for scenario in office.scenarios for step in steps_of(scenario.body)]
    return [
        step
        for step in steps
        if isinstance(step, m.When)
        and isinstance(step.condition, m.ByHours)
        and all(step.condition.hours.holds_at(at) is holds for at, holds in answers)
    ]


class _Wrong(NamedTuple):
    """Wrong hours: when they are, whether they come to an answer then, and the steps that ask for them."""

    spans: list[Span]
    answers: bool
    steps: list[m.When]


def _wrong(mutant: Mutant, dialplan: str, office: m.Office, moment: datetime) -> _Wrong:
    jumps, context = _jumps(dialplan), mutant.line.context
    wrong = _jumps(mutated(dialplan, mutant))
    known = spans(jumps, moment.astimezone(ZoneInfo(office.timezone or "UTC")))
    answers = [(each, held(wrong, context, each.begin)) for each in known]
    found = [(each, holds) for each, holds in answers if holds is None or holds is not held(jumps, context, each.begin)]
    steps = _asking(jumps, context, office, known)
    return _Wrong([each for each, _ in found], all(holds is not None for _, holds in found), steps)


def asked_wrongly(mutant: Mutant, dialplan: str, office: m.Office, moment: datetime) -> list[tuple[m.When, list[Span]]]:
    """The steps that may ask for wrong hours while they are wrong, and when that is, as far as can be told."""
    wrong, paths = _wrong(mutant, dialplan, office, moment), Paths(office)
    found = [(step, [each for each in wrong.spans if paths.can_come(step, each)]) for step in wrong.steps]
    return [(step, some) for step, some in found if some]


def _of_hours(mutant: Mutant, dialplan: str, office: m.Office, moment: datetime) -> str:
    """Why wrong hours make no difference."""
    wrong = _wrong(mutant, dialplan, office, moment)
    if not wrong.steps:
        return ""
    if not wrong.spans:
        return "the hours are the same at every minute"
    if wrong.answers and all(map(comes_to_same, wrong.steps)):
        return "what is done does not depend on these hours"
    paths = Paths(office)
    matter = [step for step in wrong.steps if not (wrong.answers and comes_to_same(step))]
    if not any(paths.can_come(step, each) for step in matter for each in wrong.spans):
        return "no call can ask for these hours while they are wrong"
    return ""
