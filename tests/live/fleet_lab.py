"""Two Asterisks that ivrc deploys to as one: `east` in a folder here, `west` by SSH; Kamailio in front of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ivrc.deploy import failpoints, rollout
from ivrc.deploy.node import Target
from ivrc.deploy.release import Release
from ivrc.deploy.rollout import Outcome, nodes
from ivrc.deploy.settings import chosen, load, opened
from ivrc.testbed.kamailio import Kamailio
from ivrc.testbed.sip import Caller, CallResult
from ivrc.testbed.sip_xml import expect_answer, wait_hangup
from ivrc.testbed.sshd import SshServer
from ivrc.testbed.watch import Watch
from tests.live.deploy_lab import SECRET, DeployLab

NUMBER = "+74951234567"


class Fleet:
    """Both nodes, the settings of the deploy, and the proxy."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.folder = folder
        self.labs = {name: DeployLab(stack, folder / name) for name in ("east", "west")}
        self.ssh = stack.enter_context(SshServer(folder / "ssh"))
        self.proxy = stack.enter_context(Kamailio(folder / "kamailio", [self.sip_port("east"), self.sip_port("west")]))
        self.watches: dict[str, Watch] = {}
        stack.callback(self._stop_watching)
        for name in self.labs:
            self.watch(name)
        (folder / "secret").write_text(SECRET)
        self.config = folder / "ivrc.toml"
        self.config.write_text(self._settings())

    def watch(self, name: str) -> None:
        """Watch a node's calls from now on; anew, if it was started anew."""
        if name in self.watches:
            self.watches.pop(name).__exit__()
        self.watches[name] = Watch(self.labs[name].asterisk).__enter__()

    def _stop_watching(self) -> None:
        for watch in self.watches.values():
            watch.__exit__()

    def sip_port(self, name: str) -> int:
        return self.labs[name].asterisk.sip_port

    def _settings(self) -> str:
        text = '[deploy]\nsecret = { file = "secret" }\n'
        for name, lab in self.labs.items():
            text += f"""
[deploy.nodes.{name}]
to = "asterisk://ivrc@127.0.0.1:{lab.asterisk.ami_port}"
folder = "{lab.root}"
sounds = "{lab.asterisk.rundir}/data/sounds"
"""
        return text + (
            f'ssh = "{self.ssh.user}@127.0.0.1:{self.ssh.port}"\n'
            f'ssh_key = "{self.ssh.key}"\nknown_hosts = "{self.ssh.known_hosts}"\n'
        )

    def release(self, source: str) -> Release:
        return self.labs["east"].compiled(source)

    def deploy(self, wanted: Release, *, names: Sequence[str] = (), rolling: bool = False) -> list[Outcome]:
        """Deploy as the command does."""

        async def work() -> list[Outcome]:
            async with opened(chosen(load(self.config), names)) as targets:
                return await (rollout.rolling if rolling else rollout.deploy)(targets, wanted)

        return asyncio.run(work())

    def verify(self, names: Sequence[str] = ("east", "west")) -> dict[str, list[str]]:
        """What is otherwise than it was deployed."""

        async def look(targets: list[Target]) -> dict[str, list[str]]:
            async with nodes(targets) as found:
                return {node.target.name: await node.verify() for node in found}

        async def work() -> dict[str, list[str]]:
            async with opened(chosen(load(self.config), names)) as targets:
                return await look(targets)

        return asyncio.run(work())

    def leads_to(self) -> dict[str, str]:
        """Where a call begins on each node."""
        return {name: lab.leads_to(NUMBER) for name, lab in self.labs.items()}

    def call(self) -> CallResult:
        """A call through the proxy, to its end."""
        script = [expect_answer(10), wait_hangup(20)]
        return Caller(self.labs["east"].asterisk, to=NUMBER, script=script, via=self.proxy.port).run()

    def heard(self) -> dict[str, list[list[str]]]:
        """What each call so far has heard, by node."""
        return {
            name: [[sound.split("/")[-1] for sound in watch.journey(call).heard] for call in watch.calls()]
            for name, watch in self.watches.items()
        }


@contextmanager
def at(place: str, act: Callable[[], None], time: int = 1) -> Iterator[None]:
    """Do something when a deploy passes a place for the so-many-th time."""
    passed = 0

    def hook(name: str) -> None:
        nonlocal passed
        if name == place:
            passed += 1
            if passed == time:
                act()

    failpoints.hook = hook
    try:
        yield
    finally:
        failpoints.hook = None
