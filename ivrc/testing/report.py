"""Results in text and as JSON."""

from __future__ import annotations

import json
from typing import Any

import click

from ivrc.diagnostics import has_errors, render
from ivrc.simulate.telling import head, seconds
from ivrc.testing.coverage import KINDS, Coverage, Item, percent
from ivrc.testing.run import Untimed, Verdict
from ivrc.testing.suites import Outcome, Tested
from ivrc.testing.telling import expected_text, failure_lines, got_text


def print_outcome(outcome: Outcome, options: dict[str, Any]) -> None:
    """The whole report."""
    if options["form"] == "json":
        click.echo(json.dumps(outcome_data(outcome), ensure_ascii=False, indent=1))
        return
    for fault in render.in_order(outcome.faults):
        click.echo(render.render_text(fault, outcome.sources) + "\n", err=True)
    if has_errors(outcome.faults):
        click.echo("ivrc: errors; no test was run", err=True)
        return
    for tested in outcome.tested:
        for verdict in tested.verdicts:
            if not verdict.passed:
                click.echo("\n".join(map(_coloured, failure_lines(verdict, tested.teller))) + "\n")
        if tested.assumed:
            shown = ", ".join(f'"{name}"' for name in tested.assumed[:5]) + (" …" if len(tested.assumed) > 5 else "")
            click.echo(f"ivrc: {tested.office.name}: taken to last 5s: {shown}", err=True)
    if options["coverage"] or options["fail_under"] is not None:
        for tested in outcome.tested:
            click.echo("\n".join(coverage_lines(tested, details=options["coverage"])))
    click.echo(last_line(outcome, options))


def _coloured(line: str) -> str:
    return click.style(line, fg="red", bold=True) if line.startswith(("FAILED", ">")) else line


def last_line(outcome: Outcome, options: dict[str, Any]) -> str:
    """`12 passed, 1 failed`."""
    failed = sum(not verdict.passed for verdict in outcome.verdicts)
    passed = len(outcome.verdicts) - failed
    if not outcome.verdicts:
        return "no tests" + (f" for -k {options['words']!r}" if options["words"] else "")
    told = f"{failed} failed, {passed} passed" if failed else f"{passed} passed"
    least = options["fail_under"]
    if least is not None and (share := steps_percent(outcome)) < least:
        return f"{told}; steps walked: {_shown(share)}%, less than {least:g}%"
    return click.style(told, fg="red" if failed else "green", bold=True)


# ── coverage ──


def steps_percent(outcome: Outcome) -> float:
    """Of all offices' steps those that a test walked."""
    counts = [tested.coverage.counts()["steps"] for tested in outcome.tested]
    return percent(sum(walked for walked, _ in counts), sum(count for _, count in counts))


def _shown(share: float) -> str:
    """A percentage that is 100 only if it is."""
    return f"{min(share, 99.9) if share < 100 else share:.3g}"


def coverage_lines(tested: Tested, details: bool) -> list[str]:
    """What of an office was walked, and if wanted each thing that was not."""
    counts = tested.coverage.counts()
    shown = [f"{kind} {walked}/{count}" for kind, (walked, count) in counts.items() if count]
    lines = [f"{tested.office.name}: " + ", ".join(shown)]
    if details:
        left = tested.coverage.missing()
        # Of a step that no test comes to nothing else needs to be said.
        unseen = {item.start for item in left if item.kind == "steps"}
        told = [item for item in left if item.kind == "steps" or item.start not in unseen]
        lines += [f"  {tested.teller.place(item.at)}  {item_text(item, tested)}" for item in told]
    return lines


def item_text(item: Item, tested: Tested) -> str:
    """`call group hall for 30s: answered`."""
    step = head(tested.sources.text(item.start, item.end))
    return f"{step}: {item.what or 'no test gets here'}"


def coverage_data(coverage: Coverage, tested: Tested) -> dict[str, Any]:
    """Coverage as plain data."""
    counts = coverage.counts()
    missing = [
        {"kind": item.kind, "place": tested.teller.place(item.at), "what": item_text(item, tested)}
        for item in coverage.missing()
    ]
    return {**{kind: {"walked": counts[kind][0], "of": counts[kind][1]} for kind in KINDS}, "missing": missing}


# ── JSON ──


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    """Everything as plain data."""
    failed = sum(not verdict.passed for verdict in outcome.verdicts)
    return {
        "ok": not failed and not has_errors(outcome.faults),
        "passed": len(outcome.verdicts) - failed,
        "failed": failed,
        "offices": [_office_data(tested) for tested in outcome.tested],
        "diagnostics": [render.render_json(fault, outcome.sources) for fault in render.in_order(outcome.faults)],
    }


def _office_data(tested: Tested) -> dict[str, Any]:
    tests = [_verdict_data(verdict, tested) for verdict in tested.verdicts]
    coverage = coverage_data(tested.coverage, tested)
    return {"office": tested.office.name, "assumed": tested.assumed, "tests": tests, "coverage": coverage}


def _verdict_data(verdict: Verdict, tested: Tested) -> dict[str, Any]:
    teller, events = tested.teller, verdict.journey.events
    failures = [
        {
            "expected": expected_text(failure, teller),
            "got": got_text(failure, verdict.journey, teller),
            "place": "" if isinstance(failure, Untimed) else teller.place(failure.expectation.start),
            "at": seconds(events[failure.event].at),
            "event": failure.event,
        }
        for failure in verdict.failures
    ]
    told: dict[str, Any] = {"name": verdict.case.name, "place": teller.place(verdict.case.start)}
    told |= {"passed": verdict.passed, "seconds": round(verdict.seconds, 6), "failures": failures}
    if failures:
        told |= {"draws": verdict.draws, "failed_draws": verdict.failed}
        told["journey"] = [teller.data(event) for event in events]
    return told
