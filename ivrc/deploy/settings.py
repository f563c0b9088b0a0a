"""The table [deploy] of ivrc.toml, and `--to asterisk://…`: where to deploy, and as whom."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from ivrc.crm.durations import Duration
from ivrc.crm.settings import Secret, SettingsError, Strict, convert, read
from ivrc.deploy.ami import Address
from ivrc.deploy.errors import DeployError
from ivrc.deploy.local import LocalFolder
from ivrc.deploy.node import Target
from ivrc.deploy.ssh import Ssh, connected
from ivrc.named import NamedTuple

SECRET = "IVRC_AMI_SECRET"
"""The variable of the environment with the manager user's secret, unless the settings name another place."""
_PORT, _TLS_PORT = 5038, 5039


class DeploySettings(Strict, frozen=True):
    """[deploy]. `to`: `asterisk://USER@HOST:PORT`, with `asterisks://` over TLS.

    `folder`: where ivrc's files are put, `seen_as`: what Asterisk calls that folder, where it sees it elsewhere.
    `sounds`: Asterisk's sounds folder. `ca`: the certificate that signed the manager's. `unencrypted`: over a network,
    too. `keep`: generations that stay for a rollback. `limit`: a generation left so long ago goes although calls are
    on it. `wait`: for another deploy to end. `sample`: of more new contexts only so many are compared line by line.
    """

    to: str = ""
    secret: Secret | None = None
    folder: Path = Path("/etc/asterisk/ivrc")
    seen_as: str = ""
    sounds: Path = Path("/usr/share/asterisk/sounds")
    ca: Path | None = None
    unencrypted: bool = False
    keep: int = 10
    sample: int = 0
    limit: Duration = Duration(0.0)
    wait: Duration = Duration(0.0)
    # A node that is reached by SSH: its files by SFTP, its manager through a tunnel, `to` as seen from there.
    ssh: str = ""
    ssh_key: Path | None = None
    ssh_passphrase: Secret | None = None
    known_hosts: Path | None = None


class Settings(NamedTuple):
    """[deploy] and its nodes by name: one without a name where there is no [deploy.nodes.NAME]."""

    nodes: dict[str, DeploySettings]
    wait: float = 0.0


def load(path: Path | None) -> Settings:
    """Read [deploy]; what is there without a file. SettingsError if it is wrong. Paths are relative to the file.

    What a node does not say itself is as in [deploy].
    """
    if path is None:
        return Settings({"": DeploySettings()})
    return read(path, lambda found: _settings(found.get("deploy", {}), path.absolute().parent))


def _settings(table: Any, folder: Path) -> Settings:
    if not isinstance(table, dict):
        raise SettingsError("this is a table", key="deploy")
    nodes = table.get("nodes", {})
    common = {name: value for name, value in table.items() if name != "nodes"}
    alone = _one(common, folder, "deploy")
    if not isinstance(nodes, dict) or not all(isinstance(each, dict) for each in nodes.values()):
        raise SettingsError("nodes are tables: [deploy.nodes.NAME]", key="deploy.nodes")
    found = {name: _one({**common, **own}, folder, f"deploy.nodes.{name}") for name, own in nodes.items()}
    for name, one in found.items():
        if not one.to:
            raise SettingsError('"to" is missing', key=f"deploy.nodes.{name}")
    return Settings(found or {"": alone}, alone.wait)


def _one(table: dict[str, Any], folder: Path, key: str) -> DeploySettings:
    settings: DeploySettings = convert(table, DeploySettings, folder=folder, key=key, also=["nodes"])
    for name, least in (("keep", 1), ("sample", 0)):
        if getattr(settings, name) < least:
            raise SettingsError(f"this must be at least {least}", key=f"{key}.{name}")
    return settings


def chosen(settings: Settings, names: Sequence[str] = (), to: str = "") -> dict[str, DeploySettings]:
    """The nodes to deploy to: those named, or all; with `--to` one alone, as [deploy] describes it."""
    if to:
        if len(settings.nodes) > 1 or "" not in settings.nodes:
            raise SettingsError("there are [deploy.nodes.…]: name nodes by --node, not by --to")
        return {"": msgspec.structs.replace(settings.nodes[""], to=to)}
    for name in names:
        if name not in settings.nodes or not name:
            known = ", ".join(each for each in settings.nodes if each) or "none"
            raise SettingsError(f"there is no node {name} in [deploy.nodes]; there are: {known}")
    return {name: one for name, one in settings.nodes.items() if not names or name in names}


def check(settings: DeploySettings) -> None:
    """SettingsError where `opened` would find the settings of no use."""
    target(settings)
    if settings.ssh:
        _ssh(settings)


@asynccontextmanager
async def opened(nodes: Mapping[str, DeploySettings]) -> AsyncIterator[list[Target]]:
    """The targets of some nodes, those by SSH connected. DeployError if one is not reached."""
    async with AsyncExitStack() as stack:
        found = []
        for name, one in nodes.items():
            plain = target(one)
            if name:
                plain = plain._replace(name=name)
            try:
                found.append(await _by_ssh(stack, one, plain) if one.ssh else plain)
            except DeployError as fault:
                raise type(fault)(f"{name}: {fault.message}" if name else fault.message, fault.reasons) from None
        yield found


async def _by_ssh(stack: AsyncExitStack, settings: DeploySettings, plain: Target) -> Target:
    connection = await stack.enter_async_context(connected(_ssh(settings)))
    port = await connection.way_to(plain.manager.host, plain.manager.port)
    return plain._replace(
        folder=connection.folder(str(settings.folder), settings.seen_as),
        sounds=connection.folder(str(settings.sounds)),
        # TLS to that host's own name would not be to 127.0.0.1; SSH has encrypted it already.
        manager=plain.manager._replace(host="127.0.0.1", port=port, tls=None),
    )


def _ssh(settings: DeploySettings) -> Ssh:
    parts = urlsplit("//" + settings.ssh)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.password or parts.path or not re.fullmatch(r"[A-Za-z0-9._:@\[\]-]+", settings.ssh):
        raise SettingsError(f"`ssh` is written USER@HOST:PORT, not {settings.ssh.rpartition('@')[2]!r}", key="deploy")
    return Ssh(host, port, parts.username, settings.ssh_key, settings.ssh_passphrase, settings.known_hosts)


def target(settings: DeploySettings, to: str = "") -> Target:
    """The target of the settings, or of `--to`. SettingsError if that cannot be one."""
    written = to or settings.to
    if not written:
        raise SettingsError("name the target: --to asterisk://USER@HOST:PORT, or `to` in [deploy] of ivrc.toml")
    parts = urlsplit(written)
    if parts.scheme not in ("asterisk", "asterisks") or not parts.hostname or parts.path.strip("/"):
        raise SettingsError(f"{_shown(written)} is no target; write it as in asterisk://ivrc@127.0.0.1:5038")
    if parts.password:
        raise SettingsError(f"a secret is not written in a target: put it into ${SECRET}, or name its file in [deploy]")
    if parse_qs(parts.query):
        raise SettingsError(f"{_shown(written)}: settings stand in [deploy] of ivrc.toml")
    try:
        port = parts.port
    except ValueError:
        raise SettingsError(f"{_shown(written)}: this is no port") from None
    encrypted = parts.scheme == "asterisks"
    if not encrypted and not settings.unencrypted and not settings.ssh and not _is_loopback(parts.hostname):
        raise SettingsError(
            f"{parts.hostname} is reached over a network, and asterisk:// sends the secret and the plan in the open: "
            "use asterisks:// (TLS), or a tunnel, or say `unencrypted = true` in [deploy]"
        )
    address = Address(
        parts.hostname,
        port or (_TLS_PORT if encrypted else _PORT),
        unquote(parts.username or "ivrc"),
        _secret(settings),
        _context(settings) if encrypted else None,
    )
    folder = LocalFolder(settings.folder, settings.seen_as)
    sounds = LocalFolder(settings.sounds)
    return Target(
        parts.hostname, folder, sounds, address, keep=settings.keep, sample=settings.sample, limit=settings.limit
    )


def _secret(settings: DeploySettings) -> Secret:
    if settings.secret is not None:
        return settings.secret
    text = os.environ.get(SECRET, "")
    if not text:
        raise SettingsError(
            f"the secret of the manager's user is missing: put it into ${SECRET}, or `secret` in [deploy]"
        )
    return Secret(text)


def _context(settings: DeploySettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca)
    except (OSError, ssl.SSLError) as fault:
        raise SettingsError(f"the certificate {settings.ca} is of no use: {fault}", key="deploy.ca") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(written: str) -> str:
    """A target as it may be shown: whatever could be a secret is left out."""
    scheme, _, rest = written.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if rest else written
