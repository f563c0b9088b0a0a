"""Any JSON service: addresses, paths, hostile answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st

from ivrc.crm.contact import Contact, CrmBusy, CrmNonsense, CrmRefused, Person
from ivrc.crm.http_json import HttpJson, Paths, _Compiled, make
from ivrc.crm.settings import SettingsError, parse_crm
from tests.crm.web import serving

CALLER = "+74951234567"
PATHS = {
    "contacts": "data.contacts[]",
    "phones": "phones[].value",
    "id": "id",
    "name": "join(' ', [first, last])",
    "responsible": {"id": "owner.id", "name": "owner.name", "phones": "owner.phones", "at_work": "owner.open"},
    "second": {"id": "deputy"},
}
ANSWER = {
    "data": {
        "contacts": [
            {
                "id": 5,
                "first": "Ivan",
                "last": "Petrov",
                "phones": [{"value": "8 (495) 123-45-67"}, {"value": None}, {"kind": "fax"}],
                "owner": {"id": 17, "name": "Anna", "phones": ["+79161234567", 74957654321], "open": True},
                "deputy": "18",
            }
        ]
    }
}
EXPECTED = Contact(
    "5",
    "Ivan Petrov",
    ("8 (495) 123-45-67",),
    (Person("17", "Anna", ("+79161234567", "74957654321"), "", True), Person("18")),
)


def service(base: str, **options: Any) -> HttpJson:
    table = {"kind": "http", "url": f"{base}/contacts?phone={{number}}", "paths": PATHS, **options}
    return make(parse_crm(table, folder=Path(".")).options)


async def found(crm: HttpJson, number: str = CALLER) -> list[Contact]:
    try:
        return await crm.find(number)
    finally:
        await crm.close()


def test_a_contact_by_its_paths() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.query["phone"] == CALLER
        assert request.headers["Authorization"] == "Bearer t"
        return web.json_response(ANSWER)

    async def work() -> None:
        async with serving(answer) as base:
            assert await found(service(base, headers={"Authorization": "Bearer t"})) == [EXPECTED]

    asyncio.run(work())


def test_the_number_in_the_address_and_in_the_body() -> None:
    seen: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, dict(request.query), await request.json()))
        return web.json_response({})

    async def work() -> None:
        async with serving(answer) as base:
            await found(
                service(
                    base,
                    url=f"{base}/by/{{digits}}/{{last10}}?n={{national}}&s={{significant}}",
                    method="POST",
                    body='{"filter": {"phone": ["{number}", "8{significant}"]}, "limit": 5}',
                )
            )

    asyncio.run(work())
    assert seen == [
        (
            "POST",
            "/by/74951234567/4951234567",
            {"n": "84951234567", "s": "4951234567"},
            {"filter": {"phone": [CALLER, "84951234567"]}, "limit": 5},
        )
    ]


@pytest.mark.parametrize("body", ["[]", "{}", "null", '{"data": null}', '{"data": {"contacts": []}}'])
def test_nobody(body: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body)

    async def work() -> None:
        async with serving(answer) as base:
            assert await found(service(base)) == []

    asyncio.run(work())


@pytest.mark.parametrize("status", [404, 204])
def test_statuses_that_say_nobody(status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async def work() -> None:
        async with serving(answer) as base:
            assert await found(service(base)) == []
            if status == 404:
                with pytest.raises(CrmRefused):
                    await found(service(base, not_found=[]))

    asyncio.run(work())


def test_a_rate_limit() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "3"})

    async def work() -> None:
        async with serving(answer) as base:
            with pytest.raises(CrmBusy) as raised:
                await found(service(base))
            assert raised.value.retry_after == 3

    asyncio.run(work())


def test_check_says_what_came() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(ANSWER)

    async def work() -> None:
        async with serving(answer) as base:
            crm = service(base)
            assert "1 contacts" in await crm.check()
            await crm.close()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "crm.example/{number}"}, "crm.url: the url begins"),
        ({"url": "https://{number}/x"}, "crm.url: the url begins"),
        ({"url": "https://crm.example/{phone}"}, "crm.url: {phone} is not known"),
        ({"paths": {"phones": "a[["}}, "crm.paths.phones: this is no JMESPath"),
        ({"paths": {"phones": "a", "second": {"id": "||"}}}, "crm.paths.second.id: this is no JMESPath"),
        ({"paths": {}}, 'crm.paths: "phones" is missing'),
        ({"paths": {"phones": "a", "phnes": "b"}}, "crm.paths.phnes: this key is not known"),
        ({"body": "{"}, "crm.body: the body is no JSON"),
        ({"body": '"{caller}"'}, "crm.body: {caller} is not known"),
        ({"headers": {"X-A": "a\r\nX-B: c"}}, "crm.headers.X-A: this cannot be a header"),
        ({"headers": {"X A": "a"}}, "crm.headers.X A: this cannot be a header"),
        ({"method": "DELETE"}, "crm.method: "),
    ],
)
def test_settings_of_no_use(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        service("https://crm.example", **options)
    assert str(raised.value).startswith(said)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)
COMPILED = _Compiled(parse_crm({"kind": "http", "url": "https://x", "paths": PATHS}, folder=Path(".")).options.paths)
PLAIN = _Compiled(Paths(phones="[phone, mobile]", contacts="@"))


def judged(paths: _Compiled, answer: Any) -> None:
    """Contacts of texts, or CrmNonsense, and nothing else."""
    try:
        contacts = paths.contacts_of(answer)
    except CrmNonsense as fault:
        assert len(str(fault)) < 200
        return
    for contact in contacts:
        texts = [contact.crm_id, contact.name, *contact.phones]
        texts += [text for person in contact.responsible for text in (person.crm_id, person.name, *person.phones)]
        assert all(isinstance(text, str) and len(text) <= 1000 for text in texts)


@given(JSON)
@example([[[[]]]])
@example(10**400)
def test_any_json(answer: Any) -> None:
    judged(COMPILED, answer)
    judged(PLAIN, answer)


@given(st.data())
def test_a_real_answer_with_one_value_of_another_kind(data: st.DataObject) -> None:
    answer = json.loads(json.dumps(ANSWER))
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            walk(node[key])

    walk(answer)
    node, key = data.draw(st.sampled_from(places))
    node[key] = data.draw(JSON | st.just("x" * 100_000) | st.just([["1"] * 500] * 500))
    judged(COMPILED, answer)


def test_hostile_texts_stay_texts() -> None:
    answer = json.loads(json.dumps(ANSWER))
    contact = answer["data"]["contacts"][0]
    contact["first"] = "${SHELL(rm -rf /)}\r\n"
    contact["owner"]["phones"] = ["PJSIP/x&Local/y@z", "1" * 10_000_000, "\0"]
    (got,) = COMPILED.contacts_of(answer)
    assert got.name == "${SHELL(rm -rf /)}\r\n Petrov"
    assert all(len(phone) <= 1000 for phone in got.responsible[0].phones)


def test_a_deep_answer() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    judged(COMPILED, {"data": {"contacts": [{"phones": [{"value": deep}], "owner": deep}]}})
    judged(COMPILED, deep)
