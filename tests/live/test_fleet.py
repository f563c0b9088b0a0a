"""Two real Asterisks behind a real Kamailio, one of them by SSH: a deploy is on both or on none, and calls go on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from click.testing import CliRunner

from ivrc.cli import main
from ivrc.deploy import ssh
from ivrc.deploy.errors import DeployError
from ivrc.testbed.fetch import is_fetched
from ivrc.testbed.sip import CallResult
from tests.live.fleet_lab import NUMBER, Fleet, at
from tests.live.lab import SETTINGS

pytestmark = pytest.mark.live
ONE, TWO = "vm-goodbye", "demo-thanks"


def source(sound: str) -> str:
    return SETTINGS + f'number "{NUMBER}" -> main\nscenario main {{ play "asterisk:{sound}" }}\n'


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    if not is_fetched("22") and os.environ.get("IVRC_LIVE") != "1":
        pytest.skip("Asterisk 22 is not fetched: python -m ivrc.testbed.fetch 22")
    with ExitStack() as stack:
        yield Fleet(stack, tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def first(fleet: Fleet) -> dict[str, str]:
    """The first plan is active on both; where calls begin."""
    fleet.deploy(fleet.release(source(ONE)))
    return fleet.leads_to()


def test_both_nodes_have_the_same_plan_byte_for_byte(fleet: Fleet, first: dict[str, str]) -> None:
    assert first["east"] == first["west"] != ""
    trees = []
    for lab in fleet.labs.values():
        parts = lab.root / "parts"
        trees.append({str(p.relative_to(parts)): p.read_bytes() for p in parts.rglob("*") if p.is_file()})
    assert trees[0] == trees[1] != {}
    assert fleet.verify() == {"east": [], "west": []}
    shown = [lab.asterisk.cli("dialplan show ivrc-incoming") for lab in fleet.labs.values()]
    assert shown[0] == shown[1]


def test_calls_are_shared_out_and_both_nodes_take_them(fleet: Fleet, first: dict[str, str]) -> None:
    before = {name: len(each) for name, each in fleet.heard().items()}
    results = [fleet.call() for _ in range(4)]
    assert all(each.ok for each in results), results[0].transcript
    for name, heard in fleet.heard().items():
        assert [each[:1] for each in heard[before[name] :]] == [[ONE], [ONE]], name


# A place of each kind in the order of a deploy; the second of the two nodes to come there fails.
PLACES = [
    "before a part is written",
    "load: after the set is active",
    "load: after Asterisk has read",
    "after the new parts are verified",
    "activate: after the set is active",
    "activate: after Asterisk has read",
    "after the entries are verified",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_fault_on_one_node_puts_both_back(fleet: Fleet, first: dict[str, str], place: str) -> None:
    def fail() -> None:
        raise DeployError(f"a fault {place}")

    other = fleet.release(source(TWO) + f"# {place}\nscenario s{PLACES.index(place)} {{ hangup }}\n")
    with at(place, fail, 2), pytest.raises(DeployError, match="a fault"):
        fleet.deploy(other)
    assert fleet.leads_to() == first
    assert fleet.verify() == {"east": [], "west": []}


def test_one_dies_in_the_middle_of_a_deploy_and_calls_go_on(fleet: Fleet, first: dict[str, str]) -> None:
    west, stop = fleet.labs["west"].asterisk, threading.Event()
    results: list[tuple[float, CallResult]] = []
    died: list[float] = []

    def place_calls() -> None:
        while not stop.is_set():
            began = time.time()
            results.append((began, fleet.call()))

    def die() -> None:
        os.kill(west.pid, signal.SIGKILL)
        # Whoever calls before it is really gone may still be taken by it.
        os.waitid(os.P_PID, west.pid, os.WEXITED | os.WNOWAIT)
        died.append(time.time())

    calling = [threading.Thread(target=place_calls) for _ in range(2)]
    for each in calling:
        each.start()
    try:
        time.sleep(2)
        with at("activate: after the set is active", die, 2), pytest.raises(DeployError) as fault:
            fleet.deploy(fleet.release(source(TWO)))
        limit = time.monotonic() + 30
        while len([began for began, _ in results if began > died[0]]) < 4:
            assert time.monotonic() < limit, "no calls any more"
            time.sleep(0.1)
    finally:
        stop.set()
        for each in calling:
            each.join()
    assert "west" in str(fault.value)
    assert "Asterisk holds the old plan or the new one, whole" in str(fault.value)
    assert fleet.leads_to()["east"] == first["east"], "the one that lives has the old plan"
    after = [result for began, result in results if began > died[0]]
    lost = [each.transcript for each in after if not each.ok]
    assert not lost, "\n".join([*lost, fleet.proxy.log()[-3000:]])
    # On the dead node were calls that nobody can save; no other was lost.
    assert len([result for began, result in results if not result.ok and began <= died[0]]) <= 2

    told = CliRunner().invoke(main, ["deploy", "status", "--config", str(fleet.config)])
    assert told.exit_code == 1
    assert "active" in told.stdout.partition("west:")[0]
    assert "Asterisk's manager" in told.stdout.partition("west:")[2]
    with pytest.raises(DeployError, match="west: "):
        fleet.deploy(fleet.release(source(TWO)))
    assert fleet.leads_to()["east"] == first["east"], "on all or on none"

    west.start()
    assert fleet.leads_to() == first, "it came up with the old plan"
    fleet.deploy(fleet.release(source(TWO)))
    assert fleet.verify() == {"east": [], "west": []}
    fleet.watch("west")
    # Kamailio asks each second who is there.
    time.sleep(2.5)
    count = len(fleet.heard()["east"])
    assert all(fleet.call().ok for _ in range(4))
    assert [each[:1] for each in fleet.heard()["west"]] == [[TWO]] * 2
    assert [each[:1] for each in fleet.heard()["east"][count:]] == [[TWO]] * 2


def test_the_way_to_a_node_is_lost_in_the_middle_of_a_deploy(
    fleet: Fleet, first: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSH is gone, Asterisk is not: that node has the old plan or the new one, whole, and its calls go on."""
    monkeypatch.setattr(ssh, "RENEW", 0.5)
    monkeypatch.setattr(ssh, "LEASE", 3.0)
    with at("activate: after the set is active", fleet.ssh.stop, 2), pytest.raises(DeployError) as fault:
        fleet.deploy(fleet.release(source(TWO)))
    assert "west: its files could not be put back" in str(fault.value)
    assert fleet.leads_to()["east"] == first["east"]
    assert fleet.verify(["east"]) == {"east": []}
    assert all(fleet.call().ok for _ in range(2))
    with pytest.raises(DeployError, match=r"west: .*no SSH connection"):
        fleet.deploy(fleet.release(source(TWO)))
    fleet.ssh.start()
    # The lock of the deploy that was cut off is taken over.
    fleet.deploy(fleet.release(source(TWO)))
    assert fleet.verify() == {"east": [], "west": []}
    assert len(set(fleet.leads_to().values())) == 1


def test_rolling_stops_at_the_first_bad_node(fleet: Fleet, first: dict[str, str]) -> None:
    def fail() -> None:
        raise DeployError("a fault")

    with at("after the new parts are verified", fail, 2), pytest.raises(DeployError) as fault:
        fleet.deploy(fleet.release(source(TWO)), rolling=True)
    assert str(fault.value).startswith("west: a fault")
    assert "the new plan is active on east" in str(fault.value)
    now = fleet.leads_to()
    assert now["west"] == first["west"] != now["east"]
    told = CliRunner().invoke(main, ["deploy", "status", "--config", str(fleet.config)])
    assert "the nodes have not all the same plan" in told.stderr
    with at("after the new parts are verified", fail, 1), pytest.raises(DeployError, match="not touched: west"):
        fleet.deploy(fleet.release(source("beep")), rolling=True)
    assert fleet.leads_to() == now
    fleet.deploy(fleet.release(source(TWO)), rolling=True)
    assert len(set(fleet.leads_to().values())) == 1


def test_the_commands(fleet: Fleet, first: dict[str, str]) -> None:
    """A dry run in the words of the source, a deploy, status, verify, log, rollback: all nodes at once, or one."""

    def ivrc(*words: str) -> str:
        result = CliRunner().invoke(main, [*words, "--config", str(fleet.config)])
        assert result.exit_code == 0, result.output
        return result.stdout

    office = fleet.folder / "office"
    office.mkdir(exist_ok=True)
    for sound in (ONE, TWO):
        # A plan that was not active before: with its sources.
        (office / "lab.ivr").write_text(source(sound) + "scenario more { hangup }\n")
        if sound == ONE:
            ivrc("deploy", str(office))
    dry = ivrc("deploy", str(office), "--dry-run")
    assert dry.startswith("east, west:\n")
    assert f'now       play "asterisk:{TWO}"' in dry
    assert f'before    play "asterisk:{ONE}"' in dry
    assert "east: generation" in ivrc("deploy", str(office), "--note", "both")
    assert "nothing would change" in ivrc("deploy", str(office), "--dry-run", "--node", "west")
    assert ivrc("deploy", "status").count(" active ") == 2
    assert ivrc("deploy", "verify").count("Asterisk holds what was deployed") == 2
    ivrc("rollback", "--node", "west")
    assert len(set(fleet.leads_to().values())) == 2
    ivrc("rollback")
    assert "west" in ivrc("deploy", "log", "--limit", "4")
