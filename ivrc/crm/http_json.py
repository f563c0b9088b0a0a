"""Any service that answers with JSON over HTTP: an address with the number in it, and paths to the fields.

Paths are JMESPath expressions (https://jmespath.org): `contacts[]`, `owner.id`, `phones[].value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import quote

import jmespath
import jmespath.exceptions
import msgspec

from ivrc.crm.contact import Contact, CrmNonsense, Person
from ivrc.crm.durations import Duration
from ivrc.crm.http import Http
from ivrc.crm.matching import CONTACTS, PHONES
from ivrc.crm.numbers import split, variants
from ivrc.crm.settings import MaybeSecret, SettingsError, Strict

NOBODY = "+70000000000"
"""Asked by `check`: a number that nobody has."""
_FIELD = re.compile(r"\{(number|digits|national|significant|last10)\}")
_BRACES = re.compile(r"\{[A-Za-z_]\w*\}")
_LONGEST = 1000
_YES = ("true", "1", "yes", "on", "open", "opened", "online", "available")
_NO = ("false", "0", "no", "off", "closed", "offline", "paused", "away")


class PersonPaths(Strict, frozen=True):
    """Where a person's fields are, from the contact on."""

    id: str = ""
    name: str = ""
    phones: str = ""
    extension: str = ""
    at_work: str = ""


class Paths(Strict, frozen=True):
    """[crm.paths]: `contacts` from the answer on (`@` is the answer itself), all else from the contact on."""

    phones: str
    contacts: str = "@"
    id: str = "id"
    name: str = "name"
    responsible: PersonPaths = PersonPaths()
    second: PersonPaths = PersonPaths()


class Settings(Strict, frozen=True):
    """`url` and `body` may hold {number} {digits} {national} {significant} {last10}; `body` is JSON."""

    url: MaybeSecret
    paths: Paths
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, MaybeSecret] = msgspec.field(default_factory=dict)
    body: str = ""
    not_found: tuple[int, ...] = (404,)
    """Statuses that say that nobody has the number."""
    timeout: Duration = Duration(10.0)
    connections: int = 20


class HttpJson:
    """The adapter of the kind `http`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._paths = _Compiled(settings.paths)
        self._template = _template(settings.body)
        _judge_url(settings.url.reveal())
        self._http = Http(
            headers={name: _header(name, value.reveal()) for name, value in settings.headers.items()},
            connections=settings.connections,
            timeout=settings.timeout,
        )

    async def find(self, number: str) -> list[Contact]:
        """The contacts of the answer, in its order."""
        return self._paths.contacts_of(await self._ask(number))

    async def check(self) -> str:
        """Ask for a number that nobody has."""
        answer = await self._ask(NOBODY)
        return f"it answers, with {len(self._paths.contacts_of(answer))} contacts for a number that nobody has"

    async def _ask(self, number: str) -> Any:
        given = variants(number)._asdict()
        values = {"number" if name == "e164" else name: value for name, value in given.items()}
        url = _FIELD.sub(lambda match: quote(values[match[1]], safe=""), self._settings.url.reveal())
        body = None if self._template is None else _filled(self._template, values)
        answer = await self._http.fetch(self._settings.method, url, json=body)
        if answer.status in self._settings.not_found:
            return None
        return answer.judge().json() if answer.status != 204 else None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


class _Compiled:
    """The paths, compiled; SettingsError for one that is none."""

    def __init__(self, paths: Paths) -> None:
        self._contacts = _compiled(paths.contacts, "contacts")
        self._own = {name: _compiled(getattr(paths, name), name) for name in ("id", "name", "phones")}
        self._people = []
        for who in ("responsible", "second"):
            wanted = getattr(paths, who)
            fields = PersonPaths.__struct_fields__
            self._people.append({name: _compiled(getattr(wanted, name), f"{who}.{name}") for name in fields})

    def contacts_of(self, answer: Any) -> list[Contact]:
        """The contacts of an answer; CrmNonsense where it has not the shape that the paths say."""
        if answer is None:
            return []
        found = _at(self._contacts, answer)
        if found is None:
            return []
        if isinstance(found, dict):
            found = [found]
        if not isinstance(found, list):
            raise CrmNonsense(f"where the contacts should be, there is {type(found).__name__}")
        return [self._contact(each) for each in found[:CONTACTS] if each is not None]

    def _contact(self, data: Any) -> Contact:
        if not isinstance(data, dict | list):
            raise CrmNonsense(f"where a contact should be, there is {type(data).__name__}")
        people = tuple(person for paths in self._people if (person := _person(paths, data)))
        phones = tuple(_phones(_at(self._own["phones"], data)))
        return Contact(_text(_at(self._own["id"], data)), _text(_at(self._own["name"], data)), phones, people)


def make(settings: Settings) -> HttpJson:
    """The adapter; SettingsError for a path, a url or a body that cannot be one."""
    return HttpJson(settings)


def _person(paths: dict[str, Any], data: Any) -> Person | None:
    values = {name: _at(path, data) for name, path in paths.items()}
    identity, name, extension = (_text(values[field]) for field in ("id", "name", "extension"))
    phones = tuple(_phones(values["phones"]))
    if not (identity or name or extension or phones):
        return None
    return Person(identity, name, phones, extension, _truth(values["at_work"]))


def _compiled(path: str, name: str) -> Any:
    if not path:
        return None
    try:
        return jmespath.compile(path)
    except (jmespath.exceptions.JMESPathError, ValueError) as fault:
        problem = " ".join(str(fault).split())[:150]
        raise SettingsError(f"this is no JMESPath expression: {problem}", key=f"crm.paths.{name}") from None


def _at(path: Any, data: Any) -> Any:
    """What a path leads to; None where it leads nowhere."""
    if path is None:
        return None
    try:
        return path.search(data)
    except (jmespath.exceptions.JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError) as fault:
        raise CrmNonsense(f"the answer has not the shape that the paths say: {type(fault).__name__}") from None
    except (LookupError, AttributeError):
        # The library's functions assume types that they have not checked.
        raise CrmNonsense("the answer has not the shape that the paths say") from None


def _text(value: Any) -> str:
    """A text or a number as text; anything else is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    # An integer of thousands of digits is refused by Python itself; nothing real has more than twenty.
    if isinstance(value, int) and abs(value) >= 10**20:
        return ""
    return str(value)[:_LONGEST].strip()


def _phones(value: Any) -> Iterator[str]:
    for each in (value if isinstance(value, list) else [value])[:PHONES]:
        # A list of lists is what `a[].b[]` is not, but `a[*].b` is.
        if isinstance(each, list):
            yield from (phone for inner in each[:PHONES] for phone in split(_text(inner)))
        else:
            yield from split(_text(each))


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = _text(value).lower()
    return True if word in _YES else False if word in _NO else None


def _judge_url(url: str) -> None:
    if not re.match(r"https?://[^/\s{}]+", url):
        raise SettingsError("the url begins with https:// (or http://) and a host", key="crm.url")
    _judge_braces(url, "crm.url")


def _judge_braces(text: str, key: str) -> None:
    for found in _BRACES.findall(text):
        if not _FIELD.fullmatch(found):
            raise SettingsError(
                f"{found} is not known; there are {{number}}, {{digits}}, {{national}}, {{significant}}, {{last10}}",
                key=key,
            )


def _template(body: str) -> Any:
    """The body as data: the number is put into texts of it, so that it can never break the JSON."""
    if not body:
        return None
    try:
        data = msgspec.json.decode(body)
    except msgspec.DecodeError as fault:
        raise SettingsError(f"the body is no JSON: {fault}", key="crm.body") from None
    _judge_braces(body, "crm.body")
    return data


def _filled(template: Any, values: dict[str, str]) -> Any:
    if isinstance(template, str):
        return _FIELD.sub(lambda match: values[match[1]], template)
    if isinstance(template, list):
        return [_filled(each, values) for each in template]
    if isinstance(template, dict):
        return {key: _filled(each, values) for key, each in template.items()}
    return template


def _header(name: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or re.search(r"[\x00-\x1f\x7f]", value):
        raise SettingsError("this cannot be a header: it has signs that none may have", key=f"crm.headers.{name}")
    return value
