"""`ivrc test --asterisk`: tests of the language as calls through a real Asterisk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivrc.testbed.fetch import is_fetched
from tests.live.lab import skip_without_streams
from tests.support import run_python

pytestmark = pytest.mark.live

OFFICE = """
settings { office acme  country RU  timezone "Europe/Moscow"  language ru  trunk "PJSIP/{number}@provider" }
employee anna  { extension 101  sip "PJSIP/anna"  mobile "+7 916 000-00-01" }
employee boris { crm "18"  sip "PJSIP/boris" }
hours open { mon-fri 09:00-18:00 }
number "+7 495 123-45-67" -> main
scenario main {
    when open -> menu
    play "asterisk:vm-goodbye"
}
scenario menu {
    branch playing "asterisk:beep" for 3s {
        1 { call employee anna for 5s then mobile for 8s }
        3 { call number "+7 916 000-00-09" for 30s confirm  play "asterisk:vm-goodbye" }
        2 { call responsible { desk for 4s  no mobile } }
        nothing { voicemail for 20s }
    }
}

test "closed" { call "+7 495 123-45-67" at 2026-11-24 18:00  expect { plays "asterisk:vm-goodbye"  ends by office } }
test "still open" { call "+7 495 123-45-67" at 2026-11-24 17:59  expect { -> menu  voicemail } }
test "anna is busy: her mobile" {
    call "+7 495 123-45-67" at 2026-11-24 12:00
    anna busy
    "+7 916 000-00-01" answers after 2s
    press 1
    expect { not rings anna  reaches "+7 916 000-00-01" }
}
test "picks up and presses 1" {
    call "+7 495 123-45-67" at 2026-11-24 12:00
    "+7 916 000-00-09" answers after 2s accepts after 3s
    press 3
    expect { rings "+7 916 000-00-09" for 5s  reaches "+7 916 000-00-09" }
}
test "picks up and turns it down" {
    call "+7 495 123-45-67" at 2026-11-24 12:00
    "+7 916 000-00-09" answers after 2s declines after 3s
    press 3
    expect { rings "+7 916 000-00-09" for 5s  plays "asterisk:vm-goodbye" }
}
test "a mobile's voicemail is asked in the office's language, longer than in English" {
    call "+7 495 123-45-67" at 2026-11-24 12:00
    "+7 916 000-00-09" machine after 2s
    press 3
    expect { not reaches "+7 916 000-00-09"  plays "asterisk:vm-goodbye" }
}
test "the CRM names boris" {
    call "+7 495 123-45-67" from "+7 926 123-45-67" at 2026-11-24 12:00
    boris answers after 2s
    crm boris
    press 2
    expect { rings boris for 2s  reaches boris }
}
"""
WRONG = """
test "expects too much" { call "+7 495 123-45-67" at 2026-11-24 12:00  press 1  expect { reaches anna } }
"""


@pytest.fixture(autouse=True)
def _fetched() -> None:
    if not is_fetched("22"):
        pytest.skip("Asterisk 22 is not fetched: python -m ivrc.testbed.fetch 22")
    skip_without_streams()


def test_the_tests_of_an_office_as_calls(tmp_path: Path) -> None:
    (tmp_path / "office.ivr").write_text(OFFICE + WRONG)
    done = run_python(["-m", "ivrc", "test", "office.ivr", "--asterisk"], tmp_path, seconds=180)
    assert done.returncode == 1, done.stdout + done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith(("ok", "FAILED"))]
    names = re.findall(r'^test "(.*?)"', OFFICE, re.MULTILINE)
    assert len(names) == 7
    assert sorted(told) == sorted([*(f"ok     {name}" for name in names), "FAILED expects too much"]), done.stdout
    assert "1 failed, 7 passed" in done.stdout
    assert "differs from the simulator" not in done.stdout
