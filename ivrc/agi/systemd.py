"""The helper as a service of systemd: what systemd is told, and the unit."""

from __future__ import annotations

import os
import pwd
import socket
import sys
import time
from pathlib import Path

_HOMES = ("/home/", "/root/")


def notify(state: str) -> None:
    """Tell systemd, where it started us and waits to hear."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
        try:
            channel.connect("\0" + path[1:] if path.startswith("@") else path)
            channel.sendall(state.encode())
        except OSError:
            pass


def reloading() -> str:
    """That the settings are being read. The time is for Type=notify-reload; other types pass over it."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def unit_text(config: Path) -> str:
    """A unit for systemd, with this program and these settings."""
    program = Path(sys.argv[0]).resolve()
    command = [str(program)] if program.name == "ivrc" else [sys.executable, "-m", "ivrc"]
    config = config.resolve()
    started = " ".join(map(_quoted, [*command, "agi", "serve", "--config", str(config)]))
    return f"""\
[Unit]
Description=ivrc's helper: asks the CRM for Asterisk
After=network.target
Before=asterisk.service
# Tried again for ever.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={started}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
# A helper that hangs is started anew.
WatchdogSec=20
# Secrets that ivrc.toml takes from the environment: NAME=value, for root's eyes only.
EnvironmentFile=-{_escaped(str(config.parent / "ivrc.env"))}
{_user(config, Path(command[0]))}
# A folder of its own, for what a CRM makes it keep (`tokens`): /var/lib/ivrc-agi.
StateDirectory=ivrc-agi
StateDirectoryMode=0700
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LimitNOFILE=8192

[Install]
WantedBy=multi-user.target
"""


def _user(config: Path, program: Path) -> str:
    """A user of systemd's making reads only what everybody may; files in somebody's home are that somebody's."""
    owner = config.stat().st_uid
    if owner == 0 and not str(config).startswith(_HOMES) and not str(program).startswith(_HOMES):
        return (
            "# It must be able to read ivrc.toml, the manifest, the contact book and files of secrets.\nDynamicUser=yes"
        )
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = str(owner)
    return f"# Whose ivrc.toml it is.\nUser={name}"


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    word = _escaped(word).replace("$", "$$")
    if any(sign in word for sign in " \t\"'\\;"):
        return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return word
