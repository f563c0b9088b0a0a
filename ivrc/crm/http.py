"""The HTTP client that the CRMs over HTTP share: limits, redirects, and what each failure means.

Every fault leaves as a CrmError. Nothing of an answer's text stands in a message but a short, cleaned beginning;
nothing of a request's headers or of its parameters does, as secrets travel there.
"""

from __future__ import annotations

import email.utils
import re
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
from yarl import URL

from ivrc.crm.contact import CrmBusy, CrmDown, CrmError, CrmNonsense, CrmRefused, CrmSlow

SIZE_LIMIT = 1_000_000
"""Bytes of an answer, unpacked; the reading stops there."""
_REDIRECTS = 3
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\u024f\u0400-\u04ff]+")


class Answer(NamedTuple):
    """What a server said, whole and unjudged."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The parsed body; CrmNonsense if it is no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError, ValueError):
            raise CrmNonsense(f"the answer is no JSON: {self.beginning()}") from None

    def beginning(self) -> str:
        """The first characters of the body on one line, for messages."""
        return _UNPRINTABLE.sub(" ", self.body[:200].decode("utf-8", "replace"))[:80].strip() or "(empty)"

    def judge(self) -> Answer:
        """Itself if the status is 2xx; else the CrmError that the status means."""
        if 200 <= self.status < 300:
            return self
        what = f"the server answered {self.status}: {self.beginning()}"
        wait = retry_after(self.headers)
        if self.status == 429 or (self.status == 503 and wait is not None):
            raise CrmBusy(what, wait)
        if self.status in (408, 504):
            raise CrmSlow(what)
        raise (CrmDown if self.status >= 500 else CrmRefused)(what)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """The seconds of Retry-After, written as seconds or as a date; None without one that makes sense."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), 86_400.0)
    try:
        at = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, at - (time.time() if now is None else now)), 86_400.0)


class Http:
    """One session to one CRM.

    `base` is joined to relative addresses; `timeout` in seconds is only the last resort, as Lookup keeps the time of a
    call; `ca_file` names certificates to trust in place of the system's. Certificates are always verified.
    """

    def __init__(
        self,
        base: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        connections: int = 20,
        limit: int = SIZE_LIMIT,
        timeout: float = 10.0,
        ca_file: Path | None = None,
    ) -> None:
        self._base = base.rstrip("/") + "/" if base else ""
        self._headers = dict(headers or {})
        self._connections = connections
        self._limit = limit
        self._timeout = timeout
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The parsed JSON of an answer with a status of 2xx; everything else is a CrmError."""
        answer = await self.fetch(method, url, params=params, json=json, form=form, headers=headers)
        return answer.judge().json()

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer whatever its status, for those who look at errors themselves.

        Redirects are followed on the same host only. Raises CrmDown, CrmSlow, CrmNonsense (too large), CrmRefused
        (an address or a certificate that is wrong).
        """
        sent = dict(headers or {})
        if json is not None:
            body, sent = msgspec.json.encode(json), {"Content-Type": "application/json", **sent}
        target = self._target(url, params)
        for _ in range(_REDIRECTS + 1):
            answer = await self._send(method, target, sent, body, form)
            if answer.status not in _REDIRECTING or "Location" not in answer.headers:
                return answer
            target = _followed(target, answer.headers["Location"])
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                method, body, form = "GET", None, None
                sent.pop("Content-Type", None)
        raise CrmRefused("the server redirects in a circle")

    def _target(self, url: str, params: Mapping[str, str] | list[tuple[str, str]] | None) -> URL:
        try:
            # Already encoded: a `%2B` of ours must not become a `+`, which servers read as a space.
            target = URL(url if "://" in url else self._base + url.lstrip("/"), encoded="%" in url)
            return target.update_query(params) if params else target
        except (ValueError, TypeError):
            raise CrmRefused("the address is no URL") from None

    async def _send(
        self, method: str, target: URL, headers: Mapping[str, str], body: bytes | None, form: Mapping[str, str] | None
    ) -> Answer:
        try:
            try:
                return await self._attempt(method, target, headers, body, form)
            except aiohttp.ServerDisconnectedError:
                # An idle connection that the server gave up just now; look-ups may be asked twice.
                return await self._attempt(method, target, headers, body, form)
        except TimeoutError:
            raise CrmSlow(f"no answer in {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError, UnicodeError, RecursionError) as fault:
            raise _meaning(fault, target) from None

    async def _attempt(
        self, method: str, target: URL, headers: Mapping[str, str], body: bytes | None, form: Mapping[str, str] | None
    ) -> Answer:
        session = self._open()
        data = body if form is None else dict(form)
        async with session.request(method, target, headers=headers, data=data, allow_redirects=False) as response:
            if response.status in _REDIRECTING:
                return Answer(response.status, response.headers, b"")
            return Answer(response.status, response.headers, await self._read(response))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        declared = response.content_length or 0
        parts: list[bytes] = []
        size = 0
        if declared <= self._limit:
            async for part in response.content.iter_any():
                size += len(part)
                if size > self._limit:
                    break
                parts.append(part)
        if max(size, declared) > self._limit:
            response.close()
            raise CrmNonsense(f"the answer is larger than {self._limit} bytes")
        return b"".join(parts)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cafile=self._ca_file)
            self._session = aiohttp.ClientSession(
                headers={"User-Agent": "ivrc", "Accept": "application/json", **self._headers},
                connector=aiohttp.TCPConnector(limit=self._connections, ssl=context),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _followed(target: URL, location: str) -> URL:
    """Where a redirect leads; CrmRefused if that is another server, for it would be sent our secrets."""
    try:
        new = target.join(URL(location))
    except ValueError:
        raise CrmRefused("the server redirects to what is no URL") from None
    if new.host != target.host or (new.scheme, new.port) not in ((target.scheme, target.port), ("https", 443)):
        raise CrmRefused(f"the server redirects elsewhere, to {new.scheme}://{new.host}: is the address right?")
    return new


def _meaning(fault: Exception, target: URL) -> CrmError:
    """The CrmError for what aiohttp raised. The address is named without its query: secrets may stand in both."""
    where = f"{target.host}:{target.port}"
    if isinstance(fault, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError | ssl.SSLError):
        return CrmRefused(f"{where}: the certificate is not valid: {_UNPRINTABLE.sub(' ', str(fault))[:120]}")
    if isinstance(fault, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return CrmRefused("the address is no http or https URL")
    if isinstance(fault, aiohttp.ClientConnectorError):
        return CrmDown(f"{where}: {fault.strerror or 'cannot be reached'}")
    if isinstance(fault, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        return CrmNonsense(f"{where}: the answer is broken")
    return CrmDown(f"{where}: {type(fault).__name__}")
