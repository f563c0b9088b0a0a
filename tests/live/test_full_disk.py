"""A disk that is full during a message and during a conversation that is recorded: the call goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivrc.history import cel
from ivrc.testbed.sip_xml import answers, expect_answer, hangup, talk, wait_hangup
from tests.live.lab import SETTINGS, MakeLab
from tests.live.test_history import Kept, number, told

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee boris { sip "PJSIP/boris" }
number "+7 495 000-00-01" -> message
number "+7 495 000-00-02" -> recorded
scenario message { voicemail for 60s  play "done" }
scenario recorded { record calls  call employee boris for 10s }
"""
)
DISK = 1 << 20
# What is left for a file: some four seconds of 16-bit samples.
LEFT = 64 << 10


@pytest.fixture(scope="module")
def kept(make_lab: MakeLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A lab whose spool is a small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("a disk can be mounted by root only")
    lab = make_lab(OFFICE, prompts={"done": 0.4}, phones=["boris"], settings=cel_settings())
    spool = lab.asterisk.rundir / "var/spool/ivrc"
    spool.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=777", "none", spool], check=False)
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


@pytest.fixture
def nearly_full(kept: Kept) -> Iterator[None]:
    ballast = kept.settings.media / "ballast"
    free = os.statvfs(kept.settings.media)
    ballast.write_bytes(b"\0" * (free.f_bavail * free.f_bsize - LEFT))
    yield
    ballast.unlink()


def file_of(call: dict[str, Any]) -> dict[str, Any]:
    (found,) = call["media"]
    assert Path(found["path"]).exists()
    assert 1.0 < found["seconds"] < 4.5
    assert "the disk is full: what was recorded may be cut short" in told(call)
    return found  # type: ignore[no-any-return]


def test_a_message(kept: Kept, nearly_full: None) -> None:
    script = [expect_answer(), talk(3.0), wait_hangup(20)]
    result, journey = kept.lab.call(number(1), script, from_="+79160020001")
    assert result.ok, result.transcript
    assert journey.heard[-1] == "ivrc/lab/done", "the call goes on"
    call = kept.last("+79160020001")
    assert call["outcome"] == "message"
    file_of(call)


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
