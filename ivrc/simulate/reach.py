"""`reach anyone`: music, while whoever is free is rung in turn, and the manager of the call beside them."""

from __future__ import annotations

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.simulate.line import NEVER, Cutoff, Line
from ivrc.simulate.ringing import Leg, Ringing, begin_ring, end_ring

MUSIC = "music"
# When nobody took a turn a queue waits so long before it begins another.
RETRY = 1_000
# With less of a turn left nobody else is rung in it.
_LEAST = 500


class _Queue:
    """People of whom one at a time is rung for the caller: those of the step, or one manager.

    In a turn each is tried once, as long as those before are not free or turn the call down: whoever has been without
    a call or a ring of a queue's for longest comes first.
    """

    def __init__(self, people: list[str], now: int) -> None:
        # As they stood when the call began.
        self.people = people
        self.tries_at = now
        self.ringing: Ringing | None = None
        # Of a turn: when it ends, and who has not been tried so far; None between turns.
        self.turn_ends = now
        self._untried: list[str] | None = None

    def next_free(self, line: Line, end: int) -> str | None:
        """The next in turn who can be rung; `end`: of the step."""
        begins = self._untried is None
        if self._untried is None:
            # Who has not been rung in this call stays where they stood; the others come after them.
            self._untried = sorted(self.people, key=lambda who: line.rung.index(who) if who in line.rung else -1)
            self.turn_ends = min(end, line.now + m.REACH_RING_SECONDS * 1000)
        while self._untried:
            who = self._untried.pop(0)
            if line.world.state(line, who).kind not in ("busy", "offline"):
                return who
        if begins:
            # With nobody to ring there is no turn.
            self._untried = None
        else:
            self._turn_is_over(line.now)
        return None

    def is_not_taken(self, now: int) -> None:
        """A ring is over. Whoever is next has the rest of the turn."""
        self.ringing = None
        if self.turn_ends - now > _LEAST:
            self.tries_at = now
        else:
            self._turn_is_over(self.turn_ends)

    def _turn_is_over(self, at: int) -> None:
        self._untried = None
        self.tries_at = at + RETRY

    def next_moment(self, line: Line) -> int:
        """When something happens here."""
        if self.ringing:
            return self.ringing.until
        if self.tries_at > line.now:
            return self.tries_at
        moments = [at for who in self.people if (at := line.world.free_at(line, who)) is not None and at > line.now]
        return min([NEVER, *moments])


def reach_anyone(line: Line, step: m.ReachAnyone) -> None:
    """Until somebody answers, or the time is over; with nobody to wait for it passes at once."""
    line.answer()
    people = _people(line, step)
    if not people:
        return
    line.spend(line.now + m.REACH_SETTLES)
    first = line.now + line.world.queue_takes(line)
    queues = [_Queue(line.world.in_turn(each), first) for each in people]
    begin, end = line.now, line.now + step.seconds * 1000
    place = len(line.events)
    try:
        while line.now < end:
            _begin_rings(line, queues, end)
            line.spend(min([end, *(queue.next_moment(line) for queue in queues)]))
            _end_rings(line, queues)
    except Cutoff:
        _cancel(line, queues)
        last = line.events[-1]
        _order(
            line, place, j.Heard(begin, MUSIC, last.at if isinstance(last, j.Talked) else line.now, "time", step.start)
        )
        raise
    _cancel(line, queues)
    _order(line, place, j.Heard(begin, MUSIC, end, "time", step.start))


def _begin_rings(line: Line, queues: list[_Queue], end: int) -> None:
    begun = []
    for queue in queues:
        if queue.ringing is None and queue.tries_at <= line.now and (who := queue.next_free(line, end)):
            begun.append((queue, who))
    if len(begun) > 1:
        line.world.meet(line, [who for _, who in begun])
    for queue, who in begun:
        line.is_last(who)
        queue.ringing = begin_ring(line, Leg(who, line.world.state(line, who), False), queue.turn_ends)


def _end_rings(line: Line, queues: list[_Queue]) -> None:
    """Rings that are over now. Raises Cutoff if one was answered."""
    over = [(queue, queue.ringing) for queue in queues if queue.ringing and queue.ringing.until <= line.now]
    answered = next((ringing for _, ringing in over if ringing.answers), None)
    for queue, ringing in over:
        end_ring(line, ringing, ringing is answered)
        line.is_last(ringing.leg.who)
        queue.is_not_taken(line.now)
    if answered is not None:
        _cancel(line, queues)
        line.talk(answered.leg.who)


def _cancel(line: Line, queues: list[_Queue]) -> None:
    """What still rings stops: the manager, who is rung by the caller's own leg, a moment before the step's people."""
    for queue in reversed(queues):
        if queue.ringing is not None:
            end_ring(line, queue.ringing)
            line.is_last(queue.ringing.leg.who)
            queue.ringing = None


def _order(line: Line, place: int, music: j.Heard) -> None:
    """Events of the step, told as they ended, as they began: the music before the rings that it lasts through."""
    line.events[place:] = [music, *sorted(line.events[place:], key=lambda event: event.at)]


def _people(line: Line, step: m.ReachAnyone) -> list[list[str]]:
    """Those of the step; and, each alone, the managers of this call that are not among them and have phones."""
    people = [employee.name for employee in step.people if employee.devices]
    managers = dict.fromkeys(line.managers) if step.responsible else {}
    beside = [
        [name]
        for name in managers
        if name not in people and (employee := line.office.employees.get(name)) is not None and employee.devices
    ]
    return [people, *beside] if people else beside
