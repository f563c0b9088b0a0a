"""Fax: a second Asterisk sends, what arrives is compared with what was sent."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.sip import Caller, Phone
from ivrc.testbed.sip_xml import answers, expect_answer, hangup, silent
from tests.live.fax_line import CLOCK, Line
from tests.live.fax_machine import STATION, FaxMachine, Mode, open_machine
from tests.live.fax_pages import FINE, STANDARD, boxes, draw_noise, draw_page, likeness, read_fax, write_fax
from tests.live.lab import SETTINGS, MakeLab, number, skip_without_streams
from tests.live.scripted_helper import ScriptedHelper

pytestmark = pytest.mark.live

PORT = take_ports()
OFFICE = (
    SETTINGS.replace("office lab", f'office lab  helper "127.0.0.1:{PORT}"  lookup for 10s')
    + """
employee gleb { crm "20" sip "PJSIP/gleb" }
employee anna { name "Anna" extension 101 sip "PJSIP/anna" }
group all at once { anna }

number "+7 495 000-00-01" -> fax_line
number "+7 495 000-00-02" -> fax_and_more
number "+7 495 000-00-03" -> two_faxes
number "+7 495 000-00-04" -> detected_too_late
number "+7 495 000-00-11" -> greeting
number "+7 495 000-00-12" -> menu
number "+7 495 000-00-13" -> extension
number "+7 495 000-00-14" -> answered
number "+7 495 000-00-15" -> ringing
number "+7 495 000-00-16" -> queue
number "+7 495 000-00-17" -> message
number "+7 495 000-00-18" -> mailbox
number "+7 495 000-00-19" -> timed
number "+7 495 000-00-20" -> managed
scenario fax_line { fax }
scenario fax_and_more { fax  play "done" }
scenario two_faxes { fax  fax }
scenario detected_too_late { fax detected -> fax_line  fax  fax detected -> fax_line  fax detected -> fax_line  fax }
scenario greeting { fax detected -> fax_line  play "greeting"  hangup }
scenario menu { fax detected -> fax_line  branch playing "greeting" for 60s { 1 -> fax_line }  play "done" }
scenario extension { fax detected -> fax_line  wait extension for 60s playing "greeting"  play "done" }
scenario answered { fax detected -> fax_line  call employee anna for 60s }
scenario ringing { fax detected -> fax_line  play "done"  call group all for 90s }
scenario queue {
    fax detected -> fax_line
    when mon-sun 00:00-00:01 { call employee anna for 1s }
    reach anyone for 90s
}
scenario message { fax detected -> fax_line  voicemail for 60s }
scenario mailbox { fax detected -> fax_line  voicemail for 60s to anna }
scenario timed { fax detected -> fax_line  play "asterisk:beep" for 12s  play "done" }
scenario managed { fax detected -> fax_line  call responsible { desk for 1s no mobile }  reach anyone for 90s }
"""
)
PROMPTS = {"greeting": 30.0, "done": 0.4}


def open_line(make_lab: MakeLab, folder: Path, version: str, stack: ExitStack) -> Line:
    lab = make_lab(OFFICE, version=version, prompts=PROMPTS, phones=["anna", "gleb"], faketime=CLOCK)
    return Line(lab, open_machine(stack, folder, version, lab.asterisk.sip_port, CLOCK))


@pytest.fixture(scope="module")
def line(make_lab: MakeLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with ExitStack() as stack:
        yield open_line(make_lab, tmp_path_factory.mktemp("machine"), "22", stack)


def await_true(what: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def test_loads_without_a_warning_and_without_the_folder(line: Line) -> None:
    assert line.lab.asterisk.warnings() == []
    assert not (line.lab.asterisk.rundir / "var/spool/ivrc").exists(), "the first fax makes it"


@pytest.mark.parametrize(
    ("mode", "pages", "resolution"),
    [("audio", 1, STANDARD), ("audio", 3, FINE), ("T38", 1, FINE), ("T38", 3, STANDARD)],
    ids=["audio-standard", "audio-fine", "T38-fine", "T38-standard"],
)
def test_every_dot_of_every_page_arrives(line: Line, mode: Mode, pages: int, resolution: tuple[float, float]) -> None:
    drawn = [draw_page(page, resolution) for page in range(1, pages + 1)]
    path = line.machine.tray / f"{mode}-{pages}-{resolution[1]}.tiff"
    write_fax(path, drawn, resolution)
    name = line.machine.begin(number(1), path, mode)
    sent = line.machine.result(name)
    linkedid = line.linkedid(name)
    mark = line.mark(linkedid)
    assert (sent.status, sent.pages) == ("SUCCESS", pages)
    assert mark[:4] == ("SUCCESS", pages, "", STATION)
    assert sent.mode == line.mode(linkedid) == mode
    assert mark.path.parent == line.lab.asterisk.rundir / "var/spool/ivrc/fax"
    received = read_fax(mark.path)
    assert [page.resolution for page in received] == [resolution] * pages
    widths, heights = zip(*boxes(line.as_pdf(mark)), strict=True)
    assert widths == pytest.approx([215.2] * pages, abs=0.2)
    assert heights == pytest.approx([60] * pages, abs=0.3)
    assert [likeness(*pair) > 0.999 for pair in zip(drawn, (page.image for page in received), strict=True)]


def test_asterisk_16_receives_in_both_ways(make_lab: MakeLab, tmp_path: Path) -> None:
    """Two at a time: its clock makes no fax faster."""
    with ExitStack() as stack:
        line = open_line(make_lab, tmp_path, "16", stack)
        assert line.lab.asterisk.warnings() == []
        path = line.machine.tray / "page.tiff"
        drawn = write_fax(path, [draw_page(1, FINE)], FINE)
        modes: tuple[Mode, ...] = ("audio", "T38")
        names = {mode: line.machine.begin(number(1), path, mode) for mode in modes}
        for mode, name in names.items():
            assert line.machine.result(name, 100).status == "SUCCESS"
            linkedid = line.linkedid(name)
            mark = line.mark(linkedid)
            assert (line.mode(linkedid), mark.status, mark.pages) == (mode, "SUCCESS", 1)
            (received,) = read_fax(mark.path)
            assert received.resolution == FINE
            assert likeness(drawn[0], received.image) > 0.999


@pytest.fixture(scope="module")
def page(line: Line) -> Path:
    path = line.machine.tray / "page.tiff"
    write_fax(path, [draw_page(1)])
    return path


def test_the_call_goes_on_when_the_machine_stays(line: Line, page: Path) -> None:
    name = line.machine.begin(number(2), page, "T38", stays=60)
    assert line.machine.result(name).status == "SUCCESS"
    linkedid = line.linkedid(name)
    assert line.mark(linkedid)[:2] == ("SUCCESS", 1)
    assert line.heard(linkedid) == ["ivrc/lab/done"]


def test_a_second_fax_does_not_overwrite_the_first(line: Line, page: Path) -> None:
    name = line.machine.begin(number(3), page, "T38", stays=30)
    assert line.machine.result(name).status == "SUCCESS"
    first, second = line.marks(line.linkedid(name))
    assert first[:2] == ("SUCCESS", 1)
    assert (*second[:4], str(second.path)) == ("FAILED", 0, "one fax a call", "", ".")
    (received,) = read_fax(first.path)
    assert likeness(draw_page(1), received.image) > 0.999


def test_a_second_try_is_received(line: Line, page: Path) -> None:
    """The first `fax` waits in vain until it passes; the machine begins in the second."""
    linkedid = line.sends_once_one_has_passed(number(3), page)
    first, second = line.marks(linkedid)
    assert first[:2] == ("FAILED", 0)
    assert second[:2] == ("SUCCESS", 1)
    assert len(read_fax(second.path)) == 1


def test_received_by_a_step_before_the_tone_is_heard(line: Line, page: Path) -> None:
    """What listens for the tone goes when a fax begins, and must not leave ReceiveFAX without audio."""
    linkedid = line.sends_once_one_has_passed(number(4), page)
    assert [mark[:2] for mark in line.marks(linkedid)] == [("FAILED", 0), ("SUCCESS", 1)]
    assert not [text for text in line.lab.asterisk.warnings() if "already running" in text]


def test_what_a_machine_calls_itself_is_data(line: Line, page: Path) -> None:
    name = line.machine.begin(number(1), page, "T38", station='x|${A};"$[1]\\)/..')
    assert line.machine.result(name).status == "SUCCESS"
    mark = line.mark(line.linkedid(name))
    assert mark[:4] == ("SUCCESS", 1, "", "xA1..")
    assert line.lab.asterisk.cli("core show channels count").startswith("0 active channels")


def second_page_under_way(line: Line, mode: Mode, machine: FaxMachine) -> str:
    """A fax of two long pages, the first of which has arrived."""
    path = machine.tray / "long.tiff"
    write_fax(path, [draw_noise(page) for page in (1, 2)])
    before = line.spooled()
    name = machine.begin(number(1), path, mode)
    await_true(lambda: any(page_count(path) for path in line.spooled() - before))
    return name


def page_count(path: Path) -> int:
    try:
        return len(read_fax(path))
    except OSError:
        return 0


@pytest.mark.parametrize("mode", ["audio", "T38"])
@pytest.mark.parametrize("end", ["hang-up", "power-cut"])
def test_the_pages_that_came_are_kept(line: Line, tmp_path: Path, mode: Mode, end: str) -> None:
    with ExitStack() as stack:
        machine = line.machine
        if end == "power-cut":
            machine = open_machine(stack, tmp_path, "22", line.lab.asterisk.sip_port, CLOCK)
        name = second_page_under_way(line, mode, machine)
        linkedid = line.linkedid(name)
        if end == "hang-up":
            machine.hang_up(name)
        else:
            os.kill(machine.asterisk.pid, signal.SIGKILL)
            if mode == "audio":
                # Nobody tells the receiver: it listens until its hour is over.
                await_true(lambda: line.lab.asterisk.cli("core show channels count").startswith("1 active channel"))
                line.lab.asterisk.set_time("@2026-11-23 11:00:00 x10")
        mark = line.mark(linkedid)
    pages = read_fax(mark.path)
    assert mark.status == "FAILED"
    assert mark.error
    assert mark.pages == 1
    assert likeness(draw_noise(1), pages[0].image) > 0.999
    assert len(boxes(line.as_pdf(mark))) == len(pages)


def test_a_first_page_that_breaks_off_leaves_no_file(line: Line) -> None:
    path = line.machine.tray / "long.tiff"
    write_fax(path, [draw_noise(1)])
    before = line.spooled()
    name = line.machine.begin(number(1), path, "T38")
    await_true(lambda: line.spooled() != before)
    line.machine.hang_up(name)
    mark = line.mark(line.linkedid(name))
    assert mark[:2] == ("FAILED", 0)
    assert mark.error
    assert not mark.path.exists()


def test_a_caller_who_hangs_up_at_once_leaves_no_file(line: Line) -> None:
    before = line.spooled()
    caller = Caller(line.lab.asterisk, to=number(1), script=[expect_answer(), hangup()], from_="+79160000001").run()
    assert caller.ok, caller.transcript
    mark = line.mark(line.lab.watch.calls("+79160000001")[-1])
    assert (mark.status, mark.pages, mark.station) == ("FAILED", 0, "")
    assert mark.error
    assert line.spooled() == before


def test_a_caller_who_only_listens_passes(line: Line) -> None:
    before = line.spooled()
    name = line.machine.speak(number(2), 120, tones="0/1000")
    assert line.machine.result(name).status == "SPOKE"
    linkedid = line.linkedid(name)
    mark = line.mark(linkedid)
    assert (mark.status, mark.pages) == ("FAILED", 0)
    assert line.spooled() == before
    skip_without_streams()
    assert line.heard(linkedid) == ["ivrc/lab/done"]


def arrives(line: Line, to: int, path: Path, mode: Mode = "T38") -> str:
    """A fax sent to a number for people is moved and received, once; the call's id.

    Its tone is audio in both modes; the pages of T.38 do not suffer when the machine is busy with other work.
    """
    name = line.machine.begin(number(to), path, mode)
    assert line.machine.result(name).status == "SUCCESS"
    linkedid = line.linkedid(name)
    mark = line.mark(linkedid)
    assert mark[:2] == ("SUCCESS", 1)
    assert len(read_fax(mark.path)) == 1
    return linkedid


@pytest.mark.parametrize("mode", ["audio", "T38"])
def test_detected_while_the_greeting_plays(line: Line, page: Path, mode: Mode) -> None:
    arrives(line, 11, page, mode)


@pytest.mark.parametrize("to", [12, 13], ids=["menu", "extension"])
def test_detected_while_keys_are_awaited(line: Line, page: Path, to: int) -> None:
    assert "ivrc/lab/done" not in line.heard(arrives(line, to, page))


def test_detected_once_somebody_has_answered(line: Line, page: Path) -> None:
    """While the phone rings the line is not answered, and a machine sends nothing."""
    with Phone(line.lab.asterisk, "anna", answers(0.5)) as anna:
        linkedid = arrives(line, 14, page)
        assert len(anna.calls) == 1
    assert line.lab.watch.journey(linkedid).talked == ["anna"]


def test_detected_while_a_group_rings(line: Line, page: Path) -> None:
    with Phone(line.lab.asterisk, "anna", silent()) as anna:
        linkedid = arrives(line, 15, page)
        assert anna.calls[0].cancelled_at is not None
    assert line.heard(linkedid)[0] == "ivrc/lab/done"


def test_detected_in_the_queue(line: Line, page: Path) -> None:
    with Phone(line.lab.asterisk, "anna", silent()):
        arrives(line, 16, page)


def test_a_machine_leaves_its_managers_queue(line: Line, page: Path) -> None:
    with ScriptedHelper(PORT) as helper, Phone(line.lab.asterisk, "gleb", silent()) as gleb:
        # The number that the machine's next call shows.
        helper.replies[line.machine.next_caller] = "1/found/gleb/no//////c/N"
        arrives(line, 20, page)
        assert gleb.calls[0].cancelled_at is not None
    give_back(PORT)
    assert "No Callers" in line.lab.asterisk.cli("queue show ivrc-lab.manager-gleb")


@pytest.mark.parametrize("to", [17, 18], ids=["message", "mailbox"])
def test_detected_while_a_message_is_recorded(line: Line, page: Path, to: int) -> None:
    arrives(line, to, page)


def test_the_time_of_the_step_does_not_cut_the_fax(line: Line, page: Path) -> None:
    assert "ivrc/lab/done" not in line.heard(arrives(line, 19, page))


def test_people_are_not_moved(line: Line) -> None:
    name = line.machine.speak(number(11), 60)
    assert line.machine.result(name).status == "SPOKE"
    linkedid = line.linkedid(name)
    assert line.marks(linkedid) == []
    told = line.lab.watch.journey(linkedid)
    assert not [step for step in told.steps if step.exten == "fax"]
    assert told.steps[-1].app == "Hangup", "the greeting came to its end"
