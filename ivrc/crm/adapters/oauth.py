"""Access to a CRM: by a token that lasts, or by OAuth with a refresh token that is another one after each use.

The refresh token that comes back is the only one that counts from then on. It is written to a file before the access
token is used; several processes take turns at it by a lock, and take what another has got. Whoever asked may go away
meanwhile: the exchange is finished all the same, for its answer comes once.

Documentation: RFC 6749, sections 4.1.3 and 6; amocrm.ru/developers, "OAuth 2.0"; developers.hubspot.com, "Working with
OAuth"; apidocs.bitrix24.com, "OAuth 2.0: automatic renewal of tokens".
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ivrc.crm.adapters.common import Shared, header_value, mapping, refused, text
from ivrc.crm.contact import CrmError, CrmNonsense, CrmSlow
from ivrc.crm.http import Answer
from ivrc.crm.settings import Secret, SettingsError, Strict

EARLY = 60.0
"""Seconds before its end from which a token is renewed."""
_TURN = 10.0
_LAST = 5.0
_POLL = 0.05
_UNKNOWN_LIFE = 600.0

Exchange = Callable[[dict[str, str]], Awaitable[Answer]]
"""Sends the fields of a token request the way the CRM wants them."""


class OAuth(Strict, kw_only=True, frozen=True):
    """`tokens`: the file that keeps the refresh token, begun by hand with `{"code": "…"}` or `{"refresh_token": "…"}`.

    `redirect_uri`: as at the CRM, where it asks for it.
    """

    client_id: str
    client_secret: Secret
    tokens: Path
    redirect_uri: str = ""


class Access(ABC):
    """The token of each request."""

    @abstractmethod
    async def token(self) -> str:
        """A token that holds now. Raises CrmError."""

    @abstractmethod
    def is_renewed(self, token: str) -> bool:
        """Whether there will be another token than this one, which the CRM did not take."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what is under way."""


class _Lasting(Access):
    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token

    def is_renewed(self, token: str) -> bool:
        return False

    async def close(self) -> None:
        """Nothing ever is."""


class _Kept(NamedTuple):
    """What the file holds; `until` is the access token's end, seconds since 1970."""

    refresh: str = ""
    code: str = ""
    access: str = ""
    until: float = 0.0


class _Renewing(Access):
    def __init__(self, settings: OAuth, exchange: Exchange) -> None:
        self._settings = settings
        self._exchange = exchange
        self._kept = _read(settings.tokens)
        self._refused = ""
        self._shared = Shared()
        if not os.access(settings.tokens.resolve().parent, os.W_OK):
            message = f"new tokens could not be kept: the folder of {settings.tokens} cannot be written to"
            raise SettingsError(message, key="crm.oauth.tokens")

    async def token(self) -> str:
        if not self._holds():
            await self._shared.run("", self._renew)
        return self._kept.access

    def is_renewed(self, token: str) -> bool:
        self._refused = token
        return True

    async def close(self) -> None:
        # An answer under way holds the one token that counts.
        with suppress(CrmError, TimeoutError):
            await asyncio.wait_for(self._shared.finished(), _LAST)

    def _holds(self) -> bool:
        return bool(self._kept.access) and self._kept.access != self._refused and self._kept.until > time.time() + EARLY

    async def _renew(self) -> None:
        with suppress(SettingsError):
            # Another process may have been here.
            self._kept = _read(self._settings.tokens)
        if self._holds():
            return
        end = time.monotonic() + _TURN
        while time.monotonic() < end:
            with _turn(self._settings.tokens) as mine:
                if mine:
                    with suppress(SettingsError):
                        self._kept = _read(self._settings.tokens)
                    if not self._holds():
                        await self._exchange_now()
                    return
            await asyncio.sleep(_POLL)
        raise CrmSlow("another process is renewing the token and does not come to an end")

    async def _exchange_now(self) -> None:
        answer = await self._exchange(self._fields())
        if answer.status in (400, 401, 403):
            raise refused(
                answer, f"is the refresh token in {self._settings.tokens.name} the newest, and not withdrawn?"
            )
        data = mapping(answer.judge().json(), "the answer with tokens")
        access, refresh = text(data.get("access_token")), text(data.get("refresh_token"))
        if not access.isascii() or not access.isprintable() or " " in access or not access:
            raise CrmNonsense("the answer has no access token")
        lasts = data.get("expires_in")
        seconds = float(lasts) if isinstance(lasts, int) and 0 < lasts < 10**9 else _UNKNOWN_LIFE
        self._kept = _Kept(refresh or self._kept.refresh, "", access, time.time() + max(seconds, 2 * EARLY))
        _write(self._settings.tokens, self._kept)

    def _fields(self) -> dict[str, str]:
        own = {"client_id": self._settings.client_id, "client_secret": self._settings.client_secret.reveal()}
        if self._settings.redirect_uri:
            own["redirect_uri"] = self._settings.redirect_uri
        if self._kept.refresh:
            return {**own, "grant_type": "refresh_token", "refresh_token": self._kept.refresh}
        return {**own, "grant_type": "authorization_code", "code": self._kept.code}


def access_by(token: Secret | None, oauth: OAuth | None, exchange: Exchange) -> Access:
    """The access that the settings give; SettingsError unless they give one."""
    if (token is None) == (oauth is None):
        raise SettingsError('give either "token" or "oauth"', key="crm.oauth" if oauth else "crm.token")
    if oauth is not None:
        return _Renewing(oauth, exchange)
    assert token is not None
    return _Lasting(header_value(token, "crm.token"))


async def authorized(access: Access, send: Callable[[str], Awaitable[Answer]]) -> Answer:
    """The answer to a request that is sent with the token; a token that is not taken is renewed once."""
    token = await access.token()
    answer = await send(token)
    if answer.status == 401 and access.is_renewed(token):
        answer = await send(await access.token())
    return answer


def _read(path: Path) -> _Kept:
    try:
        data: Any = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        hint = f'begin it with {{"code": "…"}} or {{"refresh_token": "…"}}: {path}'
        raise SettingsError(f"there is no file of tokens; {hint}", key="crm.oauth.tokens") from None
    except OSError as fault:
        raise SettingsError(f"{path} cannot be read: {fault.strerror}", key="crm.oauth.tokens") from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise SettingsError(f'{path} is not as in {{"refresh_token": "…"}}', key="crm.oauth.tokens")
    until = data.get("until")
    kept = _Kept(
        text(data.get("refresh_token")),
        text(data.get("code")),
        text(data.get("access_token")),
        float(until) if isinstance(until, int | float) else 0.0,
    )
    if not kept.refresh and not kept.code:
        raise SettingsError(f"{path} has neither a refresh_token nor a code", key="crm.oauth.tokens")
    return kept


def _write(path: Path, kept: _Kept) -> None:
    """Keep the tokens, whole or not at all. A disk that is full costs the next start its token, not this call."""
    body = {"refresh_token": kept.refresh, "access_token": kept.access, "until": int(kept.until)}
    target = path.resolve()
    with suppress(OSError):
        # For its owner's eyes only, as tempfile makes it.
        handle, part = tempfile.mkstemp(prefix=f".{target.name[:40]}-", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(body) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except OSError:
            Path(part).unlink(missing_ok=True)
            raise


@contextmanager
def _turn(path: Path) -> Iterator[bool]:
    """Whether it is this process's turn to renew, until the end of the block."""
    try:
        handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        # Nowhere to take turns: better two at once than none.
        yield True
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        yield False
        return
    try:
        yield True
    finally:
        os.close(handle)
