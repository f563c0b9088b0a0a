"""What the rules about mutants rest on: what Asterisk makes of lines that are wrong."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivrc.testbed.fuzz.clock import held
from ivrc.testbed.fuzz.jumps import Jumps, lines_of
from ivrc.testbed.fuzz.wrongs import mutants_of, mutated
from ivrc.testbed.pytest_fixtures import MakeAsterisk
from ivrc.testbed.watch import Watch
from tests.support import compile_paths

pytestmark = pytest.mark.live
pytest_plugins = ["ivrc.testbed.pytest_fixtures"]

ZONE = ZoneInfo("Europe/Moscow")
OFFICE = """
settings { office fuzz000  country RU  timezone "Europe/Moscow" }
hours open { mon, thu 21:00-03:00  sat 10:00-18:00  except holidays RU  except 2026-03-05 23:00-23:30  also 2026-05-09 }
number "+74950000000" -> main
scenario main { when open { hangup } }
"""
CONTEXT = "ivrc-fuzz000.hours-open"
# A Thursday, its hours taken away and the night after; a working Saturday and one that is a holiday.
MOMENTS = [
    datetime(*moment, tzinfo=ZONE)
    for moment in (
        (2026, 3, 5, 20, 59), (2026, 3, 5, 21, 30), (2026, 3, 5, 23, 10), (2026, 3, 6, 2, 30), (2026, 3, 7, 9, 30),
        (2026, 3, 7, 10, 0), (2026, 5, 9, 9, 0),
    )
]  # fmt: skip


def test_what_wrong_hours_return(make_asterisk: MakeAsterisk, tmp_path: Path) -> None:
    (tmp_path / "office.ivr").write_text(OFFICE, "utf-8")
    dialplan = compile_paths(tmp_path / "office.ivr").dialplan
    jumps = Jumps(lines_of(dialplan))
    wrong = [each for line in jumps.lines if line.context == CONTEXT for each in mutants_of(line, jumps)]
    plans = [mutated(dialplan, each) for each in wrong]
    followed = [Jumps(lines_of(plan)) for plan in plans]
    texts = [_context(dialplan, "ivrc.holidays-RU")]
    texts += [_context(plan, CONTEXT).replace(CONTEXT, f"wrong{at}") for at, plan in enumerate(plans)]
    expected = []
    for number, moment in enumerate(MOMENTS):
        # One that never returns, or ends the call, is not asked.
        told = {at: answer for at, each in enumerate(followed) if (answer := held(each, CONTEXT, moment)) is not None}
        asks = "\n".join(
            f" same => n,Gosub(wrong{at},s,1)\n same => n,Set(GLOBAL(AT{number}_{at})=${{GOSUB_RETVAL}})" for at in told
        )
        texts.append(f"[probe{number}]\nexten => s,1,NoOp()\n{asks}")
        expected.append(told)
    asterisk = make_asterisk(extensions="\n\n".join(texts) + "\n", faketime=_utc(MOMENTS[0]))
    with Watch(asterisk) as watch:
        for number, moment in enumerate(MOMENTS):
            asterisk.set_time(_utc(moment))
            watch.journey(watch.run(watch.ami.originate_local("s", f"probe{number}")))
    found = re.findall(r"AT(\d+)_(\d+)=(\d*)", asterisk.cli("dialplan show globals"))
    seen: list[dict[int, bool]] = [{} for _ in MOMENTS]
    for number, at, returned in found:
        seen[int(number)][int(at)] = returned == "1"
    assert len(wrong) > 40
    assert sum(map(len, expected)) > 300
    # They are wrong at some of the moments, each way.
    right = [held(jumps, CONTEXT, moment) for moment in MOMENTS]
    ways = {(right[number], answer) for number, told in enumerate(expected) for answer in told.values()}
    assert len(ways) == 4
    for number, told in enumerate(expected):
        assert seen[number] == told, MOMENTS[number]


QUEUE = """[probe]
exten => s,1,Answer()
 same => n,Set(BEFORE=${STRFTIME(,,%s%3q)})
 same => n,Queue(,c,,,10)
 same => n,Set(TOOK=$[${STRFTIME(,,%s%3q)} - ${BEFORE}])
 same => n,Set(STATUS=${QUEUESTATUS})
"""


def test_a_queue_without_a_name_is_left_at_once(make_asterisk: MakeAsterisk) -> None:
    asterisk = make_asterisk(extensions=QUEUE)
    with Watch(asterisk) as watch:
        journey = watch.journey(watch.run(watch.ami.originate_local("s", "probe")))
    took, status = journey.variable("TOOK"), journey.variable("STATUS")
    assert took is not None and int(took) < 500
    # Not CONTINUE, after which the call ends.
    assert status == "UNKNOWN"


def _context(dialplan: str, name: str) -> str:
    return dialplan[dialplan.index(f"[{name}]") :].partition("\n\n")[0]


def _utc(moment: datetime) -> str:
    return f"@{moment.astimezone(ZoneInfo('UTC')):%Y-%m-%d %H:%M:%S}"
