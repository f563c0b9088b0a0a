"""Random programs and random calls: the simulator never fails, always ends, and tells time in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ivrc.simulate import Call, Prepared, run
from ivrc.simulate.call import Answer, FaxMachine, Message, Press, State, Turn
from ivrc.simulate.explore import explore
from tests.strategies import NAMES, programs
from tests.support import examples, office_of

NUMBERS = ["+78127654321", "+4930123456", *(f"+7916000000{digit}" for digit in range(10))]
times = st.integers(0, 100_000)
states = st.builds(
    State,
    kind=st.sampled_from(["answers", "silent", "refuses", "busy", "offline"]),
    after=st.integers(0, 40_000),
    accepts=st.none() | st.integers(0, 20_000),
    free_at=st.none() | times,
)
presses = st.builds(
    Press,
    keys=st.text("0123456789*#", min_size=1, max_size=5),
    offset=st.integers(0, 60_000),
    place=st.sampled_from([None, "branch", "wait", "asterisk:beep"]),
)
turns = st.builds(
    Turn,
    employee=st.none() | st.sampled_from(NAMES),
    desk=st.sampled_from(["free", "waiting", "pass", "any", "no"]),
    mobiles=st.lists(st.sampled_from(NUMBERS), max_size=3, unique=True).map(tuple),
)
calls = st.builds(
    Call,
    to=st.just("+74950000000"),
    caller=st.none() | st.sampled_from(["+79161234567", "89161234567", "4951234567", "anonymous"]),
    hidden=st.booleans(),
    at=st.integers(0, 300_000_000).map(lambda value: datetime(2025, 6, 1, tzinfo=UTC) + timedelta(seconds=value)),
    presses=st.lists(presses, max_size=6).map(tuple),
    states=st.dictionaries(st.sampled_from([*NAMES, *NUMBERS]), states),
    others=states,
    switches=st.frozensets(st.sampled_from(["night", "ночь"])),
    crm=st.builds(
        Answer,
        why=st.sampled_from(["found", "unknown", "down"]),
        turns=st.lists(turns, max_size=2).map(tuple),
        after=st.integers(0, 4000),
    ),
    message=st.builds(Message, length=times, ends=st.sampled_from(["hangs up", "hash", "silence"])),
    fax=st.none()
    | st.builds(FaxMachine, pages=st.integers(1, 9), length=times, leaves=st.none() | times, begins=times, tone=times),
    hangs_up=st.none() | times,
    talk=times,
    talk_ends=st.sampled_from(["caller", "answerer"]),
    seed=st.integers(0, 9),
)


# What random programs leave out, put before each of their `hangup`s.
left = st.sampled_from(
    ["", "voicemail\n", "voicemail for 20s\n", "fax\n", "record calls\n", "fax detected -> machines\n"]
)


def with_more(program: str, steps: str) -> str:
    return program.replace("\nhangup\n", f"\n{steps}hangup\n") + "scenario machines { fax voicemail }\n"


@examples(150)
@given(program=st.builds(with_more, programs(), left), made=st.lists(calls, min_size=1, max_size=8))
def test_any_call_to_any_program(program: str, made: list[Call]) -> None:
    office = Prepared(office_of(program))
    for call in made:
        journey = run(office, call)
        times_ = [event.at for event in journey.events]
        assert times_ == sorted(times_)
        end = journey.ended.at
        assert all(event.at <= getattr(event, "until", event.at) <= end for event in journey.events)
        assert len(journey.events) < 20_000
        if call.hangs_up is not None:
            assert end <= call.hangs_up
        assert run(office, call) == journey, "the same call is the same journey"


@examples(40)
@given(program=programs())
def test_all_branches_of_any_program(program: str) -> None:
    tree = explore(Prepared(office_of(program)), Call("+74950000000", at=datetime(2026, 1, 1, tzinfo=UTC)))
    leaves = tree.leaves()
    assert len(leaves) == tree.paths
    assert len({path for path, _, _ in leaves}) == len(leaves)
    assert all(0 < chance <= 1 for _, chance, _ in leaves)
