"""Files that calls leave: faxes as PDF in their right shape, and what is forgotten when."""

from __future__ import annotations

import errno
import struct
import time
import wave
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ivrc.history.collect import prune
from ivrc.history.journey import Mark
from ivrc.history.media import attach
from ivrc.history.settings import HistorySettings
from tests.history.test_history import Place_, with_files
from tests.live.fax_pages import FINE, STANDARD, boxes, draw_page, write_fax

SUPERFINE = (204.0, 391.0)


def fax_of(folder: Path, path: Path, told: tuple[str, ...] = ("SUCCESS", "1", "", "+7499")) -> dict[str, Any]:
    """What becomes of a fax that lies in the spool."""
    settings = HistorySettings(spool=folder)
    found = attach(settings, "1.1", (Mark("fax", told, str(path)),), 1.0)
    (row,) = found.media
    return row


def received(folder: Path) -> Path:
    path = folder / "ivrc/fax/1.1-5.tiff"
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.parametrize("resolution", [STANDARD, FINE, SUPERFINE], ids=["standard", "fine", "superfine"])
def test_pages_of_a_pdf_have_the_shape_of_the_paper(tmp_path: Path, resolution: tuple[float, float]) -> None:
    """An A4 page, a strip and a long one, each as wide as the paper: 215 mm."""
    path = received(tmp_path)
    lengths = [297, 40, 420]
    write_fax(path, [draw_page(number, resolution, length) for number, length in enumerate(lengths, 1)], resolution)
    row = fax_of(tmp_path, path, ("SUCCESS", "3", "", "+7499"))
    assert row["path"] == str(path.with_suffix(".pdf"))
    assert row["pages"] == 3
    widths, heights = zip(*boxes(row["path"]), strict=True)
    assert widths == pytest.approx([215.2] * 3, abs=0.2)
    assert heights == pytest.approx(lengths, abs=0.3)
    assert row["size"] == path.stat().st_size + path.with_suffix(".pdf").stat().st_size


@pytest.mark.parametrize(("width", "millimetres"), [(864, 107.6), (2048, 255.0), (2432, 302.8)])
def test_narrow_and_wide_paper(tmp_path: Path, width: int, millimetres: float) -> None:
    path = received(tmp_path)
    Image.new("1", (width, 980), 1).save(path, format="TIFF", compression="group3", dpi=STANDARD)
    (box,) = boxes(fax_of(tmp_path, path)["path"])
    assert box == pytest.approx((millimetres, 254.0), abs=0.2)


def test_pages_that_came_before_a_fax_broke_off_are_in_the_pdf(tmp_path: Path) -> None:
    path = received(tmp_path)
    write_fax(path, [draw_page(1)])
    row = fax_of(tmp_path, path, ("FAILED", "1", "HANGUP", "+7499"))
    assert len(boxes(row["path"])) == 1
    assert (row["status"], row["pages"]) == ("FAILED: HANGUP", 1)


@pytest.mark.parametrize("keep", [0, 8, 200, -300])
def test_a_file_that_is_no_fax_stays_as_it_is(tmp_path: Path, keep: int) -> None:
    path = received(tmp_path)
    write_fax(path, [draw_page(1), draw_page(2)])
    path.write_bytes(path.read_bytes()[:keep])
    row = fax_of(tmp_path, path)
    assert Path(row["path"]).exists()
    assert list(path.parent.glob(".*")) == []


def test_pages_that_no_room_was_left_for_are_not_told_as_received(tmp_path: Path) -> None:
    path = received(tmp_path)
    write_fax(path, [draw_page(1)])
    row = fax_of(tmp_path, path, ("SUCCESS", "3", "", "+7499"))
    assert (row["status"], row["pages"]) == ("FAILED: 1 of 3 pages could be kept", 1)
    assert len(boxes(row["path"])) == 1


def test_what_made_the_folder_is_taken_away(tmp_path: Path) -> None:
    path = received(tmp_path)
    (path.parent / ".folder.wav").write_bytes(b"RIFF")
    row = fax_of(tmp_path, path, ("FAILED", "0", "HANGUP", ""))
    assert (row["path"], row["status"]) == ("", "FAILED: HANGUP")
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
def test_message_of_a_mailbox_stays_when_its_owner_deletes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    if not links:
        monkeypatch.setattr("os.link", refuse)
    settings, message = mailbox(tmp_path)
    (row,) = attach(settings, "1.1", (Mark("mailbox", (), str(message.with_suffix(""))),), time.time()).media
    assert (message.stat().st_nlink == 2) is links
    kept = message.read_bytes()
    message.unlink()
    assert Path(row["path"]).read_bytes() == kept


def test_message_that_cannot_be_copied_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(_: Path, target: Path) -> None:
        target.write_bytes(b"RIFF")
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.link", lambda *_: fill(tmp_path, tmp_path / "unused"))
    monkeypatch.setattr("shutil.copyfile", fill)
    settings, message = mailbox(tmp_path)
    with pytest.raises(OSError, match="full"):
        attach(settings, "1.1", (Mark("mailbox", (), str(message.with_suffix(""))),), time.time())
    assert list((settings.media / "voicemail").iterdir()) == []


def mailbox(folder: Path) -> tuple[HistorySettings, Path]:
    """A message of three seconds in a mailbox."""
    message = folder / "spool/voicemail/ivrc-lab/101/INBOX/msg0000.wav"
    message.parent.mkdir(parents=True)
    with wave.open(str(message), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(struct.pack("<h", 8000) * 24000)
    return HistorySettings(spool=folder / "spool"), message


# ── forgetting ──────────────────────────────────────────────────────────────────────────────────


def with_rules(place: Place_, **rules: Any) -> HistorySettings:
    kept = {name: getattr(place.settings, name) for name in place.settings.__struct_fields__}
    return HistorySettings(**{**kept, **rules})


def test_files_are_forgotten_by_age_and_calls_stay(tmp_path: Path) -> None:
    place = with_files(tmp_path, 3.0)
    began = sorted(call["began"] for call in place.whole() if call["media"])
    now = began[0] + 100
    assert prune(with_rules(place, keep_media=101.0), place.store, now) == (0, 0)
    assert prune(with_rules(place, keep_media=99.0), place.store, now) == (0, sum(at < now - 99 for at in began) * 2)
    assert len(place.whole()) == 4
    assert all(call["media"] == [] for call in place.whole() if call["began"] < now - 99)


def test_a_file_that_is_gone_already_does_not_stop_forgetting(tmp_path: Path) -> None:
    place = with_files(tmp_path, 3.0)
    for path in (tmp_path / "spool").rglob("*.wav"):
        path.unlink()
    assert prune(with_rules(place, media_bytes=1), place.store, 2e9)[1] == 2
    assert all(call["media"] == [] for call in place.whole())
