"""Every branch: odds that add up, everything reached, bounds kept."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import pytest

from ivrc.simulate import Call, Prepared, run
from ivrc.simulate import journey as j
from ivrc.simulate.call import State
from ivrc.simulate.explore import MAX_PATHS, explore
from ivrc.simulate.tree import Tree
from tests.simulate.support import LENGTHS, NUMBER, moment, source_of
from tests.support import office_of

GROUP = "group g random { anna 40% boris 20% vera 20% gleb 20% }\n"


def prepared(*steps: str, declarations: str = "") -> Prepared:
    return Prepared(office_of(source_of(*steps, declarations=declarations)), LENGTHS)


def tree_of(*steps: str, declarations: str = "", given: set[str] | None = None, call: Call | None = None) -> Tree:
    return explore(prepared(*steps, declarations=declarations), call or Call(NUMBER), given)


def taken(tree: Tree) -> list[tuple[str, ...]]:
    return [path for path, _, _ in tree.leaves()]


def test_draws_of_a_call_with_nothing_else_open_add_up_to_one() -> None:
    people = {name: State("silent") for name in ("anna", "boris", "vera", "gleb")}
    tree = tree_of("call group g", declarations=GROUP, call=Call(NUMBER, states=people))
    assert tree.paths == 24
    assert sum(chance for _, chance, _ in tree.leaves()) == 1
    first: dict[str, Fraction] = defaultdict(Fraction)
    for _, chance, journey in tree.leaves():
        first[next(event.who for event in journey.events if isinstance(event, j.Rang))] += chance
    assert first == {"anna": Fraction(2, 5), "boris": Fraction(1, 5), "vera": Fraction(1, 5), "gleb": Fraction(1, 5)}


def test_the_second_draw_is_in_proportion_to_those_left() -> None:
    people = {name: State("silent") for name in ("anna", "boris", "vera", "gleb")}
    tree = tree_of("call group g", declarations=GROUP, call=Call(NUMBER, states=people))
    rings = [
        (tuple(event.who for event in journey.events if isinstance(event, j.Rang)), chance)
        for _, chance, journey in tree.leaves()
    ]
    assert sum(chance for whos, chance in rings if whos[:2] == ("boris", "anna")) == Fraction(1, 5) * Fraction(1, 2)


def test_shares_of_seeds_agree_with_the_weights() -> None:
    """Chi-squared with 3 degrees of freedom: 16.3 is passed by chance once in a thousand; the seeds are fixed."""
    office = prepared("call group g", declarations=GROUP)
    counts: dict[int, int] = defaultdict(int)
    for seed in range(4000):
        events = run(office, Call(NUMBER, seed=seed)).events
        counts[next(event.turn for event in events if isinstance(event, j.Drew))] += 1
    expected = {1: 1600, 2: 800, 3: 800, 4: 800}
    assert sum((counts[turn] - count) ** 2 / count for turn, count in expected.items()) < 16.3


def test_every_key_none_and_a_wrong_one() -> None:
    tree = tree_of('branch playing "menu" retries 2 { 1 { hangup } 2, 3 { play "done" } }')
    assert taken(tree) == [("key 1",), ("key 2, 3",), ("no key",), ("a wrong key",)]


def test_extensions() -> None:
    tree = tree_of("wait extension for 5s")
    assert ("no extension",) in taken(tree)
    assert ("an unknown extension",) in taken(tree)
    assert ("extension 102", "boris answers") in taken(tree)
    assert ("extension 102", "boris does not answer") in taken(tree)


def test_who_answers_stays_so_for_the_whole_call() -> None:
    tree = tree_of("call employee boris", "call employee boris")
    assert taken(tree) == [("boris answers",), ("boris does not answer",)]


def test_together_one_answers_or_nobody() -> None:
    tree = tree_of("call group g", declarations="group g at once { anna boris vera }\n")
    assert taken(tree) == [("anna answers",), ("boris answers",), ("vera answers",), ("nobody answers",)]


def test_orders_matter_only_if_somebody_answers() -> None:
    tree = tree_of("call group g", 'play "done"', declarations=GROUP)
    leaves = [(path, chance) for path, chance, journey in tree.leaves() if journey.ended.how != "talked"]
    assert leaves == [(("nobody of the group answers",), Fraction(1))]
    talks = [(path, chance) for path, chance, journey in tree.leaves() if journey.ended.how == "talked"]
    assert (("somebody of the group answers", "turn 1 is drawn", "anna answers"), Fraction(2, 5)) in talks
    # The last one of whom somebody answers has no choice: four in 24 orders, each answering at its turn.
    assert len(talks) == 4 + 12 + 24 + 24


def test_confirm_has_a_third_outcome() -> None:
    tree = tree_of("call employee anna then mobile confirm")
    assert ("anna does not answer", "+79160000001 picks up and does not press 1") in taken(tree)


def test_conditions_the_crm_and_messages() -> None:
    steps = ("when mon-fri 09:00-18:00 { call responsible { no mobile } }", "voicemail")
    paths = taken(tree_of(*steps))
    assert ("these hours: no", "a message, and presses #") in paths
    assert ("these hours: yes", "the CRM names anna", "anna answers") in paths
    assert ("these hours: yes", "the CRM names nobody", "a message, and hangs up") in paths


def test_what_is_given_is_not_open() -> None:
    call = Call(NUMBER, at=moment("2026-03-02 12:00"))
    tree = tree_of("when mon-fri 09:00-18:00 { hangup }", call=call, given={"at"})
    assert taken(tree) == [()]


def test_rounds_are_cut() -> None:
    tree = tree_of('branch playing "menu" { * -> main  1 { hangup } }')
    cut = [path for path, _, journey in tree.leaves() if journey.ended.how == "cut"]
    assert cut == [("key *", "key *")]


def test_too_many_paths_are_said_to_be_too_many() -> None:
    menu = 'branch playing "menu" { 1 { play "done" } 2 { play "done" } 3 { play "done" } }'
    tree = tree_of(*[menu] * 8)
    assert tree.cut
    assert tree.paths == MAX_PATHS


@pytest.mark.parametrize("kind", ["fax detected -> other", "fax"])
def test_machines_and_people(kind: str) -> None:
    paths = taken(tree_of(kind, 'play "long"', declarations="scenario other { fax }\n"))
    assert ("a fax machine calls",) in paths
    assert ("a person calls",) in paths
