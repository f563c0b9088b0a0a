"""What the adapters share: reading answers that may hold anything, rate limits, people and tokens that are kept.

An adapter never trusts the shape of an answer. `items` and `mapping` raise CrmNonsense where a list or an object must
be; `text`, `identity` and `phones` take what can be used and leave out the rest.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Any, Generic, TypeVar

from ivrc.crm.contact import Contact, CrmBusy, CrmNonsense, CrmRefused, Person
from ivrc.crm.durations import Duration
from ivrc.crm.http import Answer, Http
from ivrc.crm.matching import CONTACTS, PHONES
from ivrc.crm.numbers import variants
from ivrc.crm.settings import Secret, SettingsError, Strict

NOBODY = "+70000000000"
"""Asked by `check`: a number that nobody has."""
LONGEST_WAIT = 1.0
"""Seconds to wait for a place in the rate limit; a call that would wait longer is told at once that the CRM is busy."""
_LONGEST_TEXT = 1000
_MOST_KEPT = 5000
_REFUSAL_KEPT = 60.0

Value = TypeVar("Value")


class Common(Strict, kw_only=True, frozen=True):
    """The keys of every named CRM: `timeout` is the last resort only, `keep_people` how long users are remembered."""

    timeout: Duration = Duration(10.0)
    connections: int = 20
    keep_people: Duration = Duration(300.0)


def items(value: Any, what: str) -> list[Any]:
    """A list, shortened to what anybody looks at; CrmNonsense if it is none."""
    if not isinstance(value, list):
        raise CrmNonsense(f"{what} should be a list and is {type(value).__name__}")
    return value[:CONTACTS]


def mapping(value: Any, what: str) -> dict[str, Any]:
    """An object; CrmNonsense if it is none."""
    if not isinstance(value, dict):
        raise CrmNonsense(f"{what} should be an object and is {type(value).__name__}")
    return value


def inner(value: Any, *path: str) -> Any:
    """What stands inside objects, by their keys; None where one of them is missing or no object."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Any) -> str:
    """A text as it is, without the white space around it; "" for everything else (null, false, numbers, lists)."""
    return value[:_LONGEST_TEXT].strip() if isinstance(value, str) else ""


def identity(value: Any) -> str:
    """An id, written as a text or as a whole number above zero; "" for everything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        # Python refuses to write integers of thousands of digits; no CRM counts so far.
        return str(value) if 0 < value < 10**20 else ""
    written = text(value)
    return "" if written == "0" or len(written) > 100 else written


def phones(*values: Any) -> tuple[str, ...]:
    """The phones among these values, each once, in their order: texts, and numbers written as numbers."""
    found = (text(value) or identity(value) for value in values)
    return tuple(dict.fromkeys(each for each in found if any(sign.isdigit() for sign in each)))[:PHONES]


def may_be(number: str, written: Iterable[str]) -> bool:
    """Whether one of these phones can be this number (E.164): spares asking for the people of those that cannot."""
    significant = variants(number).significant
    return any(not phone.isascii() or significant in "".join(filter(str.isdigit, phone)) for phone in written)


def people(*found: Person | None) -> tuple[Person, ...]:
    """Those who are somebody, each once."""
    known: dict[str, Person] = {}
    for person in found:
        if person is not None and person.crm_id:
            known.setdefault(person.crm_id, person)
    return tuple(known.values())


def base_url(url: str, key: str = "crm.url") -> str:
    """An address without a slash at its end; SettingsError if it is none."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?", url):
        raise SettingsError('the address looks like "https://crm.example.com"', key=key)
    return url.rstrip("/")


def header_value(secret: Secret, key: str) -> str:
    """A secret that is sent in a header; SettingsError if it has signs that none may have."""
    value = secret.reveal().strip()
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise SettingsError("the secret is empty or has spaces or signs that no key has", key=key)
    return value


def field_name(name: str, key: str) -> str:
    """The name of a field of the CRM, or ""; SettingsError for what cannot be one."""
    if not re.fullmatch(r"[A-Za-z0-9_.]{0,100}", name):
        raise SettingsError("the name of a field has letters, digits and _ only", key=key)
    return name


def http(settings: Common, base: str, headers: dict[str, str] | None = None) -> Http:
    """The client of an adapter."""
    return Http(base, headers=headers, connections=settings.connections, timeout=settings.timeout)


def refused(answer: Answer, hint: str) -> CrmRefused:
    """What to say of an answer that means wrong or missing rights."""
    return CrmRefused(f"the server answered {answer.status}: {hint} It says: {answer.beginning()}")


def error_code(answer: Answer, *path: str) -> str:
    """A code inside the JSON of an error's answer; "" where there is none."""
    try:
        data = answer.json()
    except CrmNonsense:
        return ""
    return text(inner(data[0] if isinstance(data, list) and data else data, *path))


class Bucket:
    """A rate limit kept on our side: `burst` requests at once, then `rate` a second; a rate of 0 is no limit."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(float(burst), 1.0)
        self._clock = clock
        self._left = self._burst
        self._at = clock()

    async def take(self) -> None:
        """Wait for a place; CrmBusy if that would take longer than a caller can wait."""
        wait = self._reserve()
        if wait > LONGEST_WAIT:
            self._left += 1
            raise CrmBusy(f"the CRM's rate limit of {self._rate:g} requests a second is used up", wait - LONGEST_WAIT)
        if wait:
            try:
                await asyncio.sleep(wait)
            except asyncio.CancelledError:
                self._left += 1
                raise

    def _reserve(self) -> float:
        """Take a place and return the seconds until it is there."""
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        return max(0.0, -self._left / self._rate)


class Shared:
    """Work that several wait for and that is done once. Whoever stops waiting does not stop it for the others."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[Any]] = {}

    async def run(self, key: Hashable, work: Callable[[], Awaitable[Value]]) -> Value:
        """The result of the work that goes by this key, begun now unless it is under way."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.ensure_future(_awaited(work))
            task.add_done_callback(lambda done: self._ended(key, done))
        result: Value = await asyncio.shield(task)
        return result

    def _ended(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled():
            task.exception()  # Seen, should nobody wait any more.

    async def finished(self) -> None:
        """Wait until nothing is under way."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Call off what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _awaited(work: Callable[[], Awaitable[Value]]) -> Value:
    return await work()


class Kept(Generic[Value]):
    """Answers that are fetched by a key and remembered for a while, the oldest forgotten first."""

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[Value]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Value]] = OrderedDict()
        self._shared = Shared()

    async def get(self, key: str) -> Value:
        """The value, fetched once for all who ask at the same time. Raises what the fetching raises."""
        known = self._known.get(key)
        if known and self._clock() < known[0]:
            return known[1]
        return await self._shared.run(key, lambda: self._fetched(key))

    def put(self, key: str, value: Value, seconds: float | None = None) -> None:
        """Remember a value."""
        self._known[key] = (self._clock() + (self._seconds if seconds is None else seconds), value)
        self._known.move_to_end(key)
        while len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)

    def forget(self, key: str, value: Value) -> None:
        """Forget a value, unless a newer one has taken its place."""
        known = self._known.get(key)
        if known and known[1] is value:
            del self._known[key]

    async def _fetched(self, key: str) -> Value:
        value = await self._fetch(key)
        self.put(key, value)
        return value

    async def close(self) -> None:
        """Call off what is under way."""
        await self._shared.close()


class People:
    """The CRM's users by id. One whom we may not see, or who is gone, is known by the id alone."""

    def __init__(self, fetch: Callable[[str], Awaitable[Person]], seconds: float) -> None:
        self._kept: Kept[Person] = Kept(fetch, seconds)

    async def get(self, crm_id: str) -> Person | None:
        """Somebody; None without an id. Raises CrmError, but not CrmRefused."""
        if not crm_id:
            return None
        try:
            return await self._kept.get(crm_id)
        except CrmRefused:
            # The source's own employees are found by the id too; a missing right must not lose the caller.
            person = Person(crm_id)
            self._kept.put(crm_id, person, _REFUSAL_KEPT)
            return person

    async def all_of(self, *ids: str) -> tuple[Person, ...]:
        """Several, in their order, asked at the same time."""
        return people(*await asyncio.gather(*(self.get(each) for each in dict.fromkeys(ids))))

    async def close(self) -> None:
        """Call off what is under way."""
        await self._kept.close()


def told(crm: str, found: list[Contact]) -> str:
    """What `check` says when the number that nobody has was asked."""
    return f"{crm} answers, with {len(found)} contacts for a number that nobody has"
