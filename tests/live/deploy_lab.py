"""A real Asterisk that ivrc deploys to: its own files include ivrc's, its manager has a user with the least rights."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ivrc.crm.settings import Secret
from ivrc.deploy.ami import Address
from ivrc.deploy.local import LocalFolder
from ivrc.deploy.node import Target
from ivrc.deploy.release import Release
from ivrc.deploy.rollout import Outcome, deploy
from ivrc.pipeline import build
from ivrc.releasing import release_of
from ivrc.testbed.conf import OWN_SETTINGS, PhoneSpec
from ivrc.testbed.fetch import is_fetched, root_of
from ivrc.testbed.instance import Asterisk
from tests.live.lab import SETTINGS, tone

USER, SECRET = "ivrc", "a-secret-of-tests"
RIGHTS = "system,reporting"


def manager_conf(port: int, rights: str = RIGHTS, more: str = "") -> str:
    """manager.conf with the test bed's own user and ivrc's."""
    local = "deny=0.0.0.0/0.0.0.0\npermit=127.0.0.1/255.255.255.255\n"
    return (
        f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nport={port}\ntimestampevents=yes\n{more}"
        f"[testbed]\nsecret=testbed\n{local}read=all\nwrite=all\nwritetimeout=5000\n"
        f"[{USER}]\nsecret={SECRET}\n{local}read=\nwrite={rights}\n"
    )


def settings_with(folder: Path, moh: Path) -> dict[str, str]:
    """Asterisk's own files, each with ivrc's at its end."""
    own = {
        **OWN_SETTINGS,
        "extensions.conf": OWN_SETTINGS["extensions.conf"] + "[by-hand]\nexten => s,1,NoOp()\n",
        "pjsip_extra.conf": "",
    }
    included = {name: name.replace("_extra", "") for name in own}
    files = {name: f'{text}#tryinclude "{folder}/active/{included[name]}"\n' for name, text in own.items()}
    return {**files, "musiconhold.conf": f"[default]\nmode=files\ndirectory={moh}\n"}


def release(folder: Path, source: str | Mapping[str, str], prompts: Mapping[str, float] | None = None) -> Release:
    """Compile a source, or files by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {"lab.ivr": source} if isinstance(source, str) else source
    for old in folder.glob("*.ivr"):
        old.unlink()
    for name, text in sources.items():
        (folder / name).write_text(text)
    for name, seconds in (prompts or {}).items():
        tone(folder / "prompts" / f"{name}.wav", seconds)
    built = build([folder] if len(sources) > 1 else [folder / next(iter(sources))])
    assert built.offices is not None, built.diagnostics
    return release_of(built)


def office(step: str = "hangup", more: str = "") -> str:
    """A small office: a number, a scenario that beeps and then does a step, an employee."""
    return f"""{SETTINGS}
        employee anna {{ extension 101 sip "PJSIP/anna" }}
        number "+7 495 000-00-01" -> main
        scenario main {{ play "asterisk:beep" {step} }}
        {more}
    """


@contextmanager
def deploy_lab(folder: Path, version: str = "22", phones: Sequence[str | PhoneSpec] = ()) -> Iterator[DeployLab]:
    """A laboratory of one Asterisk, where that is there."""
    if not is_fetched(version):
        pytest.skip(f"Asterisk {version} is not fetched: python -m ivrc.testbed.fetch {version}")
    with ExitStack() as stack:
        yield DeployLab(stack, folder, phones=phones, version=version)


class DeployLab:
    """One Asterisk with nothing deployed yet."""

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        phones: Sequence[str | PhoneSpec] = (),
        version: str = "22",
        **more: Any,
    ) -> None:
        self.folder, self.root = folder, folder / "ivrc"
        run = folder / "asterisk"
        run.mkdir(parents=True)
        self.root.mkdir()
        # Asterisk runs as nobody, and the folders of tests are the user's own.
        for path in (folder, *folder.parents[:2]):
            os.chmod(path, path.stat().st_mode | 0o055)
        tone(folder / "moh" / "tone.wav", 20, 8000)
        self.asterisk = Asterisk(root_of(version), run, phones=phones, **more)
        port = self.asterisk.ami_port
        given = settings_with(self.root, folder / "moh")
        self.asterisk.add_settings({**given, "manager.conf": manager_conf(port)})
        stack.enter_context(self.asterisk)
        self.target = self.target_as()

    def target_as(self, user: str = USER, secret: str = SECRET, **more: Any) -> Target:
        """The target, as seen by a user of the manager."""
        address = Address("127.0.0.1", self.asterisk.ami_port, user, Secret(secret))
        sounds = LocalFolder(self.asterisk.rundir / "data/sounds")
        target = Target("lab", LocalFolder(self.root), sounds, address)
        return target._replace(**more)

    def over_tls(self, folder: Path) -> tuple[int, Path]:
        """Let the manager listen over TLS, too; the port, and the certificate that is to be trusted."""
        key, certificate = folder / "key.pem", folder / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
             "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
        both = self.asterisk.rundir / "etc/ami.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        both.chmod(0o644)
        port = self.asterisk.ami_port + 1
        more = f"tlsenable=yes\ntlsbindaddr=127.0.0.1:{port}\ntlscertfile={both}\n"
        self.asterisk.write_conf("manager.conf", manager_conf(self.asterisk.ami_port, more=more))
        self.asterisk.cli("manager reload")
        return port, certificate

    def compiled(self, source: str | Mapping[str, str], prompts: Mapping[str, float] | None = None) -> Release:
        """A release of a source."""
        return release(self.folder / "source", source, prompts)

    def deploy(self, source: str | Mapping[str, str] | Release, target: Target | None = None) -> Outcome:
        """Deploy; DeployError if it is refused or put back."""
        wanted = source if isinstance(source, Release) else self.compiled(source)
        return asyncio.run(deploy([target or self.target], wanted))[0]

    def shown(self) -> str:
        """What Asterisk holds, as its command line shows it."""
        return self.asterisk.cli("dialplan show")

    def leads_to(self, number: str) -> str:
        """The context of a number's scenario, by what Asterisk holds; empty for a number that is not known."""
        digits = number.lstrip("+")
        found = re.search(
            r"Goto\([^\s,]+,([^\s,]+),1\)", self.asterisk.cli(f"dialplan show {digits}@ivrc.numbers-{digits[-3:]}")
        )
        return found[1] if found else ""
