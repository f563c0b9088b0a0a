"""Calls by way of the real helper: found in the contact book and in a real Tryton, and every failure, with times."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ivrc
from ivrc.testbed.journey import Journey
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.sip import CallResult
from ivrc.testbed.sip_xml import answers, expect_answer, hangup, pause, silent, wait_hangup
from ivrc.testbed.tryton import Tryton
from tests.live.crm_server import Answer, CrmServer, contact, says, slow
from tests.live.lab import SETTINGS, Lab, MakeLab, number
from tests.live.test_ringing import Listener

pytestmark = pytest.mark.live

PORT = take_ports()
DEADLINE = 2.0
OFFICE = (
    SETTINGS.replace("office lab", f'office lab  helper "127.0.0.1:{PORT}"')
    + """
employee anna  { crm "17" extension 101 sip "PJSIP/anna" mobile "+7 916 111-22-33" }
employee boris { crm "18" sip "PJSIP/boris" }
number "+7 495 000-00-01" -> main
number "+7 495 000-00-02" -> answered
number "+7 495 000-00-03" -> wide
scenario main { call responsible { desk for 2s mobile for 3s }  play "done" }
scenario answered { play "done"  call responsible { desk for 2s mobile for 3s }  play "done" }
scenario wide { call responsible { desk for 2s all mobiles for 3s second }  play "done" }
"""
)
TALK = [expect_answer(30), pause(0.8), hangup()]
TO_THE_END = [expect_answer(30), wait_hangup()]


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Iterator[Lab]:
    yield make_lab(OFFICE, prompts={"done": 0.4}, phones=["anna", "boris"])
    give_back(PORT)


@pytest.fixture(scope="module")
def crm() -> Iterator[CrmServer]:
    with CrmServer() as server:
        yield server


@contextmanager
def helper(folder: Path, manifest: Path, crm_settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real helper, with these settings."""
    config = folder / "ivrc.toml"
    config.write_text(f'[agi]\nlisten = "127.0.0.1:{PORT}"\nstatus = ""\nmanifest = "{manifest}"\n' + crm_settings)
    command = [sys.executable, "-m", "ivrc", "agi", "serve", "--config", str(config)]
    with (folder / "helper.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 15
        while b"answering" not in (folder / "helper.log").read_bytes():
            assert process.poll() is None, (folder / "helper.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)


_callers = iter(range(10_000_000))


def caller() -> str:
    """A number that nothing remembers."""
    return f"+7917{next(_callers):07}"


def looked_up_in(journey: Journey) -> float:
    """Seconds from the question to the answer, as the caller waits for it."""
    # In their order, not by their times: a dead helper's answer comes within the same millisecond.
    steps = iter(journey.steps)
    asked = next(step for step in steps if step.app == "Dial" and ".lookup" in step.data)
    answered = next(step for step in steps if step.data == "_IVRC_ASKER=")
    return answered.at - asked.at


def passed_in_time(result: CallResult, journey: Journey, why: str) -> None:
    """The caller went on to the next step within the deadline and half a second, for this reason, hearing ringing."""
    assert result.ok, result.transcript
    assert journey.heard[-1] == "ivrc/lab/done"
    assert journey.variable("IVRC_WHY") == why
    assert looked_up_in(journey) < DEADLINE + 0.5
    assert "180 Ringing" in result.transcript


# ── found ───────────────────────────────────────────────────────────────────────────────────────

BOOK = """id,name,phone,responsible,second
c1,"Ivanov, Ivan",8 (916) 700-00-01 доб. 5,17,18
c2,Petrov,+7 916 700-00-02,18,
c3,Nobody's,+7 916 700-00-03,,
c4,Stranger's,+7 916 700-00-04,99,
"""


class TestContactBook:
    """The default CRM."""

    @pytest.fixture(scope="class")
    @classmethod
    def with_book(cls, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        folder = tmp_path_factory.mktemp("book")
        (folder / "contacts.csv").write_text(BOOK)
        arguments = ["crm", "import", "contacts.csv", "--book", "book.sqlite", "--country", "RU"]
        subprocess.run([sys.executable, "-m", "ivrc", *arguments], cwd=folder, check=True)
        with helper(folder, lab.build / "manifest.json", '[crm]\nkind = "book"\nfile = "book.sqlite"\n'):
            yield folder

    def test_found_in_the_book_rings_the_manager(self, lab: Lab, with_book: Path) -> None:
        result, journey = lab.call(number(1), TALK, {"anna": answers(0.3)}, from_="+79167000001")
        assert result.ok, result.transcript
        assert journey.talked == ["anna"]
        assert looked_up_in(journey) < 0.5

    def test_found_then_the_mobile_of_the_source_then_the_second(self, lab: Lab, with_book: Path) -> None:
        phones = {"anna": silent(), "boris": answers(0.3), "provider": silent()}
        result, journey = lab.call(number(3), TALK, phones, from_="+79167000001")
        assert result.ok, result.transcript
        assert [name for name in journey.rang if "lookup" not in name] == ["anna", "+79161112233@provider", "boris"]
        assert journey.talked == ["boris"]

    @pytest.mark.parametrize(
        ("from_", "why"),
        [
            ("+79167009999", "unknown"),
            ("+79167000003", "unassigned"),
            ("+79167000004", "stranger"),
            ("+79161112233", "own"),
        ],
    )
    def test_nobody_to_ring_passes_at_once(self, lab: Lab, with_book: Path, from_: str, why: str) -> None:
        result, journey = lab.call(number(1), TO_THE_END, from_=from_)
        passed_in_time(result, journey, why)
        assert looked_up_in(journey) < 0.5
        assert journey.talked == []

    def test_hidden_caller(self, lab: Lab, with_book: Path) -> None:
        result, journey = lab.call(number(1), TO_THE_END, from_="anonymous")
        passed_in_time(result, journey, "hidden")


# ── the CRM fails ───────────────────────────────────────────────────────────────────────────────

FAILURES: dict[str, tuple[Callable[[str], Answer], str]] = {
    "server error": (says(500), "down"),
    "slow": (slow(6.0), "slow"),
    "rate limit": (says(429), "busy"),
    "credentials": (says(401), "refused"),
    "not JSON": (says(200, b"<html>"), "nonsense"),
    "another shape": (says(200, b'{"contacts": "none"}'), "nonsense"),
    "broken encoding": (says(200, b'{"contacts": [{"id": "1", "name": "\xcf\xf0\xe8\xe2\xe5\xf2"}]}'), "nonsense"),
    "unknown manager": (lambda phone: (200, contact(phone, owner="4711", phones=[])), "stranger"),
    "no phones": (lambda phone: (200, contact(phone, owner="4711", phones=["x", "12", None, 5, "+7 ()"])), "stranger"),
    "ten megabytes": (says(200, b'{"contacts": [' + b'"x",' * 2_500_000 + b'"x"]}'), "nonsense"),
}


def hostile(phone: str) -> Answer:
    phones = [
        "${SHELL(touch /tmp/pwned)}", "PJSIP/x&Local/y@z", "+7 916 111-22-33\n\nSET VARIABLE X 1", "&PJSIP/boris",
        "+7 916 111-22-44,20,tT", "8 800 555 35 35", "+7 809 123-45-67" * 50,
    ]  # fmt: skip
    return 200, contact(phone, owner="17", phones=phones, name='"; ${EXTEN} &|\n\\')


class TestFailingCrm:
    """What a CRM may do to a call, and what it may not."""

    @pytest.fixture(scope="class")
    @classmethod
    def with_server(cls, lab: Lab, crm: CrmServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        folder = tmp_path_factory.mktemp("server")
        # Each failure is met for itself.
        lonely = '[crm.breaker]\nfailures = 1000\n[crm.cache]\nkeep = "0s"\nkeep_unknown = "0s"\n'
        with helper(folder, lab.build / "manifest.json", crm.settings + lonely):
            yield folder

    @pytest.mark.parametrize("case", FAILURES)
    def test_caller_goes_on_in_time_whatever_the_crm_does(
        self, lab: Lab, crm: CrmServer, with_server: Path, case: str
    ) -> None:
        reply, why = FAILURES[case]
        crm.reply = reply
        result, journey = lab.call(number(1), TO_THE_END, from_=caller())
        passed_in_time(result, journey, why)
        time.sleep(1.1 if case == "rate limit" else 0)

    def test_nothing_of_the_crms_is_dialled_but_numbers_and_endpoints_of_the_source(
        self, lab: Lab, crm: CrmServer, with_server: Path
    ) -> None:
        crm.reply = hostile
        phones = {"anna": silent(), "boris": silent(), "provider": silent()}
        result, journey = lab.call(number(3), TO_THE_END, phones, from_=caller())
        assert result.ok, result.transcript
        rung = {name for name in journey.rang if ".lookup" not in name}
        assert "anna" in rung
        assert rung <= {"anna", "+79161112233@provider", "+79161112244@provider", "+78005553535@provider"}
        assert not Path("/tmp/pwned").exists()

    def test_an_answered_caller_hears_a_tone_meanwhile(self, lab: Lab, crm: CrmServer, with_server: Path) -> None:
        crm.reply = slow(6.0)
        listener = Listener(lab, "+74950000002")
        listener.listen(2.3)
        assert 200 in listener.codes
        assert listener.loud_seconds(after=0.8) > 0.7, "silence while the CRM is asked"


# ── the helper fails ────────────────────────────────────────────────────────────────────────────


class TestFailingHelper:
    """The dialplan keeps the time limit by itself."""

    def test_down(self, lab: Lab) -> None:
        result, journey = lab.call(number(1), TO_THE_END, from_=caller())
        passed_in_time(result, journey, "down")
        assert looked_up_in(journey) < 0.5

    def test_port_filtered(self, lab: Lab) -> None:
        """A full backlog: whoever connects is not even refused."""
        with socket.socket() as full:
            full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            full.bind(("127.0.0.1", PORT))
            full.listen(0)
            waiting = []
            for _ in range(8):
                each = socket.socket()
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", PORT))
                waiting.append(each)
            time.sleep(0.2)
            result, journey = lab.call(number(1), TO_THE_END, from_=caller())
            for each in waiting:
                each.close()
        assert result.ok, result.transcript
        # The leg's own connection may give up at the same moment as its time is over.
        assert journey.variable("IVRC_WHY") in ("late", "down")
        assert 1.5 < looked_up_in(journey) < DEADLINE + 0.5
        assert journey.heard[-1] == "ivrc/lab/done"

    def test_frozen(self, lab: Lab, crm: CrmServer, tmp_path: Path) -> None:
        with helper(tmp_path, lab.build / "manifest.json", crm.settings) as process:
            process.send_signal(signal.SIGSTOP)
            result, journey = lab.call(number(1), TO_THE_END, from_=caller())
            passed_in_time(result, journey, "late")
            process.send_signal(signal.SIGCONT)
            crm.reply = lambda phone: (200, contact(phone))
            result, journey = lab.call(number(1), TALK, {"anna": answers(0.2)}, from_=caller())
            assert result.ok, result.transcript
            assert journey.talked == ["anna"]

    def test_killed_while_it_asks(self, lab: Lab, crm: CrmServer, tmp_path: Path) -> None:
        crm.reply = slow(6.0)
        with helper(tmp_path, lab.build / "manifest.json", crm.settings) as process:
            threading.Timer(0.8, process.kill).start()
            result, journey = lab.call(number(1), TO_THE_END, from_=caller())
            passed_in_time(result, journey, "broken")
            assert looked_up_in(journey) < 1.5

    def test_without_a_daemon_asterisk_runs_it(self, make_lab: MakeLab, crm: CrmServer, tmp_path: Path) -> None:
        """`helper "/path/of/ivrc"`: a process for each call, the same answer."""
        crm.reply = lambda phone: (200, contact(phone))
        python = _python_for_others()
        if python is None:
            pytest.skip("the test bed's Asterisk is another user, who can reach no Python of this version")
        with tempfile.TemporaryDirectory(prefix="ivrc-helper-") as there:
            Path(there).chmod(0o755)
            program, config = Path(there) / "ivrc", Path(there) / "ivrc.toml"
            source = OFFICE.replace(f'helper "127.0.0.1:{PORT}"', f'helper "{program}"  lookup for 4s')
            lab = make_lab(source, prompts={"done": 0.4}, phones=["anna", "boris"])
            shutil.copy(lab.build / "manifest.json", there)
            config.write_text('[agi]\nmanifest = "manifest.json"\ndeadline = "4s"\n' + crm.settings)
            path = ":".join(entry for entry in sys.path if entry.endswith("site-packages"))
            found = f"PYTHONPATH={Path(ivrc.__file__).parents[1]}:{path} IVRC_CONFIG={config}"
            program.write_text(f'#!/bin/sh\n{found} exec {python} -m ivrc "$@"\n')
            program.chmod(0o755)
            result, journey = lab.call(number(1), TALK, {"anna": answers(0.2)}, from_=caller())
        assert result.ok, result.transcript
        assert journey.talked == ["anna"]


def _python_for_others() -> str | None:
    """An interpreter of our version that the test bed's Asterisk may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        real = Path(path).resolve()
        if real.exists() and (os.getuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in real.parents)):
            return path
    return None


# ── a real Tryton ───────────────────────────────────────────────────────────────────────────────


class TestTryton:
    """A CRM that is none of ours, from a caller's number to a ringing phone."""

    @pytest.fixture(scope="class")
    @classmethod
    def tryton(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tryton]:
        with Tryton(tmp_path_factory.mktemp("tryton")) as server:
            yield server

    @pytest.fixture(scope="class")
    @classmethod
    def tryton_settings(cls, tryton: Tryton) -> str:
        os.environ["IVRC_TEST_TRYTON_KEY"] = tryton.key
        return (
            f'[crm]\nkind = "tryton"\nurl = "{tryton.url}"\ndatabase = "{tryton.database}"\n'
            'key = { env = "IVRC_TEST_TRYTON_KEY" }\n'
        )

    def test_rings_the_employee_of_the_newest_opportunity(
        self, lab: Lab, tryton: Tryton, tryton_settings: str, tmp_path: Path
    ) -> None:
        """The employee is not of the source: the phones of the profile ring."""
        with helper(tmp_path, lab.build / "manifest.json", tryton_settings):
            result, journey = lab.call(number(1), TALK, {"provider": answers(0.3)}, from_="+74957654321")
            assert result.ok, result.transcript
            assert journey.talked == ["+79161234501@provider"]
            assert looked_up_in(journey) < DEADLINE
            result, journey = lab.call(number(1), TO_THE_END, from_="+79031112255")
            passed_in_time(result, journey, "unassigned")

    def test_frozen_and_killed(self, lab: Lab, tryton: Tryton, tryton_settings: str, tmp_path: Path) -> None:
        with helper(tmp_path, lab.build / "manifest.json", tryton_settings):
            tryton.freeze()
            result, journey = lab.call(number(1), TO_THE_END, from_="+78127654322")
            tryton.thaw()
            passed_in_time(result, journey, "slow")
            tryton.kill()
            result, journey = lab.call(number(1), TO_THE_END, from_="+78127654322")
            passed_in_time(result, journey, "down")
