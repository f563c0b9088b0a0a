"""`--coverage-html`: a page for each source, its lines marked by what the tests walked, and an index of them.

The pages stand alone: no script, no font, no picture from elsewhere.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from ivrc.named import NamedTuple
from ivrc.source import Source
from ivrc.testing.coverage import KINDS, Item, percent
from ivrc.testing.suites import Outcome, Tested

_STYLE = """
:root { --ink: #1c2330; --soft: #647085; --paper: #fbfbfa; --card: #fff; --rule: #e3e6ea;
        --walked: #e3f4e6; --walked-edge: #3f9c55; --partly: #fdf3d3; --partly-edge: #c99310;
        --missed: #fde4e1; --missed-edge: #c8402f; --bar: #e8eaee; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7ee; --soft: #94a0b4; --paper: #14171c; --card: #1b1f26; --rule: #2b313b;
          --walked: #16301d; --walked-edge: #4bb36a; --partly: #332a10; --partly-edge: #d8a735;
          --missed: #3a1c1a; --missed-edge: #e4695a; --bar: #2b313b; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
       font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main { max-width: 78rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.35rem; margin: 0 0 .2rem; overflow-wrap: anywhere }
p.sub { color: var(--soft); margin: 0 0 1.5rem }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: .2em }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 0 0 1.5rem }
.total { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: .7rem .9rem }
.total b { font-size: 1.25rem; font-variant-numeric: tabular-nums }
.total span { color: var(--soft) }
.bar { height: .35rem; border-radius: 1rem; background: var(--bar); overflow: hidden; margin-top: .45rem }
.bar i { display: block; height: 100%; background: var(--walked-edge) }
.bar i.some { background: var(--partly-edge) } .bar i.few { background: var(--missed-edge) }
table.files { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--rule) }
table.files th, table.files td { padding: .5rem .8rem; border-bottom: 1px solid var(--rule); text-align: right;
                                 font-variant-numeric: tabular-nums }
table.files th:first-child, table.files td:first-child { text-align: left }
table.files th { color: var(--soft); font-weight: 500 }
.source { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; overflow-x: auto;
          font: 13px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; padding: .5rem 0 }
.line { display: grid; grid-template-columns: 3.6rem 1fr; border-left: .3rem solid transparent }
.line > a { color: var(--soft); text-align: right; padding-right: 1rem; text-decoration: none; user-select: none }
.line pre { margin: 0; font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; padding-right: 1rem }
.line.walked { background: var(--walked); border-color: var(--walked-edge) }
.line.partly { background: var(--partly); border-color: var(--partly-edge) }
.line.missed { background: var(--missed); border-color: var(--missed-edge) }
.line:target { outline: 2px solid var(--soft); outline-offset: -2px }
.line em { font: 12px/1.4 system-ui, sans-serif; font-style: normal; color: var(--soft); display: block }
.line.partly em { color: var(--partly-edge) } .line.missed em { color: var(--missed-edge) }
.legend { display: flex; flex-wrap: wrap; gap: 1.2rem; color: var(--soft); margin: 0 0 .8rem; font-size: .87rem }
.legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem; margin-right: .4rem;
            vertical-align: -.08rem; border: 1px solid }
.legend .walked { background: var(--walked); border-color: var(--walked-edge) }
.legend .partly { background: var(--partly); border-color: var(--partly-edge) }
.legend .missed { background: var(--missed); border-color: var(--missed-edge) }
"""


class _File(NamedTuple):
    """A source with its items."""

    tested: Tested
    source: Source
    items: list[Item]

    def walked(self) -> list[Item]:
        return [item for item in self.items if self.tested.coverage.walked(item)]


def coverage_pages(outcome: Outcome) -> dict[str, str]:
    """File name → page; `index.html` leads to the others."""
    files = [file for tested in outcome.tested for file in _files(tested)]
    taken: dict[str, _File] = {}
    for file in files:
        taken[_page_name(file.source.path, set(taken))] = file
    return {"index.html": _index(taken), **{name: _page(file) for name, file in taken.items()}}


def write_pages(folder: Path, pages: dict[str, str]) -> None:
    """Write them. OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        (folder / name).write_text(page, "utf-8")


def _files(tested: Tested) -> list[_File]:
    """The sources of an office that hold steps."""
    by_source: dict[int, tuple[Source, list[Item]]] = {}
    for item in tested.coverage.items:
        source = tested.sources.of(item.start)
        by_source.setdefault(id(source), (source, []))[1].append(item)
    return [_File(tested, source, items) for source, items in by_source.values()]


def _page_name(path: str, taken: set[str]) -> str:
    stem = re.sub(r"[^\w.-]", "_", path)
    names = (f"{stem}{suffix}.html" for suffix in ("", *(f"-{number}" for number in range(2, 10_000))))
    return next(name for name in names if name not in taken and name != "index.html")


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _bar(share: float) -> str:
    kind = "" if share == 100 else "some" if share >= 60 else "few"
    return f'<div class="bar"><i class="{kind}" style="width: {share:.1f}%"></i></div>'


def _totals(files: list[_File]) -> str:
    cards = []
    for kind in KINDS:
        count = sum(item.kind == kind for file in files for item in file.items)
        walked = sum(item.kind == kind for file in files for item in file.walked())
        if count:
            share = percent(walked, count)
            figures = f"<b>{walked}</b> <span>of {count} {kind}</span>"
            cards.append(f'<div class="total">{figures}{_bar(share)}</div>')
    return f'<div class="totals">{"".join(cards)}</div>'


def _index(pages: dict[str, _File]) -> str:
    head = "".join(f"<th>{kind}</th>" for kind in KINDS)
    rows = []
    for name, file in pages.items():
        cells = [f'<td><a href="{escape(name)}">{escape(file.source.path)}</a></td>']
        walked = file.walked()
        for kind in KINDS:
            count = sum(item.kind == kind for item in file.items)
            cells.append(f"<td>{sum(item.kind == kind for item in walked)} / {count}</td>" if count else "<td>–</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    tests = {id(file.tested): len(file.tested.verdicts) for file in pages.values()}
    body = (
        f'<h1>What the tests walked</h1>\n<p class="sub">{sum(tests.values())} tests</p>\n'
        f"{_totals(list(pages.values()))}\n"
        f'<table class="files"><tr><th>source</th>{head}</tr>{"".join(rows)}</table>'
    )
    return _document("What the tests walked", body)


_LEGEND = (
    '<p class="legend"><span><i class="walked"></i>walked</span>'
    '<span><i class="partly"></i>walked, but not every way</span>'
    '<span><i class="missed"></i>no test gets here</span></p>'
)


def _page(file: _File) -> str:
    by_line: dict[int, list[Item]] = {}
    for item in file.items:
        by_line.setdefault(file.source.place(item.at).line, []).append(item)
    lines = [
        _line(number, text, by_line.get(number, []), file)
        for number, text in enumerate(file.source.text.splitlines(), 1)
    ]
    body = (
        f'<p class="sub" style="margin-bottom: .3rem"><a href="index.html">all sources</a></p>\n'
        f"<h1>{escape(file.source.path)}</h1>\n"
        f'<p class="sub">office {escape(file.tested.office.name)}, {len(file.tested.verdicts)} tests</p>\n'
        f'{_totals([file])}\n{_LEGEND}\n<div class="source">\n{"".join(lines)}</div>'
    )
    return _document(file.source.path, body)


def _line(number: int, text: str, items: list[Item], file: _File) -> str:
    coverage = file.tested.coverage
    left = [item for item in items if not coverage.walked(item)]
    kind = ""
    if items:
        kind = "missed" if any(item.kind == "steps" for item in left) else "partly" if left else "walked"
    unseen = {item.start for item in left if item.kind == "steps"}
    notes = [item.what for item in left if item.what and item.start not in unseen]
    note = f"<em>not tried: {escape(', '.join(notes))}</em>" if notes else ""
    return (
        f'<div class="line {kind}" id="L{number}"><a href="#L{number}">{number}</a>'
        f"<pre>{escape(text) or ' '}{note}</pre></div>\n"
    )
