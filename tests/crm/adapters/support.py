"""Servers that answer as CRMs document it, adapters that ask them, and answers with something broken in them."""

from __future__ import annotations

import asyncio
import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from hypothesis import strategies as st

from ivrc.crm.contact import Contact, Crm, Person
from ivrc.crm.http import Answer, Http
from ivrc.crm.kinds import make
from ivrc.crm.settings import parse_crm
from tests.crm.web import serving

CALLER = "+79161234567"
OTHER = "+79031112233"
UNKNOWN = "+79990000000"
Result = TypeVar("Result")


class Service(ABC):
    """A CRM: `seen` are the requests it got, as (method, path, what was asked)."""

    kind = ""
    secrets: ClassVar[dict[str, str]] = {}
    """Settings that are secrets."""
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.base = ""
        self.seen: list[tuple[str, str, Any]] = []

    @abstractmethod
    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""

    def table(self) -> dict[str, Any]:
        """The [crm] table but for `kind` and secrets."""
        return {"url": self.base, **self.options}


def adapter(service: Service, folder: Path, **options: Any) -> Crm:
    """The adapter for a service that is being served, by the settings as ivrc.toml would have them."""
    table = {"kind": service.kind, **service.table(), **options}
    for name, value in service.secrets.items():
        if name not in options:
            (folder / name).write_text(value.replace("BASE", service.base))
            table[name] = {"file": name}
    return make(parse_crm({name: value for name, value in table.items() if value is not None}, folder=folder))


def asking(service: Service, folder: Path, work: Callable[[Crm], Awaitable[Result]], **options: Any) -> Result:
    """What comes of work with the adapter while the service is there."""

    async def run() -> Result:
        async with serving(service.handle) as service.base:
            crm = adapter(service, folder, **options)
            try:
                return await work(crm)
            finally:
                await crm.close()

    return asyncio.run(run())


def find(service: Service, folder: Path, number: str = CALLER, **options: Any) -> list[Contact]:
    """What one question finds."""
    return asking(service, folder, lambda crm: crm.find(number), **options)


def clients(thing: Any, seen: set[int] | None = None) -> Iterator[Http]:
    """The HTTP clients inside an adapter."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    for value in vars(thing).values():
        if isinstance(value, Http):
            yield value
        elif type(value).__module__.startswith("ivrc.crm.adapters") and hasattr(value, "__dict__"):
            yield from clients(value, seen)


def recorded(service: Service, folder: Path, **options: Any) -> dict[tuple[str, str], Answer]:
    """The answers to one question, by method and path."""
    answers: dict[tuple[str, str], Answer] = {}

    async def work(crm: Crm) -> None:
        with pytest.MonkeyPatch.context() as patch:
            for client in clients(crm):
                patch.setattr(client, "fetch", _recording(client.fetch, answers))
            assert await crm.find(CALLER)

    asking(service, folder, work, **options)
    return answers


def _recording(fetch: Any, answers: dict[tuple[str, str], Answer]) -> Any:
    async def record(method: str, url: str, **more: Any) -> Answer:
        answer: Answer = await fetch(method, url, **more)
        answers[_key(method, url, more.get("json"))] = answer
        return answer

    return record


def replayed(service: Service, folder: Path, answers: dict[tuple[str, str], Answer], **options: Any) -> list[Contact]:
    """What the adapter makes of these answers."""

    async def fetch(method: str, url: str, **more: Any) -> Answer:
        # An id that came out of a broken answer leads to what was not recorded.
        return answers.get(_key(method, url, more.get("json")), Answer(404, {}, b"{}"))

    async def run() -> list[Contact]:
        service.base = service.base or "http://127.0.0.1:1"
        crm = adapter(service, folder, **options)
        with pytest.MonkeyPatch.context() as patch:
            for client in clients(crm):
                patch.setattr(client, "fetch", fetch)
            try:
                return await crm.find(CALLER)
            finally:
                await crm.close()

    return asyncio.run(run())


def _key(method: str, url: str, body: Any) -> tuple[str, str]:
    path = urlsplit(url).path.strip("/")
    if path != "jsonrpc":
        return method, path
    # Here the path says nothing: what is called stands in the body.
    called = [each for each in body["params"]["args"] if isinstance(each, str)]
    return method, f"{path}/{body['params']['method']}/{'/'.join(called[-2:])}"


ODD: list[Any] = [
    *(None, False, True, 0, -1, 7, 1e300, 10**40, "", "0", "x", "\x00", "\n", "${SHELL(id)}", "PJSIP/x&Local/y@z"),
    *([], {}, [[]], [None], {"id": {}}, [{}], {"": ""}, "9" * 5000, ["+79161234567"], {"value": [1]}),
]


@st.composite
def broken(draw: st.DrawFn, answers: dict[tuple[str, str], Answer]) -> dict[tuple[str, str], Answer]:
    """The same answers with one to four things wrong in them."""
    made = dict(answers)
    for _ in range(draw(st.integers(1, 4))):
        key = draw(st.sampled_from(sorted(made)))
        made[key] = draw(_broken_one(made[key]))
    return made


@st.composite
def _broken_one(draw: st.DrawFn, answer: Answer) -> Answer:
    way = draw(st.sampled_from(["value"] * 6 + ["drop"] * 4 + ["cut", "status", "bytes"]))
    if way == "cut":
        return answer._replace(body=answer.body[: draw(st.integers(0, max(len(answer.body) - 1, 0)))])
    if way == "status":
        return answer._replace(status=draw(st.sampled_from([204, 301, 400, 401, 403, 404, 422, 429, 500, 502, 503])))
    if way == "bytes":
        return answer._replace(body=draw(st.binary(max_size=40)))
    try:
        data = json.loads(answer.body)
    except ValueError:
        return answer
    places = list(_places(data))
    if way == "value" or not places:
        place = draw(st.sampled_from([(), *places]))
        data = _with(data, place, draw(st.sampled_from(ODD)))
    else:
        data = _without(data, draw(st.sampled_from(places)))
    return answer._replace(body=json.dumps(data).encode())


def _places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield (*at, key)
        yield from _places(value, (*at, key))


def _with(data: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    data = copy.deepcopy(data)
    _parent(data, place)[place[-1]] = value
    return data


def _without(data: Any, place: tuple[Any, ...]) -> Any:
    data = copy.deepcopy(data)
    del _parent(data, place)[place[-1]]
    return data


def _parent(data: Any, place: tuple[Any, ...]) -> Any:
    for key in place[:-1]:
        data = data[key]
    return data


def is_well_formed(contacts: Any) -> bool:
    """Whether everything has the type that `contact` says."""
    return isinstance(contacts, list) and all(map(_is_contact, contacts))


def _is_contact(contact: Any) -> bool:
    return (
        type(contact) is Contact
        and all(isinstance(each, str) for each in (contact.crm_id, contact.name, *contact.phones))
        and isinstance(contact.phones, tuple)
        and isinstance(contact.responsible, tuple)
        and all(map(_is_person, contact.responsible))
    )


def _is_person(person: Any) -> bool:
    return (
        type(person) is Person
        and person.crm_id != ""
        and all(isinstance(each, str) for each in (person.crm_id, person.name, person.extension, *person.phones))
        and isinstance(person.phones, tuple)
        and person.at_work in (True, False, None)
    )
