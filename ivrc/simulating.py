"""`ivrc simulate`: the command. It loads an office and prints the call's journey; the call is `ivrc.simulate`'s.

Exit codes as in `ivrc.cli`: 1 for an office with errors, 2 for words that mean nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from ivrc import model as m
from ivrc.diagnostics import render
from ivrc.loading import Loader, common_folder
from ivrc.reading import read_office
from ivrc.simulate import run
from ivrc.simulate.explore import explore
from ivrc.simulate.office import OWN_LENGTHS, Prepared, prompt_name
from ivrc.simulate.options import OptionError, call_of, prompts_of
from ivrc.simulate.telling import Teller, seconds
from ivrc.source import Sources


def load(path: Path) -> tuple[m.Office | None, Sources]:
    """An office and its files; None, its faults printed, if it has errors."""
    sources = Sources()
    if path.is_dir():
        raise click.UsageError(f"{path} is a folder: simulate one office, as {path / 'office.ivr'}")
    _, office, faults = read_office(path, Loader(common_folder([path]), sources))
    if office is not None:
        return office, sources
    for fault in render.in_order(faults):
        click.echo(render.render_text(fault, sources) + "\n", err=True)
    return None, sources


def lengths_of(office: m.Office, folder: Path) -> tuple[dict[str, float], list[str]]:
    """Prompt → seconds as far as its file tells; and the prompts whose lengths are assumed."""
    from ivrc.prompts import PromptError, duration, find_prompt
    from ivrc.resources import cache_folder

    found: dict[str, float] = {}
    assumed: dict[str, None] = {}
    cache = cache_folder()
    for prompt in prompts_of(office):
        name = prompt_name(prompt)
        path = find_prompt(folder / office.prompts, prompt.text, office.language) if prompt.kind == "file" else None
        try:
            if path is None or cache is None:
                raise PromptError("missing", name, "")
            found[name] = duration(path, cache=cache / "prompts")
        except (PromptError, ImportError):
            if name not in OWN_LENGTHS:
                assumed[name] = None
    return found, list(assumed)


_MANY: dict[str, Any] = {"multiple": True, "metavar": "WHO"}


@click.command("simulate")
@click.argument("path", type=click.Path(path_type=Path), metavar="OFFICE.ivr")
@click.option("--to", help="The number called; may be left out if the office has one.")
@click.option("--from", "from_", help="The caller's number; left out, it is withheld.")
@click.option("--hidden", is_flag=True, help="The caller asks to hide the number.")
@click.option("--at", help='When, by the office\'s clock: "2026-12-31 23:10". Left out: now.')
@click.option("--press", multiple=True, metavar="KEYS@WHERE", help="As 2@menu, 2@menu+3s, 101@extension, 1@3.5s.")
@click.option("--answers", **_MANY, help="Picks up: gleb, gleb:5s, gleb.mobile:5s, +78127654321:5s.")
@click.option("--declines", **_MANY, help="Asked to press 1, presses another key.")
@click.option("--machine", **_MANY, help="Picks up and never presses 1: a mobile's own voicemail.")
@click.option("--refuses", **_MANY, help="Turns the call down: gleb, gleb:3s.")
@click.option("--busy", **_MANY, help="In another call: boris; boris:30s is free after 30 s, and then answers.")
@click.option("--offline", **_MANY, help="Not there: anna; anna:30s comes after 30 s.")
@click.option(
    "--crm", metavar="WHO", help="Who is responsible (anna, or anna,boris), or why nobody is: unknown, down …"
)
@click.option("--crm-takes", default="0s", metavar="TIME", help="How long the CRM takes to answer.")
@click.option("--switch", multiple=True, metavar="NAME", help="A switch that is on.")
@click.option("--message", default="10s", metavar="TIME", help="How long the caller speaks to a voicemail.")
@click.option("--fax", type=click.IntRange(1, 999), metavar="PAGES", help="The caller is a fax machine.")
@click.option("--talk", default="60s", metavar="TIME", help="How long a conversation lasts.")
@click.option("--hang-up", metavar="TIME", help="The caller hangs up after so long.")
@click.option("--seed", default=0, help="Of the draws of random groups.")
@click.option("--all", "all_", is_flag=True, help="Every branch there is, with its probability and time.")
@click.option("-i", "--interactive", is_flag=True, help="Type the keys yourself while the call goes on.")
@click.option("--speed", default=1.0, type=click.FloatRange(0.1, 1000), help="How much faster than life, with -i.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How it is printed.")
def simulate(path: Path, all_: bool, interactive: bool, speed: float, form: str, **given: Any) -> None:
    """Try a call without a phone: who rings, what is heard, how it ends. Nothing sleeps."""
    if interactive and (all_ or form == "json"):
        raise click.UsageError("-i goes neither with --all nor with --format json")
    office, sources = load(path)
    if office is None:
        sys.exit(1)
    lengths, assumed = lengths_of(office, path.parent)
    prepared = Prepared(office, lengths)
    try:
        call = call_of(prepared, given)
    except OptionError as fault:
        raise click.UsageError(str(fault)) from fault
    teller = Teller(office, sources)
    if assumed and form == "text":
        shown = ", ".join(f'"{name}"' for name in assumed[:5]) + (" …" if len(assumed) > 5 else "")
        click.echo(f"ivrc: taken to last {seconds(prepared.length(assumed[0]))}: {shown}", err=True)
    if all_:
        tree = explore(prepared, call, {name for name, value in given.items() if value})
        click.echo(json.dumps(tree.data(teller), ensure_ascii=False, indent=1) if form == "json" else tree.text(teller))
    elif interactive:
        from ivrc.simulate.terminal import converse

        converse(prepared, call, teller, speed)
    elif form == "json":
        events = [teller.data(event) for event in run(prepared, call).events]
        body = {"office": office.name, "at": call.at.isoformat(), "assumed": assumed, "events": events}
        click.echo(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        click.echo(f"{call.at:%Y-%m-%d %H:%M:%S %Z}")
        click.echo("\n".join(teller.lines(run(prepared, call))))
