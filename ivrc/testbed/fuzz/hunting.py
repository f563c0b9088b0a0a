"""Calls that a mutant is hunted with: near those that ran its line, and such as its line is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from ivrc import model as m
from ivrc.simulate import Call
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz import equivalent
from ivrc.testbed.fuzz.clock import Span
from ivrc.testbed.fuzz.covering import (
    DAYS_MOST,
    MOMENTS,
    Walk,
    across,
    at_each,
    coming_to,
    covering,
    hours_of,
    keyed,
    machines,
    managers,
    near,
    steps_of_kind,
    talks,
    turning,
    turns,
    unanswered,
    walk,
)
from ivrc.testbed.fuzz.jumps import Jumps, lines_of
from ivrc.testbed.fuzz.tree import Part
from ivrc.testbed.fuzz.wrongs import Mutant

# Other calls that a mutant is hunted with each time.
CALLS = 8
# Calls that ran the line, of which others are made for each moment.
LIKE = 2
# Moments at which hours begin or end, and at which they are wrong, for a line of hours.
TURNS = 4
# Calls in which somebody picks up and hangs up first, for a line that rings; nobody picks up, for one with a time.
TALKS = 6
# Calls by fax machines that are found, for a line that is about them.
MACHINES = 6
# Calls in which keys come early, wrong ones too, for a time and for a line that listens to keys.
KEYED = 6
# Calls for which the CRM names two managers, for a line that is about them.
MANAGERS = 12
_MANAGERS = (".responsible", ".lookup", ".reach-wait", ".responsible-confirm", ".people")
# What stands in lines that listen to keys, or count what was keyed.
_LISTENS = ("WaitExten", "IVRC_UNTIL", "IVRC_LEFT", "IVRC_TRIES", "IVRC_KEYED", "IVRC_DIGIT", "TIMEOUT(")


class Tried(NamedTuple):
    """A call that goes as it should, and the lines that it ran."""

    walk: Walk
    ran: frozenset[tuple[str, str, int]]


class Known(NamedTuple):
    """A program as compiled, with its calls; its hours lie around the moment."""

    name: str
    program: Part
    office: Office
    moment: datetime
    dialplan: str
    tried: list[Tried]

    def has_tried(self, call: Call) -> bool:
        """Whether a call is among them."""
        return any(each.walk.call == call for each in self.tried)


class Candidate(NamedTuple):
    """A mutant of a program."""

    known: Known
    mutant: Mutant

    @property
    def calls(self) -> list[Tried]:
        """The calls that run the line."""
        line = self.mutant.line
        return [each for each in self.known.tried if (line.context, line.exten, line.priority) in each.ran]

    def as_compiled(self) -> Candidate:
        """The line as it was."""
        line = self.mutant.line
        return self._replace(mutant=self.mutant._replace(app=line.app, args=line.args))

    def marks(self) -> frozenset[str]:
        """What happens in every call that runs the line, and in none that does not; the first of that in each."""
        calls = self.calls
        others = [each.walk.shows for each in self.known.tried if each not in calls]
        if not others:
            return frozenset()
        marks = frozenset.intersection(*(each.walk.shows for each in calls)).difference(*others)
        firsts = ((each.walk.shape, each.walk.first(marks)) for each in calls)
        return frozenset(shape[first] for shape, first in firsts if first is not None)

    def why(self) -> str:
        """The reason why it cannot be told, if there is one."""
        known = self.known
        return equivalent.reason(self.mutant, known.dialplan, known.office.names.office, known.moment)


def hunters(random: Random, candidate: Candidate, shown: set[str], turn: int, times: int = 1) -> list[Call]:
    """Other calls in which happens what only happens in those that run the line, and afterwards something new; or, if
    there is nothing of the kind, that come to the steps to which all of those come. Every other time, any.

    `shown` is what calls have shown that did not catch the mutant: what these show is added. `times`: so many times as
    many calls.
    """
    tried = candidate.calls
    steps, marks = frozenset[int](), frozenset[str]()
    if turn % 2:
        steps, marks = frozenset.intersection(*(each.walk.reached for each in tried)), candidate.marks()
    known = candidate.known

    def wanted(walk: Walk) -> bool:
        return not marks.isdisjoint(walk.shows) if marks else steps <= walk.reached

    def counts(walk: Walk) -> frozenset[str]:
        return walk.after(marks) if marks else walk.shows

    shown.update(*(counts(each.walk) for each in tried))

    like = [each.walk.call for each in tried]
    moments = [known.moment + timedelta(minutes=minutes) for minutes in MOMENTS]
    elsewhen = [call._replace(at=at) for at in moments for call in random.sample(like, min(len(like), LIKE))]
    more = [other for call in [*like, *elsewhen] for other in near(random, known.office, call)]
    found = covering(random, known.office, known.moment, CALLS * times, wanted, shown, [*elsewhen, *more], counts)
    shown.update(*(counts(walk(known.office, call)) for call in found))
    line, operator = candidate.mutant.line, candidate.mutant.operator
    if line.app == "Dial":
        found += talks(random, known.office, like, TALKS * times)
    if operator == "time changed":
        found += unanswered(random, known.office, like, TALKS * times)
    if line.exten == "fax" or "FAX" in line.args:
        found += machines(random, known.office, like, MACHINES * times)
        # Where they are taken to may show at other hours.
        moments = turns(known.office, known.moment, steps_of_kind(known.office, m.When))
        some = random.sample(moments, min(len(moments), TURNS * times))
        for at in some:
            found += machines(random, known.office, [each._replace(at=at) for each in like], 2)
    if operator == "time changed" or any(f"{line.app}({line.args})".count(each) for each in _LISTENS):
        always = frozenset.intersection(*(each.walk.reached for each in tried))
        found += keyed(random, known.office, like, KEYED * times, always)
    if line.context.endswith(_MANAGERS):
        asking = coming_to(random, known.office, known.moment, m.CallResponsible, LIKE)
        found += managers(random, known.office, [*like, *asking], MANAGERS * times)
    if context := equivalent.hours_asked_by(line, Jumps(lines_of(known.dialplan))):
        found += _of_hours(random, candidate, context, wanted, times)
    return found


def _of_hours(
    random: Random, candidate: Candidate, context: str, wanted: Callable[[Walk], bool], times: int
) -> list[Call]:
    """Calls to the steps that ask for hours: when they are wrong, if they are, and when they begin or end."""
    known, line = candidate.known, candidate.mutant.line
    steps = hours_of(known.office, context)
    office = known.office.names.office
    asked: list[tuple[m.When, list[Span]]] = []
    if equivalent.is_about_hours(line):
        asked = equivalent.asked_wrongly(candidate.mutant, known.dialplan, office, known.moment)
    first, last = known.moment - timedelta(days=1), known.moment + timedelta(days=DAYS_MOST)
    wrong = [(step, each.begin) for step, spans in asked for each in spans if first < each.begin < last]
    found: list[Call] = []
    # Half of the moments for either.
    for step, begin in random.sample(wrong, min(len(wrong), TURNS * times // 2)):
        found += at_each(random, known.office, [begin + timedelta(seconds=20)], [step], lambda _: True)
    moments = turns(known.office, known.moment, steps)
    some = random.sample(moments, min(len(moments), TURNS * times - len(found)))
    found += at_each(random, known.office, some, random.sample(steps, len(steps)), wanted)
    ends = turning(known.office, known.moment, steps)
    turned = random.sample(ends, min(len(ends), TURNS * times // 2))
    return found + across(random, known.office, turned, steps, wanted)
