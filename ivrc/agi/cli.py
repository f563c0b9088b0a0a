"""`ivrc agi serve`, `ivrc agi run`, `ivrc agi unit`: the helper's command line.

`run` is started by Asterisk for each call: nothing is imported that the answer does not need, click neither.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivrc.agi.service import Service

EXIT_USAGE = 2
EXIT_LISTEN = 3


def main(arguments: list[str]) -> int:
    """Run a command; the exit code. `serve` and `run` end the process themselves."""
    began = time.monotonic()
    given = _parser().parse_args(arguments)
    try:
        from ivrc.crm.settings import SettingsError, locate

        if given.command == "run":
            from ivrc.agi.single import run

            run(given.config, (given.script, *given.arguments), began)
        if given.command == "serve":
            _to_the_end(_serve(locate(given.config), given.listen))
        from ivrc.agi.systemd import unit_text

        print(unit_text(locate(given.config)), end="")
    except ImportError as fault:
        print(f"ivrc: the package {fault.name} is missing: pip install 'ivrc[agi]'", file=sys.stderr)
        return EXIT_USAGE
    except SettingsError as fault:
        print(f"ivrc: {fault}", file=sys.stderr)
        return EXIT_USAGE
    return 0


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
        command.add_argument(
            "--config", type=Path, metavar="FILE", help="ivrc.toml; else $IVRC_CONFIG, or the one in this folder"
        )
    return parser


def _to_the_end(work: Coroutine[Any, Any, int]) -> None:
    """Run it and end the process with its code: not by way of Python's ending, which waits for threads that hang."""
    code = asyncio.new_event_loop().run_until_complete(work)
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    os._exit(code)


async def _serve(config: Path, listen: str | None) -> int:
    from ivrc.agi.log import make_log
    from ivrc.agi.metrics import Metrics
    from ivrc.agi.server import Server
    from ivrc.agi.service import Service
    from ivrc.agi.status import serve_status

    log = make_log()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(
        lambda _, context: log.error(str(context["message"]), fault=str(context.get("exception", "")))
    )
    # Before anybody can know that we are there: a signal that is not expected ends the process.
    stopped, renewed = asyncio.Event(), asyncio.Event()
    for number, event in ((signal.SIGTERM, stopped), (signal.SIGINT, stopped), (signal.SIGHUP, renewed)):
        loop.add_signal_handler(number, event.set)
    service = Service(config, log)
    service.prepare()
    metrics = Metrics(service)
    server = Server(service, metrics)
    host, port = address(listen or service.settings.agi.listen, "listen")
    status = address(service.settings.agi.status, "status") if service.settings.agi.status else None
    try:
        await server.start(host, port)
        page = await serve_status(service, metrics, *status) if status else None
    except OSError as fault:
        print(f"ivrc: cannot listen: {fault.strerror or fault}", file=sys.stderr)
        return EXIT_LISTEN
    log.info("answering", host=host, port=server.port, offices=len(service.offices))
    await _until_stopped(service, stopped, renewed)
    await server.stop()
    if page is not None:
        await page.cleanup()
    await service.close()
    log.info("stopped")
    return 0


async def _until_stopped(service: Service, stopped: asyncio.Event, renewed: asyncio.Event) -> None:
    """Watch the manifest, tell systemd that we live, read the settings again when told to."""
    from ivrc.agi.systemd import notify, reloading

    async def renew() -> None:
        while True:
            await renewed.wait()
            renewed.clear()
            notify(reloading())
            try:
                await service.reload()
            except Exception:
                service.log.exception("a fault of ivrc's own; the old settings stay")
            notify("READY=1")

    async def live() -> None:
        while True:
            await asyncio.sleep(5)
            notify("WATCHDOG=1")

    tasks = [asyncio.create_task(work) for work in (renew(), live(), service.keep_watching())]
    notify("READY=1")
    await stopped.wait()
    notify("STOPPING=1")
    for task in tasks:
        task.cancel()


def address(text: str, key: str) -> tuple[str, int]:
    """`host:port`, an IPv6 host in brackets; SettingsError if it is none."""
    from ivrc.crm.settings import SettingsError

    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or len(port) > 5 or int(port) > 65535:
        raise SettingsError(f'{text!r} is no address: write "127.0.0.1:4573"', key=f"agi.{key}")
    return host, int(port)
