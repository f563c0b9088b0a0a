"""`ivrc history serve` and `ivrc history user`: the page, and who may look at it."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import sys
from pathlib import Path
from typing import Any

import click

from ivrc.history.commands import CONFIG, EXIT_FAULTS, EXIT_OUTPUT, EXIT_USAGE, open_store, stop


@click.command()
@click.option("--listen", help="Address and port, instead of those in ivrc.toml; port 0: any that is free.")
@CONFIG
def serve(listen: str | None, config: Path | None) -> None:
    """The history as a page in the browser.

    It is for those who have an account: `ivrc history user add`.
    """
    settings, store = open_store(config)
    host, port = _address(listen or settings.listen)
    logging.basicConfig(format="ivrc: %(message)s", level=logging.WARNING)
    try:
        asyncio.run(_serve(settings, store, host, port))
    except OSError as fault:
        stop(f"{host}:{port}: {fault.strerror or fault}", EXIT_OUTPUT)
    finally:
        store.close()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        stop(f'{text!r} is no address to listen on: write "127.0.0.1:8088"', EXIT_USAGE)
    return host.strip("[]"), int(port)


async def _serve(settings: Any, store: Any, host: str, port: int) -> None:
    from aiohttp import web

    from ivrc.history.accounts import Accounts
    from ivrc.history.web.app import make_app

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    runner = web.AppRunner(make_app(settings, store), access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"http://{shown}:{runner.addresses[0][1]}")
    sys.stdout.flush()
    if not _is_loopback(host) and not settings.behind_proxy:
        click.echo(
            "ivrc: others can reach this, and passwords go in the open: put a server with TLS before it", err=True
        )
    if not Accounts(store).all():
        click.echo("ivrc: nobody can log in yet: ivrc history user add NAME", err=True)
    await ended.wait()
    await runner.cleanup()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@click.group()
def user() -> None:
    """Who may look at the page."""


@user.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["admin", "supervisor", "employee"]), help="employee with --employee, else admin."
)
@click.option("--office", default="", help="The office whose calls a supervisor sees; without it all.")
@click.option("--employee", default="", metavar="OFFICE/NAME", help="Whose calls an employee sees, as in the source.")
@CONFIG
def add(name: str, role: str | None, office: str, employee: str, config: Path | None) -> None:
    """Make an account. The password is asked for, or read from standard input."""
    if employee:
        named, _, employee = employee.partition("/")
        if not employee or office not in ("", named):
            stop("--employee is OFFICE/NAME, as in the source: --employee acme/anna", EXIT_USAGE)
        office = named
    role = role or ("employee" if employee else "admin")
    accounts = _accounts(config)
    _do(lambda: accounts.add(name, role, office, employee, _password()))
    click.echo(f"{name} can log in")


@user.command("list")
@CONFIG
def list_(config: Path | None) -> None:
    """All accounts."""
    for each in _accounts(config).all():
        whose = f"{each.office}/{each.employee}" if each.employee else each.office
        click.echo(f"{each.name}  {each.role}  {whose}".rstrip())


@user.command()
@click.argument("name")
@CONFIG
def remove(name: str, config: Path | None) -> None:
    """Take an account away. Whoever is logged in with it is logged out."""
    accounts = _accounts(config)
    _do(lambda: accounts.remove(name))
    click.echo(f"{name} is removed")


@user.command()
@click.argument("name")
@CONFIG
def passwd(name: str, config: Path | None) -> None:
    """Another password. Whoever is logged in with the account is logged out."""
    accounts = _accounts(config)
    _do(lambda: accounts.set_password(name, _password()))
    click.echo(f"{name} has a new password")


def _accounts(config: Path | None) -> Any:
    store = open_store(config)[1]
    from ivrc.history.accounts import Accounts

    return Accounts(store)


def _do(what: Any) -> None:
    from ivrc.history.accounts import AccountError
    from ivrc.history.store import StoreError

    try:
        what()
    except AccountError as fault:
        stop(str(fault), EXIT_FAULTS)
    except StoreError as fault:
        stop(str(fault), EXIT_OUTPUT)


def _password() -> str:
    """From the terminal, twice and unseen; or the first line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
