"""Files as they are sent: only regular ones below the history's folders, whole or in part, kept by no proxy."""

from __future__ import annotations

import asyncio
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from aiohttp import ClientConnectionResetError, web

from ivrc.history.media import trusted
from ivrc.history.settings import HistorySettings

_PIECE = 256 * 1024
_WIDTH = 1000  # dots of a fax's page on the screen
# What a browser shows; all else is saved.
_SHOWN = {".wav": "audio/wav", ".pdf": "application/pdf"}
# What reading a torn or strange picture raises.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, LookupError, StopIteration, AttributeError, ZeroDivisionError)
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Cookie"}


class FileGone(Exception):
    """The file is not there, or is not one that may be sent."""


def is_mailboxs(settings: HistorySettings, media: dict[str, Any]) -> bool:
    """Whether a message was left in somebody's mailbox: then Asterisk's voicemail made it, outside our folder."""
    return media["kind"] == "voicemail" and not Path(media["source"]).is_relative_to(settings.media)


def is_theirs(settings: HistorySettings, media: dict[str, Any], part: dict[str, Any]) -> bool:
    """Whether an employee with a part in a call may have a file of it.

    A recording: if they talked. A message: if it is in their mailbox, or in nobody's. A fax: yes.
    """
    if media["kind"] == "recording":
        return bool(part["talked"])
    return bool(part["mailbox"]) or not is_mailboxs(settings, media)


@contextmanager
def opened(settings: HistorySettings, path: str) -> Iterator[tuple[int, os.stat_result, Path]]:
    """A file of the history: its descriptor, which is closed afterwards. FileGone."""
    found = trusted(settings, path)
    if found is None or not Path(path).is_absolute():
        raise FileGone
    try:
        file = os.open(found, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise FileGone from None
    try:
        known = os.fstat(file)
        # A folder on the way may have become a link since it was looked at.
        where = Path(os.path.realpath(f"/proc/self/fd/{file}"))
        if not stat.S_ISREG(known.st_mode) or (where.exists() and trusted(settings, str(where)) is None):
            raise FileGone
        yield file, known, found
    finally:
        os.close(file)


async def send(request: web.Request, settings: HistorySettings, path: str, name: str) -> web.StreamResponse:
    """A file, or the part of it that is asked for. HTTPNotFound if it is gone."""
    try:
        with opened(settings, path) as (file, known, found):
            return await _send(request, file, known, found.suffix.lower(), name)
    except FileGone:
        raise web.HTTPNotFound(text="The file is no longer there.") from None


async def _send(request: web.Request, file: int, known: os.stat_result, suffix: str, name: str) -> web.StreamResponse:
    tag = f'"{known.st_mtime_ns:x}-{known.st_size:x}"'
    kind = _SHOWN.get(suffix, "application/octet-stream")
    shown = "inline" if suffix in _SHOWN else "attachment"
    headers = {"ETag": tag, "Accept-Ranges": "bytes", **PRIVATE}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    begin, end = _part(request, tag, known.st_size)
    if begin >= end and known.st_size:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{known.st_size}"})
    partial = (begin, end) != (0, known.st_size)
    headers |= {"Content-Type": kind, "Content-Disposition": f'{shown}; filename="{name}{suffix}"'}
    if partial:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{known.st_size}"
    response = web.StreamResponse(status=206 if partial else 200, headers=headers)
    response.content_length = end - begin
    await response.prepare(request)
    if request.method != "HEAD":
        await _pass_on(response, file, begin, end)
    return response


def _part(request: web.Request, tag: str, size: int) -> tuple[int, int]:
    """The bytes that are asked for, from and to before; empty if there are none such."""
    if request.headers.get("If-Range", tag) != tag:
        return 0, size
    try:
        asked = request.http_range
    except ValueError:
        return 0, size  # several parts, or no bytes: the whole is a right answer
    begin, end = asked.start or 0, size if asked.stop is None else min(asked.stop, size)
    return (max(size + begin, 0), size) if begin < 0 else (begin, end)


async def _pass_on(response: web.StreamResponse, file: int, begin: int, end: int) -> None:
    try:
        while begin < end:
            piece = await asyncio.to_thread(os.pread, file, min(_PIECE, end - begin), begin)
            if not piece:
                break  # cut while it was sent
            await response.write(piece)
            begin += len(piece)
        await response.write_eof()
    except (ClientConnectionResetError, ConnectionResetError):
        pass  # players often leave off


def picture(settings: HistorySettings, path: str, number: int) -> tuple[bytes, str]:
    """A page of a fax (from 1) as PNG in its right proportions, and its tag. FileGone if there is none."""
    from PIL import Image

    with opened(settings, path) as (file, known, found):
        try:
            with open(file, "rb", closefd=False) as data:
                pages = _pdf_page if found.suffix == ".pdf" else _tiff_page
                image, ratio = pages(data, number)
                height = min(max(round(_WIDTH * ratio), 1), 20 * _WIDTH)
                small = image.convert("L").resize((_WIDTH, height), Image.Resampling.LANCZOS)
        except (*_BROKEN, Image.DecompressionBombError):
            raise FileGone from None
    made = io.BytesIO()
    small.save(made, "PNG")
    return made.getvalue(), f'"{known.st_mtime_ns:x}-{known.st_size:x}-{number}"'


def _tiff_page(data: Any, number: int) -> tuple[Any, float]:
    """A page, and its height by its width."""
    from PIL import Image

    image = Image.open(data, formats=["TIFF"])
    image.seek(number - 1)
    across, down = image.info.get("dpi", (1, 1))
    image.load()
    return image, image.height / image.width * float(across or 1) / float(down or 1)


def _pdf_page(data: Any, number: int) -> tuple[Any, float]:
    import pikepdf

    try:
        with pikepdf.open(data) as document:
            page = document.pages[number - 1]
            left, bottom, right, top = (float(edge) for edge in page.mediabox)
            image = next(each for each in page.Resources.XObject.values() if each.Subtype == "/Image")
            return pikepdf.PdfImage(cast(pikepdf.Stream, image)).as_pil_image(), (top - bottom) / (right - left)
    except (pikepdf.PdfError, pikepdf.models.image.UnsupportedImageTypeError) as fault:
        raise ValueError(str(fault)) from None
