"""`ivrc agi serve`, `ivrc agi run`, `ivrc agi unit`: the helper's command line.

`run` is started by Asterisk for each call: nothing is imported that the answer does not need, click neither.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

EXIT_USAGE = 2


def main(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    given = _parser().parse_args(arguments)
    try:
        from ivrc.crm.settings import SettingsError, locate
    except ImportError as fault:
        print(f"ivrc: the package {fault.name} is missing: pip install 'ivrc[agi]'", file=sys.stderr)
        return EXIT_USAGE
    try:
        if given.command == "unit":
            print(unit_text(locate(given.config)), end="")
            return 0
        if given.command == "run":
            return _run(given)
        return asyncio.run(_serve(locate(given.config), given.listen))
    except SettingsError as fault:
        print(f"ivrc: {fault}", file=sys.stderr)
        return EXIT_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ivrc agi", description="The helper that answers the dialplan's questions.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="answer calls until stopped; SIGHUP reads ivrc.toml again")
    serve.add_argument("--listen", metavar="HOST:PORT", help="instead of [agi] listen")
    run = commands.add_parser("run", help="answer one call on stdin and stdout, as Asterisk's AGI() starts it")
    run.add_argument("script", nargs="?", default="responsible", help="responsible")
    run.add_argument("arguments", nargs="*", metavar="OFFICE NUMBER MILLISECONDS")
    unit = commands.add_parser("unit", help="print a unit for systemd")
    for command in (serve, run, unit):
        command.add_argument("--config", metavar="FILE", help="ivrc.toml; else $IVRC_CONFIG, or the one in this folder")
    return parser


# ── one call ────────────────────────────────────────────────────────────────────────────────────


def _run(given: argparse.Namespace) -> int:
    """One session on stdin and stdout. The process ends with it, whatever threads still wait for a CRM."""
    code = asyncio.run(_session(given))
    sys.stderr.flush()
    os._exit(code)


async def _session(given: argparse.Namespace) -> int:
    from ivrc.agi.log import make_log
    from ivrc.agi.protocol import AgiError, read_request, set_variable
    from ivrc.agi.server import run_once
    from ivrc.agi.service import Service, failure
    from ivrc.crm.settings import SettingsError, locate

    reader, writer = await _stdio()
    try:
        service = Service(locate(given.config or _beside()), make_log())
    except SettingsError as fault:
        # The call goes on, and the history has the reason.
        print(f"ivrc: {fault}", file=sys.stderr)
        try:
            async with asyncio.timeout(2):
                await read_request(reader)
                await set_variable(reader, writer, "IVRC_FOUND", failure("unset").line)
        except (AgiError, TimeoutError):
            pass
        return EXIT_USAGE
    await run_once(service, reader, writer, (given.script, *given.arguments))
    return 0


def _beside() -> Path | None:
    """Asterisk starts us in a folder of its own: the system's ivrc.toml is what is meant there."""
    system = Path("/etc/ivrc/ivrc.toml")
    here = Path("ivrc.toml")
    return system if not here.is_file() and not os.environ.get("IVRC_CONFIG") and system.is_file() else None


class _Output:
    """Standard output as a stream: a few short lines, which a pipe always takes."""

    def write(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)

    async def drain(self) -> None:
        try:
            sys.stdout.buffer.flush()
        except OSError as fault:
            from ivrc.agi.protocol import AgiError

            raise AgiError(f"Asterisk is gone: {fault.strerror}") from None


async def _stdio() -> tuple[asyncio.StreamReader, _Output]:
    from ivrc.agi.protocol import LINE_LIMIT

    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT, loop=loop)
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader, loop=loop), sys.stdin)
    except ValueError:
        # A file, not a pipe: as when somebody tries it by hand.
        reader.feed_data(sys.stdin.buffer.read(20_000))
        reader.feed_eof()
    return reader, _Output()


# ── the server ──────────────────────────────────────────────────────────────────────────────────


async def _serve(config: Path, listen: str | None) -> int:
    from ivrc.agi.log import make_log
    from ivrc.agi.metrics import Metrics
    from ivrc.agi.server import Server
    from ivrc.agi.service import Service
    from ivrc.agi.status import serve_status

    log = make_log()
    service = Service(config, log)
    metrics = Metrics()
    server = Server(service, metrics)
    host, port = address(listen or service.settings.agi.listen, "listen")
    page = None
    try:
        await server.start(host, port)
        if service.settings.agi.status:
            page = await serve_status(service, metrics, *address(service.settings.agi.status, "status"))
    except OSError as fault:
        print(f"ivrc: cannot listen: {fault.strerror or fault}", file=sys.stderr)
        await server.stop()
        return 3
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, service)
    log.info("answering", host=host, port=server.port, offices=len(service.offices))
    # Loaded when first needed, it would hold up the first calls.
    import phonenumbers  # noqa: F401

    notify("READY=1")
    await stopped.wait()
    notify("STOPPING=1")
    await server.stop()
    if page is not None:
        await page.cleanup()
    await service.close()
    log.info("stopped")
    return 0


def _reload(service: Any) -> None:
    notify("RELOADING=1")
    service.reload()
    notify("READY=1")


def address(text: str, key: str) -> tuple[str, int]:
    """`host:port`, an IPv6 host in brackets; SettingsError if it is none."""
    from ivrc.crm.settings import SettingsError

    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f'{text!r} is no address: write "127.0.0.1:4573"', key=f"agi.{key}")
    return host, int(port)


def notify(state: str) -> None:
    """Tell systemd, where it started us and waits to hear."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.connect("\0" + path[1:] if path.startswith("@") else path)
            channel.sendall(state.encode())
        except OSError:
            pass


def unit_text(config: Path) -> str:
    """A unit for systemd, with this program and these settings."""
    program = Path(sys.argv[0]).resolve()
    command = f"{program}" if program.name == "ivrc" else f"{sys.executable} -m ivrc"
    return f"""\
[Unit]
Description=ivrc's helper: asks the CRM for Asterisk
After=network.target
Before=asterisk.service

[Service]
Type=notify
ExecStart={command} agi serve --config {config.resolve()}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
DynamicUser=yes
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
