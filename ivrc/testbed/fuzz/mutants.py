"""Mutation testing of the compiled dialplan: a line made wrong must make a difference to some call.

Programs and calls of the fuzzing are played once as compiled; then copies of a program, each with one line made wrong
that such a call runs, in places of their own, with the same calls. A mutant whose calls all go as the simulator says
is hunted: other random calls to its program, at other moments, as the fuzzing would make sooner or later.

`python -m ivrc.testbed.fuzz.mutants --seed 1 --count 60`, or `make mutants`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from ivrc.output import Content
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz import calls
from ivrc.testbed.fuzz.offices import compile_programs, prepare
from ivrc.testbed.fuzz.run import PLACES, RATE, Bench, Pair, Tally, moment_of, open_bench, pairs_of, play_all

AT_ONCE = 20
# Calls that a mutant is given; all of them run the line.
CALLS = 3
# Other calls that one is hunted with, if these do not catch it: so many, at so many moments.
HUNT_CALLS, HUNTS = 6, 4
_CONTEXT = re.compile(r"\[(.+)\]")
_LINE = re.compile(
    r"(?P<begin>exten => (?P<exten>[^,]+),1| same => n)(?P<label>\([^()]*\))?,(?P<app>\w+)\((?P<args>.*)\)"
)


class Line(NamedTuple):
    """A line of the dialplan: where it is and what it says."""

    number: int
    context: str
    exten: str
    priority: int
    label: str
    app: str
    args: str


class Mutant(NamedTuple):
    """One line made wrong: how, what it was, and what it became (None: nothing, a NoOp)."""

    operator: str
    line: Line
    app: str
    args: str


def lines_of(dialplan: str) -> Iterator[Line]:
    """Every line of a dialplan with its priority."""
    context = exten = ""
    priority = 0
    for number, text in enumerate(dialplan.splitlines()):
        if match := _CONTEXT.fullmatch(text):
            context = match[1]
        elif match := _LINE.fullmatch(text):
            priority = 1 if match["exten"] else priority + 1
            exten = match["exten"] or exten
            yield Line(number, context, exten, priority, match["label"] or "", match["app"], match["args"])


def mutated(dialplan: str, mutant: Mutant) -> str:
    """The dialplan with the mutant's line in place of the right one."""
    texts = dialplan.splitlines()
    match = _LINE.fullmatch(texts[mutant.line.number])
    assert match is not None
    texts[mutant.line.number] = f"{match['begin']}{match['label'] or ''},{mutant.app}({mutant.args})"
    return "\n".join(texts) + "\n"


# ── operators: a line, and the others of its office, to what the line may become ──

Operator = Callable[[Line, Sequence[Line]], Iterator[tuple[str, str]]]


def _dropped(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    if line.app not in ("NoOp", "Answer"):
        yield "NoOp", ""


def _unanswered(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    if line.app == "Answer":
        yield "NoOp", ""


def _swapped(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    if line.app == "GotoIf":
        condition, _mark, targets = line.args.rpartition("?")
        first, _mark, second = targets.partition(":")
        yield "GotoIf", f"{condition}?{second}:{first}"
    elif line.app == "ExecIf" and line.args.count("?") == 1:
        condition, _mark, done = line.args.partition("?")
        yield "ExecIf", f"{condition}?NoOp():{done}"


def _longer(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """Three seconds more."""
    fields = line.args.split(",")
    place = {"Dial": 1, "WaitExten": 0, "Wait": 0, "Queue": 4}.get(line.app)
    if place is not None and place < len(fields) and fields[place].isdigit():
        fields[place] = str(int(fields[place]) + 3)
        yield line.app, ",".join(fields)
    if line.app == "Gosub" and (match := re.fullmatch(r"(.*,s,1)\((\d+)(.*)\)", line.args)):
        yield "Gosub", f"{match[1]}({int(match[2]) + 3}{match[3]})"
    if line.app == "Set" and (match := re.fullmatch(r"(TIMEOUT\(absolute\)=|IVRC_UNTIL=.*\+ )(\d+)(\]?)", line.args)):
        more = 3000 if match[1].startswith("IVRC") else 3
        if match[2] != "0":
            yield "Set", f"{match[1]}{int(match[2]) + more}{match[3]}"


def _elsewhere(line: Line, others: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """Another target: of a jump another one of the office's, of a ring another phone."""
    if line.app == "Goto" and "$" not in line.args and "," in line.args:
        for other in others:
            if other.app == "Goto" and other.args != line.args and "$" not in other.args and other.args.count(",") == 2:
                yield "Goto", other.args
    if line.app == "Dial" and line.args.startswith("PJSIP/"):
        phone, comma, rest = line.args.partition(",")
        for other in others:
            if other.app == "Dial" and other.args.startswith("PJSIP/") and other.args.partition(",")[0] != phone:
                yield "Dial", other.args.partition(",")[0] + comma + rest


def _other_sound(line: Line, others: Sequence[Line]) -> Iterator[tuple[str, str]]:
    if line.app in ("Playback", "BackGround"):
        for other in others:
            if other.app in ("Playback", "BackGround") and other.args != line.args:
                yield line.app, other.args


def _other_label(line: Line, others: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """A jump within the extension to another of its labels."""
    labels = [o.label[1:-1] for o in others if o.label and (o.context, o.exten) == (line.context, line.exten)]
    if line.app == "GotoIf":
        condition, question, target = line.args.rpartition("?")
        for label in labels:
            if target.lstrip(":") in labels and label != target.lstrip(":"):
                yield "GotoIf", condition + question + ":" * target.startswith(":") + label
    if line.app == "Goto" and line.args in labels:
        yield from (("Goto", label) for label in labels if label != line.args)


def _option(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """Options left out, or a wrong one."""
    if line.app == "Dial" and "U(" in line.args:
        yield "Dial", re.sub(r"U\([^)]*\)", "", line.args)
    if line.app == "Dial" and line.args.endswith(",i"):
        yield "Dial", line.args + "g"
        yield "Dial", line.args + "S(1)"
    if line.app == "Dial" and line.args.endswith(",r"):
        yield "Dial", line.args[:-1] + "m"
    if line.app == "Record":
        yield "Record", re.sub(r",10,", ",3,", line.args, count=1)
    if line.app == "Read":
        yield "Read", line.args.replace(",1,,2,4", ",1,,1,4")
    if line.app == "Hangup" and line.args:
        yield "Hangup", "19" if line.args == "16" else "16"


def _order(line: Line, others: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """In a group: what the next ring of the same extension has to say."""
    if ".group-" in line.context and line.app == "Dial":
        for other in others:
            if (other.context, other.app) == (line.context, "Dial") and other.args != line.args:
                yield "Dial", other.args


def _condition(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """A comparison turned round, or off by one."""
    if line.app in ("GotoIf", "ExecIf", "Set", "Return"):
        for old, new in ((" >= ", " < "), (" < ", " >= "), (" <= ", " < "), ('" = "', '" != "'), (" = 0]", " = 1]")):
            if line.args.count(old) == 1:
                yield line.app, line.args.replace(old, new)


OPERATORS: dict[str, Operator] = {
    "line dropped": _dropped,
    "Answer dropped": _unanswered,
    "branches swapped": _swapped,
    "time changed": _longer,
    "target changed": _elsewhere,
    "sound changed": _other_sound,
    "label changed": _other_label,
    "option changed": _option,
    "order of rings": _order,
    "comparison changed": _condition,
}

# Lines whose loss no call can show, and why. (What is looked at: the line's application and arguments.)
EQUIVALENT: tuple[tuple[str, str], ...] = (
    (r"Set\(__IVRC_PLAN=.*", "for the call history and for deploys, which have tests of their own"),
    (r"Set\(CHANNEL\(language\)=en\)", "English is Asterisk's own default, and all programs here are English"),
    (r"Set\(_IVRC_ASKER=\)", "keeps a variable from later legs, where nobody reads it"),
    (r"Set\(_IVRC_(MANAGER|SECOND)=\)", "clears what is empty, if no earlier step has named a manager"),
    (r"Set\(LOCAL\(waiting\)=.*", "counts other calls that wait with this manager; one call is alone"),
    (r"Set\(GROUP\(.*", "for other calls that wait with this manager; one call is alone"),
    (r"Set\(SHARED\(IVRC_FOUND\)=\)", "clears the answer to an earlier question, if there was none"),
    (r"CELGenUserEvent\(IVRC_(VOICEMAIL|RECORDING).*", "for the call history, which has tests of its own"),
    (r"Set\(IVRC_TRIES=0\)", "an empty variable counts as 0 in an expression, at a call's first menu"),
    (r"Hangup\(\)", "the end of a leg that ends there anyway"),
    (r"NoOp\(.*", "does nothing"),
)


_ANSWERS = ("Playback", "BackGround", "Record", "Read")


def reason(mutant: Mutant, following: str) -> str:
    """Why no call could tell the mutant; empty if one could. `following`: the application of the next line."""
    text = f"{mutant.line.app}({mutant.line.args})"
    if mutant.operator == "Answer dropped" and following in _ANSWERS:
        return "the next line answers by itself"
    if mutant.operator != "line dropped":
        return ""
    return next((why for pattern, why in EQUIVALENT if re.fullmatch(pattern, text)), "")


def why(some: Sequence[tuple[Known, Mutant]], place: int, dialplans: Mapping[int, str]) -> str:
    """The reason why a mutant cannot be told, if there is one."""
    each, mutant = some[place]
    lines = list(lines_of(dialplans[each.slot]))
    index = next((i for i, line in enumerate(lines) if line.number == mutant.line.number), -1)
    following = lines[index + 1].app if 0 <= index < len(lines) - 1 else ""
    return reason(mutant, following)


# ── the run ──


class Verdict(NamedTuple):
    """What became of a mutant: `by` is the difference that caught it, empty if it survived."""

    mutant: Mutant
    pair: str
    by: str
    why: str


class Known(NamedTuple):
    """A program as compiled, with the calls that go as they should and the lines that each ran."""

    slot: int
    pairs: list[Pair]
    ran: list[frozenset[tuple[str, str, int]]]


async def _baseline(bench: Bench, seed: str) -> list[Known]:
    """Programs with calls that show no difference."""
    random, moment = Random(seed), moment_of(Random(seed))
    places = {slot: pairs_of(bench, random, f"{seed}-{slot}", moment, Tally()) for slot in range(PLACES)}
    await bench.players.set_clock(moment)
    offices = bench.load({slot: pairs[0].program for slot, pairs in places.items() if pairs})
    known = {slot: Known(slot, [], []) for slot in offices}
    for turn in range(max(map(len, places.values()))):
        some = [(pairs[turn], offices[slot], slot) for slot, pairs in places.items() if turn < len(pairs)]
        for (pair, _, slot), outcome in zip(some, await play_all(bench, some, AT_ONCE), strict=True):
            if outcome.difference is None and not outcome.chance.drawn:
                known[slot].pairs.append(pair)
                known[slot].ran.append(_canonical(outcome.ran, slot))
    return [each for each in known.values() if each.pairs]


def _canonical(ran: frozenset[tuple[str, str, int]], slot: int) -> frozenset[tuple[str, str, int]]:
    """Lines as in place 000."""

    def home(text: str) -> str:
        return re.sub(rf"(fuzz|p|495|916|812|sip:s){slot:03}", r"\g<1>000", text)

    return frozenset((home(context), home(exten), priority) for context, exten, priority in ran)


def _text(content: Content) -> str:
    return content.read_text() if isinstance(content, Path) else b"".join(content).decode()


def choose(
    random: Random, dialplans: Mapping[int, str], known: Sequence[Known], count: int
) -> list[tuple[Known, Mutant]]:
    """Mutants of lines that calls run, as many of each operator as can be."""
    pools: dict[str, list[tuple[Known, Mutant]]] = {name: [] for name in OPERATORS}
    for each in known:
        lines = [line for line in lines_of(dialplans[each.slot]) if ".number-" not in line.context]
        everywhere = frozenset().union(*each.ran)
        for line in lines:
            if "ivrc-fuzz" not in line.context or (line.context, line.exten, line.priority) not in everywhere:
                continue
            for name, operator in OPERATORS.items():
                if made := list(operator(line, lines)):
                    pools[name].append((each, Mutant(name, line, *random.choice(made))))
    chosen: list[tuple[Known, Mutant]] = []
    seen: set[tuple[str, str, str]] = set()
    for pool in pools.values():
        random.shuffle(pool)
    while len(chosen) < count and any(pools.values()):
        for pool in pools.values():
            while pool and len(chosen) < count:
                each, mutant = pool.pop()
                key = (mutant.operator, mutant.line.app, re.sub(r"\d+|p000e\w+", "", mutant.line.args))
                if key not in seen:
                    seen.add(key)
                    chosen.append((each, mutant))
                    break
    return chosen


async def _load(
    bench: Bench, some: Sequence[tuple[Known, Mutant]], canonical: Mapping[int, str], moment: datetime
) -> list[Office]:
    """Put mutants into places of their own."""
    programs = {place: each.pairs[0].program for place, (each, _) in enumerate(some)}
    sources = {place: bench.placed(part.text(), place) for place, part in programs.items()}
    files = compile_programs(sources, bench.folder / "sources")
    dialplan = _text(files["extensions.conf"])
    for place, (each, mutant) in enumerate(some):
        dialplan = _put(dialplan, bench, place, canonical[each.slot], mutant)
    await bench.players.set_clock(moment)
    bench.rig.load({**files, "extensions.conf": [dialplan.encode()]}, strict=False)
    offices = [bench.prepare(part.text(), place) for place, part in programs.items()]
    return [office for office in offices if office is not None]


async def _try(
    bench: Bench, some: Sequence[tuple[Known, Mutant]], canonical: Mapping[int, str], weeks: int
) -> dict[int, str]:
    """Mutants, each with the calls that run its line, so many weeks later: place → what caught it."""
    offices = await _load(bench, some, canonical, some[0][0].pairs[0].call.at + timedelta(weeks=weeks))
    plays: list[tuple[Pair, Office, int]] = []
    for place, (each, mutant) in enumerate(some):
        line = (mutant.line.context, mutant.line.exten, mutant.line.priority)
        fit = [pair for pair, ran in zip(each.pairs, each.ran, strict=True) if line in ran][:CALLS]
        plays += [(pair, offices[place], place) for pair in fit]
    return await _caught(bench, plays)


async def _hunt(
    bench: Bench, some: Sequence[tuple[Known, Mutant]], canonical: Mapping[int, str], random: Random, weeks: int
) -> dict[int, str]:
    """Mutants with other calls at another moment near which their programs' hours lie."""
    moment = some[0][0].pairs[0].call.at
    moment += timedelta(weeks=weeks, days=random.choice([0, 0, 1]), minutes=random.choice([0, -3, 3, 60, -110, 120]))
    offices = await _load(bench, some, canonical, moment)
    plays: list[tuple[Pair, Office, int]] = []
    for place, (each, _) in enumerate(some):
        office = prepare(each.pairs[0].program.text(), bench.folder, bench.lengths)
        assert office is not None
        caller = calls.Caller(random, office.prepared, office.names, moment)
        made = (caller.call() for _ in range(3 * HUNT_CALLS))
        fit = [call for call in made if not calls.is_ambiguous(office.prepared, call)][:HUNT_CALLS]
        pairs = [each.pairs[0]._replace(call=call) for call in fit]
        plays += [(pair, offices[place], place) for pair in pairs]
    return await _caught(bench, plays)


async def _caught(bench: Bench, plays: Sequence[tuple[Pair, Office, int]]) -> dict[int, str]:
    """Place → the difference that shows again when the call is played once more."""
    caught: dict[int, str] = {}
    by_place: dict[int, list[tuple[Pair, Office, int]]] = {}
    for play in plays:
        by_place.setdefault(play[2], []).append(play)
    for turn in range(max(map(len, by_place.values()), default=0)):
        some = [all_[turn] for place, all_ in by_place.items() if turn < len(all_) and place not in caught]
        outcomes = await play_all(bench, some, AT_ONCE)
        doubtful = [play for play, outcome in zip(some, outcomes, strict=True) if outcome.difference is not None]
        for play, outcome in zip(doubtful, await play_all(bench, doubtful, AT_ONCE // 2), strict=True):
            if outcome.difference is not None:
                caught[play[2]] = f"{outcome.difference.kind}: {outcome.difference.text}"
    return caught


def _put(dialplan: str, bench: Bench, place: int, canonical: str, mutant: Mutant) -> str:
    """Put a mutant, chosen in the canonical text, into the text in which its program has a place."""
    line = mutant.line
    context, exten = bench.placed(line.context, place), bench.placed(line.exten, place)
    for other in lines_of(dialplan):
        if (other.context, other.exten, other.priority) == (context, exten, line.priority):
            return mutated(dialplan, mutant._replace(line=other, args=bench.placed(mutant.args, place)))
    raise AssertionError(f"{context},{exten},{line.priority} is not in the dialplan")


async def run(seed: int, count: int, rate: float) -> list[Verdict]:
    """So many mutants; each verdict is printed as it comes."""
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="ivrc-mutants-") as folder:
        async with open_bench(Path(folder), rate) as bench:
            known = await _baseline(bench, f"mutants-{seed}")
            print(
                f"{sum(len(each.pairs) for each in known)} calls to {len(known)} programs go as they should", flush=True
            )
            dialplans = {}
            for each in known:
                files = compile_programs({0: each.pairs[0].program.text()}, bench.folder / "canonical")
                dialplans[each.slot] = _text(files["extensions.conf"])
            # The rig's clock goes forwards only.
            weeks = itertools.count(1)
            chosen = choose(Random(seed), dialplans, known, count)
            for begin in range(0, len(chosen), PLACES):
                some = chosen[begin : begin + PLACES]
                caught = await _try(bench, some, dialplans, next(weeks))
                verdicts += _tell(some, caught, dialplans)
                left = [each for place, each in enumerate(some) if place not in caught]
                left = [each for place, each in enumerate(left) if not why(left, place, dialplans)]
                for turn in range(1, HUNTS + 1):
                    if left:
                        caught = await _hunt(bench, left, dialplans, Random(seed + turn), next(weeks))
                        verdicts += _tell(left, caught, dialplans)
                        left = [each for place, each in enumerate(left) if place not in caught]
                verdicts += _tell(left, dict.fromkeys(range(len(left)), ""), dialplans)
    return verdicts


def _tell(
    some: Sequence[tuple[Known, Mutant]], caught: Mapping[int, str], dialplans: Mapping[int, str]
) -> list[Verdict]:
    """The verdicts that are known now, printed: those caught, and those that cannot be."""
    verdicts = []
    for place, (each, mutant) in enumerate(some):
        reason = "" if caught.get(place) else why(some, place, dialplans)
        if place in caught or reason:
            verdicts.append(Verdict(mutant, each.pairs[0].name, caught.get(place, ""), reason))
            print(_told(verdicts[-1]), flush=True)
    return verdicts


def _told(verdict: Verdict) -> str:
    mutant = verdict.mutant
    was, became = f"{mutant.line.app}({mutant.line.args})", f"{mutant.app}({mutant.args})"
    what = f"caught, {verdict.by}" if verdict.by else f"equivalent, {verdict.why}" if verdict.why else "SURVIVED"
    place = f"[{mutant.line.context}] {mutant.line.exten},{mutant.line.priority}"
    return f"{mutant.operator}: {place} {was} -> {became}: {what}"


def table(verdicts: Sequence[Verdict]) -> str:
    """The table of the docs."""
    rows = ["| made wrong | mutants | caught | equivalent | survived |", "|---|---|---|---|---|"]
    for name in [*OPERATORS, "all"]:
        some = [each for each in verdicts if name in (each.mutant.operator, "all")]
        caught = sum(bool(each.by) for each in some)
        equivalent = sum(bool(each.why) and not each.by for each in some)
        rows.append(f"| {name} | {len(some)} | {caught} | {equivalent} | {len(some) - caught - equivalent} |")
    return "\n".join(rows)


def main() -> None:
    """Exit code 1 if a mutant survived."""
    parser = argparse.ArgumentParser(prog="python -m ivrc.testbed.fuzz.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--rate", type=float, default=RATE)
    given = parser.parse_args()
    verdicts = asyncio.run(run(given.seed, given.count, given.rate))
    print(table(verdicts))
    sys.exit(any(not each.by and not each.why for each in verdicts))


if __name__ == "__main__":
    main()
