"""`python -m ivrc.testbed.fuzz --seed 1 --count 200`: random programs and calls on both sides, differences shown."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from ivrc.testbed.ami import AmiError
from ivrc.testbed.beside.play import Outcome
from ivrc.testbed.fuzz import calls, corpus
from ivrc.testbed.fuzz.programs import FAXES
from ivrc.testbed.fuzz.run import RATE, Bench, Pair, Plan, Tally, fuzz, open_bench
from ivrc.testbed.fuzz.shrink import shrink, weight
from ivrc.testbed.prefix import TestbedError


def show(pair: Pair, outcome: Outcome) -> str:
    """A difference, whole: program, call, both accounts."""
    assert outcome.difference is not None
    told = "\n".join(f"    {fact.told()}" for fact in outcome.told)
    seen = "\n".join(f"    {fact.told()}" for fact in outcome.seen)
    return (
        f"── {pair.name}: {outcome.difference.kind}\n{outcome.difference.text}\n{pair.program.text()}\n"
        f"{calls.to_json(pair.call._replace(at=outcome.call.at))}\n  the simulator:\n{told}\n  the telephone:\n{seen}\n"
    )


async def run(given: argparse.Namespace) -> Tally:
    """A run; each difference is shown when it is found, and made small when all are."""

    def told(pair: Pair, outcome: Outcome) -> None:
        assert outcome.difference is not None
        print(f"difference {pair.name}: {outcome.difference.kind}: {outcome.difference.text}", flush=True)
        if given.out is not None:
            path = corpus.write(given.out, file_name(pair), "", pair, outcome)
            path.with_suffix(".txt").write_text(show(pair, outcome))

    with tempfile.TemporaryDirectory(prefix="ivrc-fuzz-") as folder:
        async with AsyncExitStack() as stack:
            Path(folder).chmod(0o755)
            opened = [open_bench(Path(folder, str(number)), given.rate) for number in range(given.rigs)]
            benches = [await stack.enter_async_context(each) for each in opened]
            bench = benches[0]
            if given.replay is not None:
                tally = await replay(bench, given.replay, told)
            else:
                tally = await fuzz(benches, given.seed, given.count, told, given.seconds, Plan(faxes=given.faxes))
                print("steps:", dict(tally.steps.most_common()))
                print("facts:", dict(tally.facts.most_common()))
                for warning in dict.fromkeys(line for each in benches for line in each.rig.office.warnings()):
                    print("asterisk:", warning)
            if given.out is not None and given.shrink:
                await _shrink_all(bench, tally, given.out)
    return tally


async def _shrink_all(bench: Bench, tally: Tally, out: Path) -> None:
    for pair, outcome in one_of_each(tally.differences):
        try:
            small, last = await shrink(bench, pair, outcome, lambda text: print("  smaller:", text, flush=True))
        except (TestbedError, AmiError, TimeoutError) as fault:
            print("cannot shrink", pair.name, repr(fault))
            continue
        path = corpus.write(out, file_name(pair) + "_small", "", small, last)
        path.with_suffix(".txt").write_text(show(small, last))
        print(show(small, last), path, flush=True)


def file_name(pair: Pair) -> str:
    """A pair's name as a file's."""
    return pair.name.replace(".", "_").replace("-", "_")


def one_of_each(differences: Sequence[tuple[Pair, Outcome]]) -> list[tuple[Pair, Outcome]]:
    """Of each kind of difference the smallest pair: many have one cause, and each takes minutes."""
    found: dict[str, tuple[Pair, Outcome]] = {}
    for pair, outcome in sorted(differences, key=lambda each: weight(each[0])):
        assert outcome.difference is not None
        found.setdefault(outcome.difference.kind, (pair, outcome))
    return list(found.values())


async def replay(bench: Bench, path: Path, told: Callable[[Pair, Outcome], None]) -> Tally:
    """Pairs from a file, or from all of a folder, each alone."""
    tally, begun = Tally(), time.monotonic()
    for kept in corpus.read_all(path) if path.is_dir() else [corpus.read(path)]:
        await bench.players.set_clock(kept.call.at)
        offices = bench.load({0: kept.pair.program})
        outcome = await bench.play(kept.pair, offices[0], 0)
        tally.count(outcome)
        print(f"{kept.name}: {outcome.difference.text if outcome.difference else 'no difference'}")
        if outcome.difference is not None:
            tally.differences.append((kept.pair, outcome))
            told(kept.pair, outcome)
    tally.seconds = time.monotonic() - begun
    return tally


def main() -> None:
    """Exit code 1 if there was a difference."""
    parser = argparse.ArgumentParser(prog="python -m ivrc.testbed.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same programs and calls")
    parser.add_argument("--count", type=int, default=200, help="pairs of a program and a call")
    parser.add_argument("--faxes", type=float, default=FAXES, help="the share of programs with steps for fax machines")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no new batch after so long")
    parser.add_argument("--rate", type=float, default=RATE, help="how much faster than life the telephones run")
    parser.add_argument("--rigs", type=int, default=1, help="so many pairs of Asterisks at a time")
    parser.add_argument("--out", type=Path, help="a folder for the differences")
    parser.add_argument("--shrink", action="store_true", help="make one difference of each kind small, into --out")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="a kept pair (NAME.ivr), or a folder of them")
    tally = asyncio.run(run(parser.parse_args()))
    print(tally.text())
    sys.exit(bool(tally.differences))


if __name__ == "__main__":
    main()
