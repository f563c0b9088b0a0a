"""The HTTP client: what each failure means, limits, redirects."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web

from ivrc.crm.contact import CrmBusy, CrmDown, CrmError, CrmNonsense, CrmRefused, CrmSlow
from ivrc.crm.http import Http, retry_after
from tests.crm.web import raw, serving


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


async def asked(base: str, path: str = "x", **options: Any) -> Any:
    """One request by a client of its own."""
    http = Http(base, timeout=options.pop("timeout", 5.0))
    try:
        return await http.request(options.pop("method", "GET"), path, **options)
    finally:
        await http.close()


async def fault(base: str, **options: Any) -> CrmError:
    with pytest.raises(CrmError) as raised:
        await asked(base, **options)
    return raised.value


def test_parameters_body_and_headers_arrive() -> None:
    async def echo(request: web.Request) -> web.Response:
        got = await request.json() if request.can_read_body else None
        seen = {"method": request.method, "path": request.path, "query": dict(request.query), "json": got}
        return web.json_response({**seen, "token": request.headers.get("X-Token"), "type": request.content_type})

    async def work() -> None:
        async with serving(echo) as base:
            got = await asked(
                base, "a/b", method="POST", params={"phone": "+7 495"}, json={"ф": [1]}, headers={"X-Token": "t"}
            )
            assert got == {
                "method": "POST",
                "path": "/a/b",
                "query": {"phone": "+7 495"},
                "json": {"ф": [1]},
                "token": "t",
                "type": "application/json",
            }
            assert (await asked(base, "q?phone=%2B7495"))["query"] == {"phone": "+7495"}
            assert (await asked(base, "q?a=%26", params={"phone": "+7&x=1"}))["query"] == {"a": "&", "phone": "+7&x=1"}

    run(work)


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (400, {}, CrmRefused),
        (401, {}, CrmRefused),
        (403, {}, CrmRefused),
        (404, {}, CrmRefused),
        (429, {}, CrmBusy),
        (429, {"Retry-After": "7"}, CrmBusy),
        (503, {"Retry-After": "7"}, CrmBusy),
        (503, {}, CrmDown),
        (500, {}, CrmDown),
        (502, {}, CrmDown),
        (504, {}, CrmSlow),
        (304, {}, CrmRefused),
    ],
)
def test_statuses(status: int, headers: dict[str, str], kind: type[CrmError]) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers, text="sorry" if status != 304 else None)

    async def work() -> None:
        async with serving(answer) as base:
            raised = await fault(base)
            assert type(raised) is kind and str(status) in str(raised)
            if isinstance(raised, CrmBusy):
                assert raised.retry_after == (7.0 if headers else None)

    run(work)


def test_retry_after() -> None:
    assert retry_after({"Retry-After": " 12 "}) == 12
    assert retry_after({"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}, now=70) == 30
    assert retry_after({"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}, now=500) == 0
    assert retry_after({"Retry-After": "9" * 30}) == 86_400
    for text in ("", "soon", "-5", "1e9", "\u0665"):
        assert retry_after({"Retry-After": text}) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 200_000, b'"\xed\xa0\x80"'])
def test_what_is_no_json(body: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    async def work() -> None:
        async with serving(answer) as base:
            raised = await fault(base)
            assert isinstance(raised, CrmNonsense)
            assert len(str(raised)) < 200 and str(raised).isprintable()

    run(work)


@pytest.mark.parametrize("declared", [True, False])
def test_ten_megabytes_are_not_read(declared: bool) -> None:
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Length": "10000000"} if declared else {})
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" " * 100_000)
            sent += 100_000
        return response

    async def work() -> None:
        async with serving(answer) as base:
            raised = await fault(base)
            assert isinstance(raised, CrmNonsense) and "larger" in str(raised)

    run(work)
    assert sent < 9_000_000


def test_a_bomb_is_counted_unpacked() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=zlib.compress(b" " * 50_000_000), headers={"Content-Encoding": "deflate"})

    async def work() -> None:
        async with serving(answer) as base:
            assert isinstance(await fault(base), CrmNonsense)

    run(work)


def test_redirects_stay_at_home() -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        return web.json_response({"token": request.headers.get("X-Token")})

    async def work() -> None:
        async with serving(elsewhere) as other:

            async def answer(request: web.Request) -> web.Response:
                where = {"/away": other, "/round": "/round", "/near": "/end", "/broken": "http://[::1"}
                if request.path in where:
                    return web.Response(status=302, headers={"Location": where[request.path]})
                return web.json_response({"at": request.path, "method": request.method})

            async with serving(answer) as base:
                assert await asked(base, "near") == {"at": "/end", "method": "GET"}
                assert await asked(base, "near", method="POST", json=1) == {"at": "/end", "method": "GET"}
                for path in ("away", "round", "broken"):
                    with pytest.raises(CrmRefused):
                        await asked(base, path, headers={"X-Token": "t"})

    run(work)


def test_nobody_listens() -> None:
    async def work() -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            assert isinstance(await fault(f"http://127.0.0.1:{held.getsockname()[1]}"), CrmDown)
        assert isinstance(await fault("http://ivrc.invalid"), CrmDown)
        for wrong in ("ftp://x", "nothing", "http://[", "http://"):
            assert isinstance(await fault(wrong), CrmRefused)

    run(work)


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"\x00" * 99, b"HTTP/1.1 200 OK\r\nA: " + b"x" * 99999],
)
def test_broken_answers(answer: bytes) -> None:
    async def work() -> None:
        async with raw(answer) as base:
            assert isinstance(await fault(base), CrmDown | CrmNonsense)

    run(work)


def test_silence_is_slow() -> None:
    async def work() -> None:
        for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"):
            async with raw(answer, close=False) as base:
                assert isinstance(await fault(base, timeout=0.05), CrmSlow)

    run(work)


def test_no_secret_in_a_message() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=401, text="no")

    async def work() -> None:
        async with serving(answer) as base:
            raised = await fault(base, path="hook/s3cret?auth=s3cret", headers={"Authorization": "s3cret"})
            assert "s3cret" not in str(raised)
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
            assert "s3cret" not in str(await fault(f"http://127.0.0.1:{port}", path="hook/s3cret"))

    run(work)


def test_https_to_a_plain_port_is_refused() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({})

    async def work() -> None:
        async with serving(answer) as base:
            assert isinstance(await fault(base.replace("http", "https")), CrmRefused | CrmDown)

    run(work)
