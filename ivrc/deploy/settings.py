"""The table [deploy] of ivrc.toml, and `--to asterisk://…`: where to deploy, and as whom."""

from __future__ import annotations

import ipaddress
import os
import ssl
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ivrc.crm.durations import Duration
from ivrc.crm.settings import Secret, SettingsError, Strict, convert
from ivrc.deploy.ami import Address
from ivrc.deploy.local import LocalFolder
from ivrc.deploy.node import Target

SECRET = "IVRC_AMI_SECRET"
"""The variable of the environment with the manager user's secret, unless the settings name another place."""
_PORT, _TLS_PORT = 5038, 5039


class DeploySettings(Strict, frozen=True):
    """[deploy]. `to`: `asterisk://USER@HOST:PORT`, with `asterisks://` over TLS.

    `folder`: where ivrc's files are put, `seen_as`: what Asterisk calls that folder, where it sees it elsewhere.
    `sounds`: Asterisk's sounds folder. `ca`: the certificate that signed the manager's. `unencrypted`: over a network,
    too. `keep`: generations that stay for a rollback. `limit`: a generation left so long ago goes although calls are
    on it. `wait`: for another deploy to end.
    """

    to: str = ""
    secret: Secret | None = None
    folder: Path = Path("/etc/asterisk/ivrc")
    seen_as: str = ""
    sounds: Path = Path("/usr/share/asterisk/sounds")
    ca: Path | None = None
    unencrypted: bool = False
    keep: int = 10
    limit: Duration = Duration(0.0)
    wait: Duration = Duration(0.0)


def load(path: Path | None) -> DeploySettings:
    """Read [deploy]; what is there without a file. SettingsError if it is wrong. Paths are relative to the file."""
    if path is None:
        return DeploySettings()
    try:
        table = tomllib.loads(path.read_text("utf-8-sig")).get("deploy", {})
    except OSError as fault:
        raise SettingsError(f"cannot be read: {fault.strerror}", file=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SettingsError(f"is no TOML: {fault}", file=path) from None
    try:
        settings: DeploySettings = convert(table, DeploySettings, folder=path.absolute().parent, key="deploy")
        if settings.keep < 1:
            raise SettingsError("this must be at least 1", key="deploy.keep")
        return settings
    except SettingsError as fault:
        raise SettingsError(fault.message, file=path, key=fault.key) from None


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
    if not encrypted and not settings.unencrypted and not _is_loopback(parts.hostname):
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
    return Target(parts.hostname, folder, LocalFolder(settings.sounds), address, settings.keep, settings.limit)


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
