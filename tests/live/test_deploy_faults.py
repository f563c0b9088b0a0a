"""A deploy killed, failed or cut off anywhere: the old plan or the new one is whole, and the next deploy repairs."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from ivrc.deploy import failpoints
from ivrc.deploy.errors import Busy, DeployError, FolderError
from ivrc.deploy.node import Target
from ivrc.deploy.release import Release
from ivrc.deploy.rollout import deploy, nodes, rollback
from ivrc.testbed.fetch import is_fetched
from tests.dialplan import Dialplan
from tests.live.deploy_lab import DeployLab
from tests.live.lab import SETTINGS, tone
from tests.live.relay import Relay
from tests.live.test_safety import loaded

pytestmark = pytest.mark.live

NUMBERS = ("+74950000001", "+74950000002")


def source(version: int) -> str:
    told = "".join(f' play "asterisk:digits/{digit}"' for digit in f"{version:03}")
    return f"""{SETTINGS}
        employee anna {{ extension 101 sip "PJSIP/anna" }}
        employee boris {{ extension 102 sip "PJSIP/boris" }}
        number "{NUMBERS[0]}" -> main
        number "{NUMBERS[1]}" -> menu
        scenario main {{ {told} call employee anna  reach anyone for 20s  voicemail to anna }}
        scenario menu {{ play "music" branch {{ 1 {{ {told} }} {3 + version % 2} -> main }} }}
    """


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployLab]:
    if not is_fetched("22"):
        pytest.skip("Asterisk 22 is not fetched: python -m ivrc.testbed.fetch 22")
    with ExitStack() as stack:
        yield DeployLab(stack, tmp_path_factory.mktemp("faults"), phones=["anna", "boris"])


class Versions:
    """Versions of the office, each once: the last that was deployed, and the next."""

    def __init__(self, lab: DeployLab) -> None:
        self.lab = lab
        self.number = 0
        self.deployed: Release | None = None
        self.known: dict[str, Release] = {}

    def next(self) -> Release:
        self.number += 1
        tone(self.lab.folder / "source/prompts/music.wav", 0.2 + 0.001 * self.number)
        release = self.lab.compiled(source(self.number))
        self.known[release.active["lab"]] = release
        return release

    def deploy(self, target: Target | None = None) -> Release:
        self.deployed = self.next()
        self.lab.deploy(self.deployed, target)
        return self.deployed

    def is_whole(self) -> str:
        """The mark of the version that new calls take: all of it is there, and nothing else takes calls."""
        shown = self.lab.shown()
        lines = loaded(shown)
        marks = {mark for key, what in lines.items() if "~" not in key[0] for mark in _marks(what)}
        assert len(marks) == 1, marks
        mark = marks.pop()
        release = self.known[mark]
        text = b"".join(
            b"".join(content)
            for part in release.parts
            for name, content in part.files.items()
            if name in ("extensions.conf", "entries.conf")
        ).decode()
        wanted = {
            (context, exten, line.priority): f"{line.app}({line.args})"
            for context, one in Dialplan(text).contexts.items()
            for exten, all_ in one.extensions.items()
            for line in all_
        }
        assert wanted.items() <= lines.items(), wanted.items() - lines.items()
        others = [key for key in lines.keys() - wanted.keys() if key[0].startswith("ivrc") and "~" not in key[0]]
        assert others == []
        return mark

    def is_whole_now_and_after_a_reload(self) -> str:
        """What Asterisk holds, and what it would hold if it began now."""
        mark = self.is_whole()
        self.lab.asterisk.cli("dialplan reload")
        self.is_whole()
        return mark

    def is_repaired(self) -> None:
        """By the next deploy: verified, and without leftovers."""
        release = self.deploy()
        assert self.is_whole() == release.active["lab"]
        assert asyncio.run(differences(self.lab.target)) == []
        left = [path for path in self.lab.root.rglob("*") if path.name.startswith(".part-")]
        left += list((self.lab.asterisk.rundir / "data/sounds").rglob(".part-*"))
        assert left == []
        assert len(list((self.lab.root / "sets").iterdir())) == 1


def _marks(what: str) -> set[str]:
    return set(re.findall(r"ivrc~([a-z2-7]{8})-lab", what))


async def differences(target: Target) -> list[str]:
    async with nodes([target]) as (node,):
        return await node.verify()


@pytest.fixture(scope="module")
def versions(lab: DeployLab) -> Versions:
    versions = Versions(lab)
    versions.deploy()
    return versions


def forked(work: Callable[[], object]) -> int:
    """Run it in a process of its own; how that ended: an exit code, or minus a signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except DeployError:
            os._exit(1)
        except BaseException:
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


PLACES = (
    "with the lock",
    "before prompts are written",
    "before a prompt is written",
    "before parts are written",
    "before a part is written",
    "while a folder is written",
    "after parts are written",
    "after parts are on the disk",
    "load: before the set is written",
    "load: before the set is active",
    "before a link is renamed",
    "load: after the set is active",
    "load: before Asterisk reads voicemail.conf",
    "load: before Asterisk reads queues.conf",
    "load: before Asterisk reads extensions.conf",
    "load: after Asterisk has read",
    "before the new parts are verified",
    "after the new parts are verified",
    "after the generation is written",
    "activate: before the set is written",
    "activate: before the set is active",
    "activate: after the set is active",
    "activate: before Asterisk reads extensions.conf",
    "activate: after Asterisk has read",
    "before the entries are verified",
    "after the entries are verified",
    "before the log is written",
    "at the end",
)


def at(place: str, do: Callable[[], object], times: int = 1) -> Callable[[str], None]:
    """A hook that does something when a deploy passes a place for the first (second …) time."""
    left = [times]

    def hook(passed: str) -> None:
        if passed == place:
            left[0] -= 1
            if left[0] == 0:
                do()

    return hook


@pytest.fixture(autouse=True)
def no_hook() -> Iterator[None]:
    yield
    failpoints.hook = None


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def failed() -> None:
    raise FolderError("no space left on device")


@pytest.mark.parametrize("place", PLACES)
def test_killed(lab: DeployLab, versions: Versions, place: str) -> None:
    before = versions.is_whole()
    wanted = versions.next()
    failpoints.hook = at(place, killed)
    assert forked(lambda: lab.deploy(wanted)) == -signal.SIGKILL
    failpoints.hook = None
    now = versions.is_whole_now_and_after_a_reload()
    assert now in (before, wanted.active["lab"])
    versions.is_repaired()


@pytest.mark.parametrize("place", PLACES)
def test_failed(lab: DeployLab, versions: Versions, place: str) -> None:
    before = versions.is_whole()
    wanted = versions.next()
    failpoints.hook = at(place, failed)
    with pytest.raises(DeployError, match="no space left"):
        lab.deploy(wanted)
    failpoints.hook = None
    now = versions.is_whole_now_and_after_a_reload()
    is_after = place in PLACES[PLACES.index("before the log is written") :]
    assert now == (wanted.active["lab"] if is_after else before)
    versions.is_repaired()


@pytest.mark.parametrize("times", [2, 3, 4])
def test_killed_at_a_later_link_or_part(lab: DeployLab, versions: Versions, times: int) -> None:
    before = versions.is_whole()
    wanted = versions.next()
    failpoints.hook = at("before a link is renamed", killed, times)
    assert forked(lambda: lab.deploy(wanted)) in (-signal.SIGKILL, 0)
    failpoints.hook = None
    assert versions.is_whole_now_and_after_a_reload() in (before, wanted.active["lab"])
    versions.is_repaired()


@pytest.mark.parametrize(
    "place",
    ["load: after the set is active", "activate: before the set is active", "activate: after the set is active"],
)
def test_killed_and_then_rolled_back(lab: DeployLab, versions: Versions, place: str) -> None:
    before = versions.is_whole()
    wanted = versions.next()
    failpoints.hook = at(place, killed)
    assert forked(lambda: lab.deploy(wanted)) == -signal.SIGKILL
    failpoints.hook = None
    asyncio.run(rollback([lab.target]))
    assert versions.is_whole_now_and_after_a_reload() in versions.known
    assert asyncio.run(differences(lab.target)) == []
    assert before in versions.known
    versions.is_repaired()


@pytest.mark.parametrize("size", [100, 700, 3000])
def test_disk_that_takes_no_more(lab: DeployLab, versions: Versions, size: int) -> None:
    """A file that may not grow beyond a size: the kernel refuses to write in the middle of it."""
    before = versions.is_whole()
    wanted = versions.next()

    def deploy_it() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        lab.deploy(wanted)

    assert forked(deploy_it) == 1
    assert versions.is_whole_now_and_after_a_reload() == before
    versions.is_repaired()


@pytest.mark.parametrize(
    ("place", "comes_back"),
    [
        ("before prompts are written", False),
        ("load: after the set is active", True),
        ("load: before Asterisk reads extensions.conf", False),
        ("before the new parts are verified", True),
        ("activate: before Asterisk reads extensions.conf", False),
        ("before the entries are verified", True),
        ("before the entries are verified", False),
    ],
)
def test_manager_is_lost(
    lab: DeployLab, versions: Versions, monkeypatch: pytest.MonkeyPatch, place: str, comes_back: bool
) -> None:
    monkeypatch.setattr("ivrc.deploy.node._AGAIN_SECONDS", 3.0)
    before = versions.is_whole()
    wanted = versions.next()
    relay = Relay(lab.asterisk.ami_port)

    def cut() -> None:
        relay.cut()
        relay.open = comes_back

    try:
        target = lab.target._replace(manager=lab.target.manager._replace(port=relay.port))
        failpoints.hook = at(place, cut)
        with pytest.raises(DeployError) as caught:
            lab.deploy(wanted, target)
        failpoints.hook = None
    finally:
        relay.close()
    now = versions.is_whole()
    if comes_back or not place.startswith(("before the entries", "activate")):
        assert now == before
    else:
        assert "Asterisk holds the old plan or the new one, whole" in str(caught.value)
        assert now in (before, wanted.active["lab"])
    assert versions.is_whole_now_and_after_a_reload() in (before, wanted.active["lab"])
    versions.is_repaired()


@pytest.mark.parametrize(
    "place",
    [
        "load: after the set is active",
        "before the new parts are verified",
        "activate: after the set is active",
        "before the entries are verified",
    ],
)
def test_asterisk_is_restarted_in_between(lab: DeployLab, versions: Versions, place: str) -> None:
    before = versions.is_whole()
    wanted = versions.next()
    seen = []

    def restart() -> None:
        lab.asterisk.stop()
        lab.asterisk.start()
        seen.append(versions.is_whole())

    failpoints.hook = at(place, restart)
    with pytest.raises(DeployError, match="as it was before"):
        lab.deploy(wanted)
    failpoints.hook = None
    assert seen[0] in (before, wanted.active["lab"])
    assert versions.is_whole_now_and_after_a_reload() == before
    versions.is_repaired()


def test_two_deploys_at_once(lab: DeployLab, versions: Versions) -> None:
    release, other = versions.next(), versions.next()
    child = os.fork()
    if child == 0:
        failpoints.hook = at("after the new parts are verified", lambda: time.sleep(60))
        with suppress(BaseException):
            lab.deploy(release)
        os._exit(0)
    try:
        end = time.monotonic() + 20
        while f"~{release.active['lab']}-" not in lab.shown():
            assert time.monotonic() < end
            time.sleep(0.1)
        with pytest.raises(Busy, match="is deploying to"):
            lab.deploy(other)
        waiting = threading.Timer(0.7, lambda: os.kill(child, signal.SIGKILL))
        waiting.start()
        assert asyncio.run(deploy([lab.target], other, wait=20.0))[0].changed
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert versions.is_whole() == other.active["lab"]
    versions.is_repaired()
