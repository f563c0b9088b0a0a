"""A disk that is full during a message, a fax, and a conversation that is recorded: the call goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ivrc.history import cel
from ivrc.testbed.sip_xml import answers, expect_answer, hangup, talk, wait_hangup
from tests.live.fax_machine import open_machine
from tests.live.fax_pages import draw_noise, draw_page, write_fax
from tests.live.lab import SETTINGS, MakeLab, number
from tests.live.test_history import Kept, told

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee anna { extension 101 sip "PJSIP/anna" }
employee boris { sip "PJSIP/boris" }
number "+7 495 000-00-01" -> message
number "+7 495 000-00-02" -> recorded
number "+7 495 000-00-03" -> mailbox
number "+7 495 000-00-04" -> fax_line
scenario mailbox { voicemail for 60s to anna  play "done" }
scenario fax_line { fax  play "done" }
scenario message { voicemail for 60s  play "done" }
scenario recorded { record calls  call employee boris for 10s }
"""
)
FULL = "the disk is full: what was left may be cut short or lost"
DISK = 1 << 20
# What is left for a file: some four seconds of 16-bit samples.
LEFT = 64 << 10


@pytest.fixture(scope="module")
def kept(make_lab: MakeLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A lab whose spool is a small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("a disk can be mounted by root only")
    lab = make_lab(OFFICE, prompts={"done": 0.4}, phones=["anna", "boris"], settings=cel_settings())
    spool = lab.asterisk.rundir / "var/spool"
    owner = spool.stat()
    options = f"size={DISK},mode=755,uid={owner.st_uid},gid={owner.st_gid}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", spool], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    kept = Kept(lab, tmp_path_factory.mktemp("history"))
    try:
        yield kept
    finally:
        kept.store.close()
        subprocess.run(["umount", "-l", spool], check=True)


def cel_settings() -> dict[str, str]:
    files = cel.settings()
    files["cel.conf"] += "[manager]\nenabled=yes\n"
    return files


@contextmanager
def filled(kept: Kept, left: int) -> Iterator[None]:
    """A disk on which only so many bytes are left."""
    ballast = kept.settings.spool / "ballast"
    free = os.statvfs(kept.settings.spool)
    ballast.write_bytes(b"\0" * (free.f_bavail * free.f_bsize - left))
    yield
    ballast.unlink()


@pytest.fixture
def nearly_full(kept: Kept) -> Iterator[None]:
    with filled(kept, LEFT):
        yield


def file_of(call: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = call["media"]
    assert Path(found["path"]).exists()
    assert 1.0 < found["seconds"] < 4.5
    assert FULL in told(call)
    return found


def test_a_message(kept: Kept, nearly_full: None) -> None:
    script = [expect_answer(), talk(3.0), wait_hangup(20)]
    result, journey = kept.lab.call(number(1), script, from_="+79160020001")
    assert result.ok, result.transcript
    assert journey.heard[-1] == "ivrc/lab/done", "the call goes on"
    call = kept.last("+79160020001")
    assert call["outcome"] == "message"
    file_of(call)


def test_a_message_for_a_mailbox(kept: Kept, nearly_full: None) -> None:
    result, journey = kept.lab.call(number(3), [expect_answer(), talk(3.0), wait_hangup(20)], from_="+79160020004")
    assert result.ok, result.transcript
    call = kept.last("+79160020004")
    assert journey.heard[-1] == "ivrc/lab/done", "the call goes on"
    assert call["outcome"] == "message"
    file_of(call)


# VoiceMail leaves no trace of what it could not begin.
NOTHING_KEPT = {1: ("no_message", "the disk was full: no message"), 3: ("nobody", 'ended during `play "done"`')}


@pytest.mark.parametrize("to", [1, 3])
def test_no_room_for_a_message_at_all(kept: Kept, to: int) -> None:
    caller = f"+7916002001{to}"
    with filled(kept, 0):
        result, journey = kept.lab.call(number(to), [expect_answer(), talk(3.0), wait_hangup(80)], from_=caller)
        assert result.ok, result.transcript
        call = kept.last(caller)
    assert journey.heard[-1] == "ivrc/lab/done", "the call goes on"
    assert FULL in told(call)
    assert call["media"] == []
    assert (call["outcome"], call["words"]) == NOTHING_KEPT[to]


def test_a_fax(kept: Kept, tmp_path: Path) -> None:
    """The first page is received; the second takes more room than there is."""
    pages = [draw_page(1), draw_noise(1, 160)]
    with ExitStack() as stack:
        machine = open_machine(stack, tmp_path, "22", kept.lab.asterisk.sip_port, "")
        path = machine.tray / "two.tiff"
        write_fax(path, pages)
        with filled(kept, 8 << 10):
            name = machine.begin(number(4), path, "T38", stays=5)
            sent = machine.result(name, 120)
            call = kept.last(machine.caller(name))
    assert sent.pages == 2, "Asterisk takes both, and says so"
    (fax,) = call["media"]
    assert fax["pages"] < 2
    assert fax["status"] == f"FAILED: {fax['pages']} of 2 pages could be kept"
    assert (call["outcome"], call["words"]) == ("fax_failed", f"fax failed: {fax['pages']} of 2 pages could be kept")
    assert FULL in told(call)
    assert 'play "done"' in " ".join(told(call)), "the call goes on"


def test_a_conversation(kept: Kept, nearly_full: None) -> None:
    phones = {"boris": answers(0.2, talk=True)}
    script = [expect_answer(), talk(9.0), hangup()]
    result, journey = kept.lab.call(number(2), script, phones, from_="+79160020002")
    assert result.ok, result.transcript
    assert journey.talked == ["boris"]
    call = kept.last("+79160020002")
    assert call["words"].startswith("talked with boris, 9")
    file_of(call)


def test_afterwards_all_is_as_before(kept: Kept) -> None:
    result, _ = kept.lab.call(number(1), [expect_answer(), talk(6.0), hangup()], from_="+79160020003")
    assert result.ok, result.transcript
    (found,) = kept.last("+79160020003")["media"]
    assert 4.5 < found["seconds"] < 7.0
