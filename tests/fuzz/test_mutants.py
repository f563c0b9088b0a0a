"""The run of mutants, as far as it needs no Asterisk: which lines are made wrong, what is hunted with, what is told."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from ivrc.output import text_of
from ivrc.simulate import Call
from ivrc.simulate.call import Press, State
from ivrc.testbed.fuzz import benches, catching, hunting, mutants
from ivrc.testbed.fuzz.covering import covering, walk
from ivrc.testbed.fuzz.hunting import Candidate, Known, Tried
from ivrc.testbed.fuzz.jumps import Line, lines_of
from ivrc.testbed.fuzz.mutants import Verdict
from ivrc.testbed.fuzz.offices import compile_programs, prepare
from ivrc.testbed.fuzz.programs import program
from ivrc.testbed.fuzz.wrongs import OPERATORS, Mutant

MOMENT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Known]:
    """Programs of which calls ran every other line."""
    found: list[Known] = []
    random, folder = Random(1), tmp_path_factory.mktemp("programs")
    while len(found) < 8:
        part = program(random, MOMENT.astimezone(ZoneInfo("Europe/Moscow")), faxes=0.5)
        office = prepare(part.text(), folder, {})
        if office is None:
            continue
        dialplan = text_of(compile_programs({0: part.text()}, folder / "plain")["extensions.conf"])
        ran = frozenset((line.context, line.exten, line.priority) for line in list(lines_of(dialplan))[::2])
        tried = [Tried(walk(office, call), ran) for call in covering(random, office, MOMENT, 3)]
        found.append(Known(f"it-{len(found)}", part, office, MOMENT, dialplan, tried))
    return found


def test_lines_are_chosen_that_a_call_runs_of_every_kind_and_no_two_alike(known: list[Known]) -> None:
    chosen = mutants.choose(1, known, 60)
    assert len(chosen) == 60
    for candidate in chosen:
        line = candidate.mutant.line
        assert candidate.calls, line
        assert line.context.startswith("ivrc-fuzz")
        assert (candidate.mutant.app, candidate.mutant.args) != (line.app, line.args)
    assert len({candidate.mutant.operator for candidate in chosen}) == len(OPERATORS)
    assert len({(candidate.known.name, candidate.mutant) for candidate in chosen}) == 60


def test_one_that_survived_is_hunted_with_calls_that_come_to_its_steps_and_show_something_new(
    known: list[Known],
) -> None:
    for candidate in mutants.choose(1, known, 12):
        # Every call of these programs runs the line: there is nothing that only those do.
        assert candidate.marks() == frozenset()
        steps = frozenset.intersection(*(each.walk.reached for each in candidate.calls))
        before = frozenset[str]().union(*(each.walk.shows for each in candidate.calls))
        shown: set[str] = set()
        line = candidate.mutant.line
        about = candidate.mutant.operator in ("time changed", "fax changed")
        keys = any(each in f"{line.app} {line.args}" for each in ("Wait", "IVRC_", "TIMEOUT"))
        named = any(each in line.context for each in (".responsible", ".lookup", ".reach-wait", ".people"))
        if "hours" in line.context or line.app == "Dial" or about or keys or named:
            # With moments, people, keys, managers and machines besides: these have tests of their own.
            continue
        for call in hunting.hunters(Random(2), candidate, shown, 1):
            walked = walk(candidate.known.office, call)
            assert steps <= walked.reached
            assert walked.shows - before
            assert walked.shows <= shown
        # Another hunt does not try the same once more.
        for call in hunting.hunters(Random(2), candidate, shown.copy(), 2):
            assert walk(candidate.known.office, call).shows - shown


SWITCHED = """
settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en }
employee anna { extension 1  sip "PJSIP/p000e0" }
number "+74950000000" -> main
scenario main {
    branch playing "p1" for 3s { 1 { play "p2"  call employee anna for 3s  voicemail for 3s }  nothing { } wrong { } }
    play "p3"
}
"""


def test_what_only_those_do_that_run_the_line_is_what_others_do_and_what_comes_after_counts(tmp_path: Path) -> None:
    office = prepare(SWITCHED, tmp_path, {})
    assert office is not None
    silent = {"anna": State("silent")}
    keyed = Call("+74950000000", at=MOMENT, presses=(Press("1", 1_500, "branch"),), states=silent)
    walks = [walk(office, each) for each in (keyed, keyed._replace(presses=()), keyed._replace(seed=2))]
    line = Line(1, "ivrc-fuzz000-main", "s", 5, "", "Playback", "p2")
    ran = [frozenset({("ivrc-fuzz000-main", "s", 5)}), frozenset[tuple[str, str, int]]()]
    tried = [Tried(each, ran["1" not in str(each.call.presses)]) for each in walks]
    known = Known("it", program(Random(1), MOMENT), office, MOMENT, "", tried)
    candidate = Candidate(known, Mutant("sound changed", line, "Playback", "p3"))
    (mark,) = candidate.marks()
    assert "Key" in mark or "Chose" in mark
    # Its end is not what it has to do with the step, only what it does after.
    assert walks[0].after({mark}) == {
        f"after: {one} {two}" for one, two in pairwise(walks[0].shape[walks[0].shape.index(mark) :])
    }
    assert walks[1].after({mark}) == frozenset()
    known = known._replace(tried=tried[:2])
    found = hunting.hunters(Random(1), candidate._replace(known=known), set(), 1)
    assert found
    assert all(mark in walk(office, call).shows for call in found)
    talked = [any("Talked" in each for each in walk(office, call).shows) for call in found]
    assert any(talked)


def test_the_table_counts_each_once(known: list[Known]) -> None:
    line = next(lines_of(known[0].dialplan))

    def verdict(operator: str, by: str, why: str) -> Verdict:
        return Verdict(Candidate(known[0], Mutant(operator, line, "NoOp", "")), by, why)

    verdicts = [
        verdict("line dropped", "what heard: …", ""),
        verdict("line dropped", "", "nobody looks"),
        verdict("time changed", "", ""),
    ]
    rows = mutants.table(verdicts).splitlines()
    assert "| line dropped | 2 | 1 | 1 | 0 |" in rows
    assert "| time changed | 1 | 0 | 0 | 1 |" in rows
    assert rows[-1] == "| all | 3 | 1 | 1 | 1 |"
    assert [each.told().rpartition(": ")[2] for each in verdicts[1:]] == ["equivalent, nobody looks", "SURVIVED"]
    assert [each.is_fault for each in verdicts] == [False, False, True]


def test_one_that_is_caught_though_a_rule_says_that_it_cannot_be_is_a_fault(known: list[Known]) -> None:
    line = next(lines_of(known[0].dialplan))
    verdict = Verdict(Candidate(known[0], Mutant("line dropped", line, "NoOp", "")), "what heard: …", "nobody looks")
    assert verdict.is_fault
    assert verdict.told().endswith("caught, what heard: …, though a rule says: nobody looks")
    assert mutants.table([verdict]).splitlines()[-1] == "| all | 1 | 1 | 0 | 0 |"


def test_a_places_calls_are_spread_over_the_benches_and_none_is_lost() -> None:
    noon = [MOMENT + timedelta(hours=hours) for hours in range(5)]
    plays = [(0, Call("1", at=noon[0])) for _ in range(8)]
    plays += [(place, Call("1", at=moment)) for place in (1, 2) for moment in noon]
    shares = benches.shared(plays, 4)
    rows = [row for share in shares for row in share]
    assert all(len({call.at for _, call in row}) == 1 for row in rows)
    assert Counter(play[0] for row in rows for play in row) == Counter(place for place, _ in plays)
    # Two of the eight on each bench, and the other moments on all.
    assert [max(sum(place == 0 for place, _ in row) for row in share) for share in shares] == [2, 2, 2, 2]
    assert all(len(share) == 2 for share in shares)
    assert benches.shared([], 2) == [[], []]


def test_what_happened_is_plain_and_when_it_did_is_not() -> None:
    assert catching.is_plain("what crm: the simulator: 11.0 crm found; the telephone: 11.5 crm late")
    assert not any(map(catching.is_plain, ("", "when heard: …", "how long rang: …")))
