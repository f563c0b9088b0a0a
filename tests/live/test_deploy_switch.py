"""How fast new calls take a new generation, with calls coming in all the while."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from ivrc.deploy import failpoints
from ivrc.testbed.ami import Event
from ivrc.testbed.watch import Watch
from tests.live.deploy_lab import DeployLab, deploy_lab
from tests.live.lab import SETTINGS

pytestmark = pytest.mark.live
NUMBER, RATE, DEPLOYS = "+74950000001", 25, 4
LINK, READ = "activate: after the set is active", "activate: after Asterisk has read"


def source(version: int) -> str:
    more = "".join(f"scenario s{index} {{ branch {{ 1 {{ hangup }} }} }}\n" for index in range(300))
    return f'{SETTINGS} number "{NUMBER}" -> main  scenario main {{ play "asterisk:digits/{version}" }}\n{more}'


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployLab]:
    with deploy_lab(tmp_path_factory.mktemp("switch")) as lab:
        yield lab


@contextmanager
def coming_in(watch: Watch) -> Iterator[list[str]]:
    """Calls at a fixed rate; their identities."""
    placed: list[str] = []
    over = threading.Event()

    def place() -> None:
        began = time.monotonic()
        for index in itertools.count():
            if over.wait(max(0.0, began + index / RATE - time.monotonic())):
                return
            identity = f"flow-{index}"
            watch.run(watch.ami.originate_local(NUMBER, "ivrc-incoming", identity=identity))
            placed.append(identity)

    placing = threading.Thread(target=place)
    placing.start()
    try:
        yield placed
    finally:
        over.set()
        placing.join()


@contextmanager
def moments() -> Iterator[dict[str, float]]:
    """When a deploy passed each place."""
    passed: dict[str, float] = {}
    failpoints.hook = lambda place: passed.__setitem__(place, time.time())
    try:
        yield passed
    finally:
        failpoints.hook = None


def hung_up(identity: str, event: Event) -> bool:
    return event.get("Event") == "Hangup" and event["Uniqueid"] == identity


def test_new_calls_take_the_new_generation_within_a_second(lab: DeployLab) -> None:
    lab.deploy(source(0))
    releases = [lab.compiled(source(version)) for version in range(1, DEPLOYS + 1)]
    switched = []
    with Watch(lab.asterisk) as watch:
        with coming_in(watch) as placed:
            for release in releases:
                time.sleep(1.5)
                with moments() as passed:
                    lab.deploy(release)
                switched.append((passed[LINK], passed[READ], time.time()))
            time.sleep(1.5)
        for identity in placed:
            watch.wait_event(partial(hung_up, identity))
        events = watch.events
    came: dict[str, float] = {}
    told: dict[str, list[str]] = {identity: [] for identity in placed}
    marks: dict[str, set[str]] = {identity: set() for identity in placed}
    for event in events:
        call = event.get("Uniqueid", "").removesuffix("-2")
        if event.get("Event") == "Newexten" and call in told:
            came.setdefault(call, float(event["Timestamp"]))
            marks[call] |= set(re.findall(r"~([a-z2-7]{8})", event["Context"])) - {""}
            if event["Application"] == "Playback":
                told[call].append(event["AppData"])
    assert len(placed) >= RATE * (DEPLOYS + 1)
    # Every call was led into one generation, and heard what that one plays.
    assert all(len(each) == 1 for each in told.values()), told
    version = {call: int(each[0][-1]) for call, each in told.items()}
    mark_of = {release.active["lab"]: number for number, release in enumerate(releases, 1)}
    assert all(mark_of.get(mark, version[call]) == version[call] for call, each in marks.items() for mark in each)
    for number, (link, read, end) in enumerate(switched, 1):
        last_old = max(at for call, at in came.items() if version[call] < number)
        first_new = min(at for call, at in came.items() if version[call] >= number)
        print(f"link {link - end:+.3f}  read {read - end:+.3f}  last old {last_old - link:+.3f}  "
              f"first new {first_new - link:+.3f} s after the link")  # fmt: skip
        assert link < first_new < link + 1.0
        assert last_old < link + 1.0
        assert last_old < end, "once a deploy says that it is active, no call takes the old plan"
