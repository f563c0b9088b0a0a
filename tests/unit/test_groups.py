"""Groups: who rings, in which turn, with which weight."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ivrc import model as m
from ivrc.semantics.people import MAX_DRAWN
from tests.support import OFFICE, Outcome, codes_of, compile_apart, compile_text, dialplan_of, lines_of, office_of


def shape(plan: m.RingPlan) -> Any:
    """A plan as plain data: a name or number, {…} together, […] in order, ((weight, …), …) drawn."""
    match plan:
        case m.Together((target,)):
            return target.employee.name if isinstance(target, m.Desk) else target.number + "!" * target.confirm
        case m.Together(targets):
            return {shape(m.Together((target,))) for target in targets}
        case m.InOrder(turns):
            return [shape(turn) for turn in turns]
        case m.Drawn(turns):
            return tuple((weight, shape(turn)) for weight, turn in turns)


def plan_of(declarations: str, name: str = "g") -> Any:
    """The plan of a group of OFFICE."""
    office = office_of(OFFICE + declarations)
    return shape(next(group.plan for group in office.groups if group.name == name))


@pytest.mark.parametrize(
    ("declarations", "plan"),
    [
        ("group g at once { anna boris }", {"anna", "boris"}),
        ("group g in order { vera, anna }", ["vera", "anna"]),
        ("group g random { anna boris }", ((1, "anna"), (1, "boris"))),
        ('group g in order { anna "8 812 765-43-21" }', ["anna", "+78127654321"]),
        ('group g in order { anna mobile "+7 812 765-43-21" confirm }', ["+79160000001", "+78127654321!"]),
        ("group g in order { anna anna mobile }", ["anna", "+79160000001"]),
    ],
)
def test_strategies(declarations: str, plan: Any) -> None:
    assert plan_of(declarations) == plan


@pytest.mark.parametrize(
    ("declarations", "plan"),
    [
        ("group g in order { anna boris anna }", ["anna", "boris"]),
        ("group g at once { anna anna boris boris }", {"anna", "boris"}),
        ('group g in order { "+7 812 765-43-21" "8 (812) 765 43 21" anna }', ["+78127654321", "anna"]),
        ('group g in order { anna mobile "+7 916 000-00-01" }', ["+79160000001"]),
        (
            "group g in order { a b } group a in order { anna boris } group b in order { boris vera }",
            [["anna", "boris"], ["vera"]],
        ),
        ("group g in order { anna a } group a at once { anna boris }", ["anna", "boris"]),
    ],
)
def test_who_is_there_twice_rings_once(declarations: str, plan: Any) -> None:
    assert plan_of(declarations) == plan


PAIR = "group pair at once { anna boris } group line in order { vera gleb } group draw random { vera 70% gleb 30% }\n"


@pytest.mark.parametrize(
    ("group", "plan"),
    [
        ("group g in order { pair vera }", [{"anna", "boris"}, "vera"]),
        ("group g in order { line pair }", [["vera", "gleb"], {"anna", "boris"}]),
        ("group g in order { anna draw }", ["anna", ((70, "vera"), (30, "gleb"))]),
        ("group g at once { pair line }", {"anna", "boris", "vera", "gleb"}),
        ("group g at once { draw anna }", {"anna", "vera", "gleb"}),
        ("group g random { pair 60% line 40% }", ((60, {"anna", "boris"}), (40, ["vera", "gleb"]))),
        ("group g random { draw anna }", ((1, ((70, "vera"), (30, "gleb"))), (1, "anna"))),
    ],
)
def test_groups_in_groups_keep_their_strategy(group: str, plan: Any) -> None:
    assert plan_of(PAIR + group) == plan


@pytest.mark.parametrize(
    ("members", "proportions"),
    [
        ("anna 40% boris 20% vera 20% gleb 20%", (2, 1, 1, 1)),
        ("anna 33.3% boris 33.3% vera 33.4%", (333, 333, 334)),
        ("anna 0.5% boris 99.5%", (1, 199)),
        ("anna 0% boris 100%", (0, 1)),
        ("anna 12.25% boris 87.75%", (49, 351)),
        ("anna boris vera", (1, 1, 1)),
    ],
)
def test_weights_are_in_the_proportion_written(members: str, proportions: tuple[int, ...]) -> None:
    weights = [weight for weight, _ in plan_of(f"group g random {{ {members} }}")]
    assert all(isinstance(weight, int) for weight in weights)
    total, wanted = sum(weights), sum(proportions)
    assert [weight * wanted for weight in weights] == [part * total for part in proportions]


@pytest.mark.parametrize(
    "share",
    ["33.33333333", "0.000000000001", "99999999999", "9" * 5000, "0." + "3" * 5000],
    ids=lambda share: share[:14],
)
def test_sum_of_the_weights_is_one_that_asterisk_can_draw_from(share: str) -> None:
    """RAND draws 32-bit integers: a share that takes more is an error, or is scaled."""
    outcome = compile_text(
        OFFICE + f"group g random {{ anna {share}% boris {share}% }}\nscenario main {{ call group g }}\n"
    )
    if outcome.compiled.files is not None:
        lines = lines_of(outcome.dialplan, "ivrc-acme.group-g")
        weights = [
            int(line.partition("=")[2].rstrip(")")) for line in lines if line.startswith("Set(LOCAL(IVRC_WEIGHT")
        ]
        assert len(weights) == 2
        assert sum(weights) < 2**31


def test_those_of_weight_zero_ring_last() -> None:
    dialplan = dialplan_of("call group g", declarations="group g random { anna 0% boris 50% vera 0% gleb 50% }\n")
    dials = [line for line in lines_of(dialplan, "ivrc-acme.group-g") if "Dial(" in line]
    assert [dial.partition("PJSIP/")[2].partition(",")[0] for dial in dials] == ["boris", "gleb", "anna", "vera"]


def test_sum_other_than_100_is_told_once() -> None:
    assert codes_of(
        OFFICE + "group g random { anna 10% boris 20% }\ngroup h in order { g }\ngroup i in order { g }"
    ) == ["IVR901"]


def test_sum_is_that_of_the_members_as_written_where_somebody_rings_already() -> None:
    """`draw` adds up to 100; that vera rang before does not change what was written."""
    assert codes_of(OFFICE + PAIR + "group g in order { vera draw }\n") == []


def test_group_of_which_only_the_weightless_are_left_is_fine() -> None:
    assert codes_of(OFFICE + "group draw random { vera 100% gleb 0% }\ngroup g in order { vera draw }\n") == []


def test_group_whose_members_all_ring_already_is_no_turn() -> None:
    declarations = PAIR + "group g in order { vera gleb draw line }\n"
    lines = lines_of(dialplan_of("call group g", declarations=declarations), "ivrc-acme.group-g")
    assert [line for line in lines if "$[]" in line or "RAND" in line] == []


def test_employee_without_a_desk_rings_on_the_mobile() -> None:
    assert plan_of('employee mara { mobile "+7 916 000-00-09" confirm }\ngroup g in order { mara anna }') == [
        "+79160000009!",
        "anna",
    ]


def test_employee_and_group_of_one_name_is_the_employee() -> None:
    assert plan_of("group anna in order { boris }\ngroup g in order { anna vera }") == ["anna", "vera"]


def test_long_chain_of_groups() -> None:
    chain = "".join(f"group g{i} in order {{ g{i + 1} }}\n" for i in range(1500))
    run = compile_apart(OFFICE + chain + "group g1500 in order { anna }\nscenario main { call group g0 }\n")
    assert "Traceback" not in run.stderr
    assert run.returncode in (0, 1)


def test_groups_that_double_at_each_level() -> None:
    """Thirty lines that would be a thousand million turns if each were spelt out."""
    levels = "".join(f"group g{i} in order {{ g{i + 1} g{i + 1} }}\n" for i in range(30))
    run = compile_apart(OFFICE + levels + "group g30 in order { anna }\nscenario main { call group g0 }\n", 5)
    assert "Traceback" not in run.stderr
    assert run.returncode in (0, 1)


@pytest.mark.parametrize("strategy", ["at once", "in order", "random"])
@pytest.mark.parametrize("size", [2, 150, 1000])
def test_groups_of_any_size_compile_or_are_refused(strategy: str, size: int) -> None:
    people = "".join(f'employee e{i} {{ sip "PJSIP/e{i}" }}\n' for i in range(size))
    members = " ".join(f"e{i}" for i in range(size))
    outcome = compile_text(people + f"group g {strategy} {{ {members} }}\nscenario main {{ call group g }}\n")
    assert set(outcome.codes) <= {"IVR414"}
    assert outcome.codes == [] or size > 100


def drawn(size: int, others: int = 0) -> Outcome:
    """A random group of some members as the last of many random groups in one group."""
    people = "".join(f'employee e{i} {{ sip "PJSIP/e{i}" }}\n' for i in range(size))
    small = "".join(f'employee s{i} {{ sip "PJSIP/s{i}" }}\ngroup g{i} random {{ s{i} }}\n' for i in range(others))
    parts = " ".join(f"g{i}" for i in range(others))
    large = f"group large random {{ {' '.join(f'e{i}' for i in range(size))} }}\n"
    return compile_text(people + small + large + f"group top in order {{ {parts} large }}\n")


@pytest.mark.parametrize("others", [0, 1, 120])
def test_draw_of_the_largest_group_is_an_expression_that_asterisk_takes_whole(others: int) -> None:
    """Asterisk cuts an expression at 4,095 bytes: the sum of all weights is the longest."""
    outcome = drawn(MAX_DRAWN, others)
    assert outcome.codes == []
    expressions = re.findall(r"\$\[[^\[\]]*\]", outcome.dialplan)
    longest = max(expressions, key=len)
    suffix = f"_{others + 1}" if others else ""
    assert longest.endswith(f"${{IVRC_WEIGHT{suffix}_{MAX_DRAWN}}}]")
    # As long as it can get: with the number of a hundred thousandth random group in each name.
    assert len(longest.encode()) + MAX_DRAWN * (len("_99999") - len(suffix)) < 4000


def test_random_group_of_one_member_more_is_refused() -> None:
    outcome = drawn(MAX_DRAWN + 1)
    assert outcome.codes == ["IVR414"]
    assert outcome.messages == [f"a group that rings at random has up to {MAX_DRAWN} members, this one {MAX_DRAWN + 1}"]
