"""Random groups draw in proportion to their weights: a few thousand draws on a real Asterisk, tested by chi-squared."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from ivrc.testbed.ami import Ami, Event
from ivrc.testbed.sip import Phone
from ivrc.testbed.sip_xml import BUSY
from tests.live.lab import SETTINGS, Lab, MakeLab

pytestmark = pytest.mark.live

NAMES = ("anna", "boris", "vera", "gleb")
WEIGHTS = {"anna": 40, "boris": 10, "vera": 10, "gleb": 10}
OFFICE = (
    SETTINGS
    + "".join(f'employee {name} {{ sip "PJSIP/{name}" }}\n' for name in (*NAMES, "zoya"))
    # The product page's example: the first is about four times as likely as any other one.
    + "group sales random { anna 40%  boris 10%  vera 10%  gleb 10%  zoya 0% }\n"
    + 'number "+7 495 000-00-01" -> main\n'
    + "scenario main { call group sales for 5s }\n"
)
DRAWS = 3000
AT_ONCE = 20
# The quantile of chi-squared that chance alone exceeds once in a million runs, by degrees of freedom.
CHI_SQUARED = {3: 30.66, 2: 27.63}


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    return make_lab(OFFICE, phones=[*NAMES, "zoya"])


async def draw_orders(port: int) -> list[tuple[str, ...]]:
    """The order in which each of DRAWS calls rang the phones, which are all busy."""
    orders: dict[str, list[str]] = {}
    over: dict[str, asyncio.Event] = {}

    def hear(event: Event) -> None:
        if event["Event"] == "DialBegin" and event["DestChannel"].startswith("PJSIP/"):
            orders.setdefault(event["Linkedid"], []).append(event["DestChannel"][6:].rpartition("-")[0])
        elif event["Event"] == "Hangup" and event["Uniqueid"] in over:
            over[event["Uniqueid"]].set()

    async with Ami(port, keep=False) as ami:
        await ami.action("Filter", Operation="Add", Filter="Event: (DialBegin|Hangup)")
        ami.watchers.append(hear)
        left = iter(range(DRAWS))

        async def caller() -> None:
            for index in left:
                identity = f"draw-{index:04}"  # none is what another begins with
                ended = over[f"{identity}-2"] = asyncio.Event()
                await ami.originate_local("+74950000001", "ivrc-incoming", far=("Milliwatt", ""), identity=identity)
                await asyncio.wait_for(ended.wait(), 60)

        await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
        await asyncio.sleep(0.3)
    return [tuple(order) for order in orders.values()]


def chi_squared(observed: Counter[str], weights: dict[str, int]) -> float:
    total, drawn = sum(weights.values()), sum(observed.values())
    return sum((observed[n] - drawn * w / total) ** 2 / (drawn * w / total) for n, w in weights.items())


def test_first_and_second_rings_follow_the_weights(lab: Lab) -> None:
    phones = [Phone(lab.asterisk, name, BUSY) for name in (*NAMES, "zoya")]
    for phone in phones:
        phone.__enter__()
    try:
        orders = asyncio.run(draw_orders(lab.asterisk.ami_port))
    finally:
        for phone in phones:
            phone.__exit__()
    assert len(orders) == DRAWS
    for order in orders:
        assert sorted(order) == sorted((*NAMES, "zoya")), "everyone rings once"
        assert order[-1] == "zoya", "a weight of 0 rings last of all"
    first = Counter(order[0] for order in orders)
    assert chi_squared(first, WEIGHTS) < CHI_SQUARED[3], first
    for leader in NAMES:
        second = Counter(order[1] for order in orders if order[0] == leader)
        left = {name: weight for name, weight in WEIGHTS.items() if name != leader}
        assert chi_squared(second, left) < CHI_SQUARED[2], (leader, second)
