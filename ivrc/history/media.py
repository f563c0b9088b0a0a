"""Files that calls leave: looked at when the call is over, attached to it, or dropped where nothing is in them.

Paths come out of the event log and are believed only below the folders that are ours.
"""

from __future__ import annotations

import os
import shutil
import time
import wave
from array import array
from pathlib import Path
from typing import Any

from ivrc.history.journey import Mark
from ivrc.history.settings import HistorySettings
from ivrc.named import NamedTuple

SHORTEST = 1.0
"""Seconds: a shorter message is nobody's."""
QUIETEST = 300
"""The peak of 16-bit samples (of 32,768) below which there is silence and nothing else: line noise stays under it."""
FULL = 256 * 1024
"""Bytes left on a disk that is full: of a file of Asterisk's as much may be in its memory only."""
PATIENCE = 30.0
"""Seconds after a call's end in which its files may still be written."""


class Attached(NamedTuple):
    """What became of a call's marks: rows of the table `media`, notes for the journey, whether a message was empty."""

    media: list[dict[str, Any]]
    notes: list[tuple[float, str]]
    empty_message: bool
    missing: bool


def attach(settings: HistorySettings, linkedid: str, marks: tuple[Mark, ...], ended: float) -> Attached:
    """Look at a call's files: empty ones are deleted, faxes become PDF. OSError when a disk fails."""
    found = Attached([], [], False, False)
    empty = missing = False
    for mark in marks:
        path = trusted(settings, mark.path)
        if path is None and mark.kind == "fax" and not mark.path:
            found.media.append(_row(mark, "", None, told=mark.told))
            continue
        if path is None:
            found.notes.append((ended, f"a file was named where none of ours can be: {mark.path[:80]}"))
            continue
        if mark.kind == "mailbox":
            path = _copied(settings, path, linkedid)
        if mark.kind == "fax":
            # With this file the dialplan made the folder (decision 11).
            (settings.media / "fax" / ".folder.wav").unlink(missing_ok=True)
        if path is None or not path.exists():
            if mark.kind == "fax":
                found.media.append(_row(mark, mark.path, None, told=mark.told))
            else:
                missing = missing or time.time() - ended < PATIENCE
                empty = empty or mark.kind in ("voicemail", "mailbox")
            continue
        if mark.kind == "fax":
            found.media.append(_fax(mark, path))
            continue
        seconds, peak = measure(path)
        if seconds < SHORTEST or peak < QUIETEST:
            path.unlink(missing_ok=True)
            if mark.kind != "recording":
                empty = True
                if not is_full(settings):
                    found.notes.append((ended, "the message was empty: dropped"))
            continue
        found.media.append(_row(mark, mark.path, path, seconds=seconds))
    return found._replace(
        empty_message=empty and not any(each["kind"] == "voicemail" for each in found.media), missing=missing
    )


def is_full(settings: HistorySettings) -> bool:
    """Whether a disk that callers leave something on has no room."""
    folders = (settings.media, settings.spool / "voicemail")
    return any(folder.exists() and shutil.disk_usage(folder).free < FULL for folder in folders)


def trusted(settings: HistorySettings, text: str) -> Path | None:
    """The path if it lies below one of Asterisk's folders of ours, with links followed."""
    if not text or "\x00" in text or len(text) > 500:
        return None
    path = Path(text)
    path = path if path.is_absolute() else settings.media / path
    folders = (settings.media, settings.spool / "voicemail")
    try:
        real = path.parent.resolve() / path.name
        return (
            real if any(real.is_relative_to(folder.resolve()) for folder in folders) and not real.is_symlink() else None
        )
    except OSError:
        return None


def _copied(settings: HistorySettings, base: Path, linkedid: str) -> Path | None:
    """A mailbox's message: its owner may delete it, so the history has a copy. `base` has no suffix."""
    name = "".join(char for char in linkedid if char.isalnum() or char == ".")
    target = settings.media / "voicemail" / f"{name}-{base.parent.parent.name}-{base.name}.wav"
    if target.exists():
        return target
    for suffix in (".wav", ".WAV"):
        source = base.with_name(base.name + suffix)
        if source.exists():
            _make_folder(settings, target.parent)
            _link_or_copy(source, target)
            return target
    return None


def _link_or_copy(source: Path, target: Path) -> None:
    """One file under two names takes no room, and what is deleted in a mailbox stays here."""
    part = target.with_name("." + target.name)
    try:
        os.link(source, target)
        return
    except FileExistsError:
        return
    except OSError:
        pass  # another disk, or one without links
    try:
        shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _make_folder(settings: HistorySettings, folder: Path) -> None:
    """A folder of ours, Asterisk's own as all of them are: it records there, too, and we may be root."""
    owner = settings.spool.stat()
    for each in (settings.media, folder):
        if not each.exists():
            each.mkdir()
            if os.geteuid() == 0:
                os.chown(each, owner.st_uid, owner.st_gid)


def measure(path: Path) -> tuple[float, int]:
    """Seconds and peak of a WAV file; a file that is none has neither."""
    try:
        with wave.open(str(path)) as file:
            frames = file.getnframes()
            if file.getsampwidth() != 2 or not frames:
                return frames / max(file.getframerate(), 1), QUIETEST if frames else 0
            peak = 0
            while data := file.readframes(65_536):
                samples = array("h", data[: len(data) // 2 * 2])
                peak = max(peak, max(samples), -min(samples))
            return frames / file.getframerate(), peak
    except (wave.Error, EOFError):
        return 0.0, 0


def _fax(mark: Mark, path: Path) -> dict[str, Any]:
    """The fax as PDF, with as many pages as came; the TIFF where no PDF can be made of it."""
    import img2pdf

    target = path.with_suffix(".pdf")
    if not target.exists():
        part = target.with_name("." + target.name)
        try:
            # The TIFF says its dots an inch in each direction: half as many lines do not squeeze the page.
            part.write_bytes(img2pdf.convert(str(path)))
            part.replace(target)
        except OSError as fault:
            part.unlink(missing_ok=True)
            if fault.errno is not None:
                # The disk's fault, not the file's.
                raise
            target = path
        except Exception:
            # What a stranger's machine sends can be anything, and must not stop the collector.
            part.unlink(missing_ok=True)
            target = path
    row = _row(mark, mark.path, target, told=mark.told)
    kept = _pages(path)
    if kept < row["pages"]:
        # Asterisk takes a page for received though there was no room for it.
        row |= {"status": f"FAILED: {kept} of {row['pages']} pages could be kept", "pages": kept}
    # Both are kept.
    return {**row, "size": sum(each.stat().st_size for each in {path, target})}


def _pages(path: Path) -> int:
    """Pages of a TIFF that can be read."""
    from PIL import Image

    count = 0
    try:
        with Image.open(path) as file:
            while True:
                file.seek(count)
                file.load()
                count += 1
    except Exception:
        # The end, or whatever a stranger's machine and a full disk make.
        return count


def _row(
    mark: Mark, source: str, path: Path | None, *, seconds: float = 0.0, told: tuple[str, ...] = ()
) -> dict[str, Any]:
    status, pages, error, sender = (*told, "", "", "", "")[:4]
    return {
        "kind": "voicemail" if mark.kind == "mailbox" else mark.kind,
        "path": str(path or ""),
        "source": source,
        "seconds": round(seconds, 1),
        "pages": int(pages) if pages.isascii() and pages.isdigit() else 0,
        "status": status if status in ("", "SUCCESS") else f"{status}: {error}" if error else status,
        "sender": sender.strip(),
        "size": path.stat().st_size if path else 0,
    }
