"""Every branch of a call: what its description leaves open is tried in all ways, and merged into a tree.

The call is simulated once for each path, with the choices of the path before it but for the last (a search in depth).
Open are keys, who answers, conditions, the CRM and faxes, as far as the command line says nothing of them; draws are
always open, and only they have odds. What bounds the search:

- a scenario is entered at most `MAX_ENTRIES` times on a path;
- of a menu's retries all are taken alike: a caller who pressed nothing presses nothing again;
- if nobody of a random group answers, all its orders are one; else they are followed for the first draw and for the
  last `MAX_ORDERED` of its turns; between these the turns come as written;
- conditions hold or not for the whole call; who answers does so at once, and who does not never does;
- `MAX_PATHS` paths; `Tree.cut` says that there were more.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.simulate import run_in
from ivrc.simulate.call import Answer, Call, FaxMachine, Message, Press, State, Turn
from ivrc.simulate.line import Line, Over
from ivrc.simulate.office import Prepared, prompt_name
from ivrc.simulate.steps import condition_text
from ivrc.simulate.tree import Choice, Node, Tree
from ivrc.simulate.world import World

MAX_ENTRIES = 2
MAX_ORDERED = 4
MAX_PATHS = 5_000
_ALL_KEYS = "1234567890*#"
_ANSWERS, _SILENT = State("answers", 0, 0), State("silent")
_MACHINE = State("answers", 0, None)


class _Explorer(World):
    """A world that asks `choose` for what is open. `taken` are the choices of this path that are prescribed."""

    def __init__(self, office: Prepared, call: Call, given: set[str], taken: list[int]) -> None:
        super().__init__(office, call)
        self.given = given
        self.taken = taken
        self.choices: list[Choice] = []
        self._states: dict[str, State] = {}
        self._held: dict[str, bool] = {}
        self._crm: Answer | None = None
        self._fax: bool | None = None
        self._failed = 0
        # Of these at least one answers.
        self._somebody: set[str] = set()
        # Nobody of the random group answers: its order does not matter.
        self._settled = False
        self._entries: Counter[str] = Counter()

    def choose(self, line: Line, options: list[str], odds: list[Fraction] | None = None) -> int:
        """The option to take on this path."""
        if len(options) == 1:
            return 0
        index = len(self.choices)
        chosen = self.taken[index] if index < len(self.taken) else 0
        self.choices.append(Choice(line.now, line.start, tuple(options), tuple(odds) if odds else None, chosen))
        return chosen

    # ── keys ──

    def menu(self, line: Line, step: m.Branch, attempt: int) -> None:
        """Each case, no key, a wrong key."""
        if "press" in self.given:
            super().menu(line, step, attempt)
            return
        cases = [case.keys for case in step.cases]
        wrong = next((key for key in _ALL_KEYS if not any(key in keys for keys in cases)), "")
        if attempt == 0:
            options = [f"key {', '.join(keys)}" for keys in cases] + ["no key"] + ["a wrong key"] * bool(wrong)
            self._failed = self.choose(line, options)
        keys = [case[0] for case in cases] + ["", wrong]
        if pressed := keys[self._failed]:
            audio = line.office.length(prompt_name(step.prompt)) if step.prompt else 0
            self._schedule(Press(pressed, audio), line.now)

    def extension(self, line: Line, step: m.WaitExtension) -> None:
        """Each extension, none, an unknown one."""
        if "press" in self.given:
            super().extension(line, step)
            return
        known = list(self.office.extensions)
        chosen = self.choose(line, ["no extension", *(f"extension {each}" for each in known), "an unknown extension"])
        if chosen:
            self._schedule(Press([*known, "*"][chosen - 1], 0), line.now)

    # ── people ──

    def state(self, line: Line, who: str) -> State:
        """Answers at once, or does not answer; of one who must press 1 a machine may answer, too."""
        if who in self.call.states:
            return super().state(line, who)
        if who not in self._states:
            ways = [("answers", _ANSWERS), ("does not answer", _SILENT)]
            ways += [("picks up and does not press 1", _MACHINE)] * (who in self.office.confirmed)
            if self._is_last([who]):
                del ways[1:]
            self._decide(who, ways[self.choose(line, [f"{who} {text}" for text, _ in ways])][1])
        return self._states[who]

    def meet(self, line: Line, whos: list[str]) -> None:
        """Of several who ring together one answers first, or nobody does: not every set of them is tried."""
        undecided = self._undecided(whos)
        if len(undecided) > 1:
            options = [f"{who} answers" for who in undecided] + ["nobody answers"] * (not self._is_last(undecided))
            chosen = self.choose(line, options)
            for index, who in enumerate(undecided):
                self._decide(who, _ANSWERS if index == chosen else _SILENT)

    def drawn(self, line: Line, whos: list[str]) -> None:
        """Somebody of a random group answers, or nobody does."""
        undecided = self._undecided(whos)
        answering = any(self._answers(who) for who in whos if who not in undecided)
        if undecided and not answering:
            if self.choose(line, ["somebody of the group answers", "nobody of the group answers"]):
                for who in undecided:
                    self._decide(who, _SILENT)
            else:
                self._somebody = set(undecided)
        # With all of them told by the command line the orders are what is asked for.
        explored = any(who in self._states for who in whos)
        self._settled = explored and not any(self._answers(who) for who in whos) and not self._somebody

    def _undecided(self, whos: list[str]) -> list[str]:
        return [who for who in dict.fromkeys(whos) if who not in self.call.states and who not in self._states]

    def _answers(self, who: str) -> bool:
        state = self.call.states.get(who) or self._states.get(who) or _SILENT
        return state.free_at is not None or (state.kind == "answers" and state.accepts is not None)

    def _decide(self, who: str, state: State) -> None:
        self._states[who] = state
        if self._answers(who):
            self._somebody.clear()
        self._somebody.discard(who)

    def _is_last(self, whos: list[str]) -> bool:
        """Whether one of these has to answer: nobody else is left of those of whom somebody does."""
        return bool(self._somebody) and self._somebody <= set(whos)

    # ── the rest ──

    def draw(self, line: Line, weights: list[int], first: bool) -> int:
        """Each turn with its odds, where orders are followed; else the first that is left."""
        left = [index for index, weight in enumerate(weights) if weight]
        if self._settled or (len(left) > MAX_ORDERED and not first):
            return left[0]
        total = sum(weights)
        odds = [Fraction(weights[index], total) for index in left]
        return left[self.choose(line, [f"turn {index + 1} is drawn" for index in left], odds)]

    def holds(self, line: Line, condition: m.Condition) -> bool:
        """Either way, once a call; as given where the moment, the caller or the switches are."""
        option = {m.ByHours: "at", m.BySwitch: "switch", m.ByCallers: "from_", m.ByHidden: "from_"}[type(condition)]
        if option in self.given or (option == "from_" and "hidden" in self.given):
            return super().holds(line, condition)
        text = condition_text(condition)
        key = repr(condition) if text == "these hours" else text
        if isinstance(condition, m.ByCallers) and self._held.get("caller hidden"):
            return False
        if key not in self._held:
            self._held[key] = not self.choose(line, [f"{text}: yes", f"{text}: no"])
        return self._held[key]

    def crm(self, line: Line) -> Answer:
        """Each employee who has an id in the CRM (or else an extension), or nobody."""
        if "crm" in self.given:
            return super().crm(line)
        if self._crm is None:
            people = list(self.office.employees.values())
            known = [each for each in people if each.crm] or [each for each in people if each.extension]
            chosen = self.choose(line, ["the CRM names nobody", *(f"the CRM names {each.name}" for each in known)])
            named = known[chosen - 1] if chosen else None
            self._crm = Answer("found", (Turn(named.name, "free", named.mobiles),)) if named else Answer("unknown")
        return self._crm

    def message(self, line: Line) -> Message:
        """The caller hangs up after the message, or presses `#`."""
        ends = self.choose(line, ["a message, and hangs up", "a message, and presses #"])
        return self.call.message._replace(ends="hash" if ends else "hangs up")

    def fax(self, line: Line) -> FaxMachine | None:
        """A fax machine, or a person."""
        if "fax" in self.given:
            return super().fax(line)
        if self._fax is None:
            self._fax = bool(self.choose(line, ["a person calls", "a fax machine calls"]))
        return self.known_fax(line)

    def known_fax(self, line: Line) -> FaxMachine | None:
        """A person, as long as nobody has asked."""
        if "fax" in self.given:
            return super().known_fax(line)
        return FaxMachine() if self._fax else None

    def enter_scenario(self, line: Line, scenario: str) -> None:
        """Rounds are cut."""
        self._entries[scenario] += 1
        if self._entries[scenario] > MAX_ENTRIES:
            line.events.append(j.Cut(line.now, f"scenario {scenario} once more", line.start))
            raise Over("cut", 16)


def explore(office: Prepared, call: Call, given: set[str] | None = None) -> Tree:
    """The tree of all paths. `given`: the names of the options (of `ivrc simulate`) that leave nothing open."""
    root = Node()
    taken: list[int] = []
    for count in range(1, MAX_PATHS + 1):
        world = _Explorer(office, call, given or set(), taken)
        root.add(world.choices, run_in(world, call))
        taken = [choice.chosen for choice in world.choices]
        while taken and taken[-1] + 1 == len(world.choices[len(taken) - 1].options):
            taken.pop()
        if not taken:
            return Tree(root, count, False)
        taken[-1] += 1
    return Tree(root, MAX_PATHS, True)
