"""`ivrc crm`: fill the contact book, look a number up as a call would, check the settings.

Exit codes: 0 done; 1 something is wrong with the CRM or the data; 2 wrong usage or settings; 3 not written.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

EXIT_FAULTS = 1
EXIT_USAGE = 2
EXIT_OUTPUT = 3
_SHOWN = 20
T = TypeVar("T")

_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="ivrc.toml; else $IVRC_CONFIG, or the one in this folder.",
)
_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="How the answer is printed."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def crm() -> None:
    """Whose customer a caller is: contact book, look-ups, checks."""


@crm.command("import")
@click.argument("contacts", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--people", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV of the employees.")
@click.option("--book", type=click.Path(path_type=Path, dir_okay=False), help="The book's file; else ivrc.toml's.")
@click.option("--office", help="The office whose book it is, when offices have books of their own.")
@click.option("--country", metavar="RU", help="How numbers without + are read; else as the office's source says.")
@click.option("--replace", is_flag=True, help="Forget what the book has; else rows join it, by their ids.")
@click.option("--strict", is_flag=True, help="Write nothing and exit 1 if a row cannot be used.")
@_CONFIG
def import_(
    contacts: Path | None,
    people: Path | None,
    book: Path | None,
    office: str | None,
    country: str | None,
    replace: bool,
    strict: bool,
    config: Path | None,
) -> None:
    """Put CONTACTS (CSV) into the contact book.

    Columns by name: id, name, phone (several columns or several in one), responsible, second; for --people id, name,
    phone, extension. English or Russian, any of `,` `;` tab, UTF-8 or cp1251.
    """
    from ivrc.crm import book_import
    from ivrc.crm.book import counted

    if contacts is None and people is None:
        raise click.UsageError("nothing to import: name a CSV file, or --people FILE")
    file = book or _settled(lambda: _book_of(config, office))
    country = _settled(lambda: _country(country, config, office))
    try:
        tables = [
            book_import.read_csv(each, country, people=is_people) if each else None
            for each, is_people in ((contacts, False), (people, True))
        ]
    except book_import.ImportFault as fault:
        _stop(str(fault), EXIT_FAULTS)
    left_out = sum(_tell(each, table) for each, table in zip((contacts, people), tables, strict=True) if each and table)
    if strict and left_out:
        _stop("nothing was imported", EXIT_FAULTS)
    try:
        book_import.write_book(file, *(table.rows if table else None for table in tables), replace=replace)
    except book_import.ImportFault as fault:
        _stop(str(fault), EXIT_OUTPUT)
    words = (("contact", "contacts"), ("person", "people"))
    done = [counted(len(table.rows), *each) for table, each in zip(tables, words, strict=True) if table]
    without = f", {counted(left_out, 'row')} left out" if left_out else ""
    click.echo(f"{file}: {' and '.join(done)} imported{without}")


def _tell(file: Path, table: Any) -> int:
    """Print what was wrong with a table; how many rows were left out."""
    for told in table.told[:_SHOWN]:
        click.echo(
            f"{file}:{told.line}: {told.message}" + ("" if told.left_out else " (the row is imported)"), err=True
        )
    if len(table.told) > _SHOWN:
        click.echo(f"{file}: and {len(table.told) - _SHOWN} more lines", err=True)
    if table.unused:
        click.echo(f"{file}: columns that are not used: {', '.join(table.unused[:_SHOWN])}", err=True)
    return sum(told.left_out for told in table.told)


def _book_of(config: Path | None, office: str | None) -> Path:
    from ivrc.crm import settings

    loaded = settings.load(settings.locate(config))
    asked = loaded.crm_of(office) if office else loaded.crm
    if asked is None:
        raise settings.SettingsError("there is no [crm]: name the book by --book", file=loaded.file)
    if asked.kind != "book":
        raise settings.SettingsError(
            f"the CRM is {asked.kind}, not a contact book; --book names a file", file=loaded.file
        )
    file: Path = asked.options.file
    return file


def _country(given: str | None, config: Path | None, office: str | None) -> str | None:
    """The country that was given, or the one that all offices of the manifest share."""
    from ivrc.crm import directory, settings
    from ivrc.phone import known_country

    if given is not None:
        if not known_country(given.upper()):
            raise settings.SettingsError(f'there is no country "{given}": write its two letters, as in RU')
        return given.upper()
    try:
        offices = directory.read_offices(settings.load(settings.locate(config)).agi.manifest)
    except settings.SettingsError:
        return None
    countries = {each.country for each in offices.values() if office in (None, each.name)}
    return countries.pop() if len(countries) == 1 else None


@crm.command()
@click.argument("number")
@click.option("--office", help="The office that is called; needed when there are several.")
@click.option("--seconds", type=click.FloatRange(0.01, 60), help="The time limit; else that of the helper.")
@_FORMAT
@_CONFIG
def lookup(number: str, office: str | None, seconds: float | None, form: str, config: Path | None) -> None:
    """Look NUMBER up as a call from it would be.

    It says whom the call would ring, and why. Exit code 1 if the CRM did not answer.
    """
    from ivrc.crm import inspection

    told = _settled(lambda: asyncio.run(inspection.look_up(config, office, number, seconds)))
    click.echo(json.dumps(told.data, ensure_ascii=False, indent=1) if form == "json" else "\n".join(told.lines))
    sys.exit(0 if told.well else EXIT_FAULTS)


@crm.command()
@click.option("--office", help="Only this office.")
@_FORMAT
@_CONFIG
def check(office: str | None, form: str, config: Path | None) -> None:
    """Check ivrc.toml, its secrets, and each CRM.

    Whether it answers, and who of the source is known to it.
    """
    from ivrc.crm import inspection

    told = _settled(lambda: asyncio.run(inspection.check(config, office)))
    click.echo(json.dumps(told.data, ensure_ascii=False, indent=1) if form == "json" else "\n".join(told.lines))
    sys.exit(0 if told.well else EXIT_FAULTS)


def _settled(work: Callable[[], T]) -> T:
    """The result; wrong settings end the command."""
    try:
        from ivrc.crm.settings import SettingsError
    except ImportError as fault:
        _stop(f"the package {fault.name} is missing: pip install 'ivrc[agi]'", EXIT_USAGE)
    try:
        return work()
    except SettingsError as fault:
        _stop(str(fault), EXIT_USAGE)


def _stop(message: str, code: int) -> NoReturn:
    click.echo(f"ivrc: {message}", err=True)
    sys.exit(code)
