"""Salesforce, by a connected app: OAuth with client credentials, or with a JWT that a private key signs.

SOSL searches the phone fields of several objects in one request. It finds whole numbers and phrases of their parts, not
what is in the middle; so the number is asked in each usual way. Whose session has ended is logged in again, once for
all who wait.

Documentation: developer.salesforce.com, "SOSL Reference", "REST API Developer Guide: Search, Query, Status Codes",
and help.salesforce.com, "OAuth 2.0 Client Credentials Flow", "OAuth 2.0 JWT Bearer Flow".
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from typing import Any, Literal

import msgspec
from yarl import URL

from ivrc.crm.adapters.common import (
    NOBODY,
    Bucket,
    Common,
    Kept,
    People,
    base_url,
    error_code,
    field_name,
    http,
    identity,
    items,
    mapping,
    may_be,
    phones,
    refused,
    text,
    told,
)
from ivrc.crm.contact import Contact, CrmBusy, CrmNonsense, CrmRefused, Person
from ivrc.crm.http import Answer
from ivrc.crm.numbers import variants
from ivrc.crm.settings import Secret, SettingsError
from ivrc.named import NamedTuple

MOST = 20
"""Records of each object in one search."""
SESSION = 6000.0
"""Seconds to use a session; the usual limit is two hours, and one that ended before is renewed anyway."""
BUSY_PAUSE = 30.0
_PHONES = {
    "Contact": ("MobilePhone", "Phone", "HomePhone", "OtherPhone", "AssistantPhone"),
    "Lead": ("MobilePhone", "Phone"),
    "Account": ("Phone",),
}
_USER = "005"
"""The beginning of every user's id; a lead may belong to a queue instead."""
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


class Settings(Common, kw_only=True, frozen=True):
    """`url`: My Domain, https://NAME.my.salesforce.com. `client_id` and `client_secret` of a connected app; or, for a
    JWT, `client_id`, `username` and `private_key` (PEM). `login_url`: whom the JWT is meant for.

    `second`: by object, the field that names another user, as { Contact = "Backup_Owner__c" }.
    """

    url: str
    client_id: str
    client_secret: Secret | None = None
    username: str = ""
    private_key: Secret | None = None
    login_url: str = "https://login.salesforce.com"
    version: str = "62.0"
    objects: tuple[Literal["Contact", "Lead", "Account"], ...] = ("Contact", "Lead", "Account")
    second: dict[Literal["Contact", "Lead", "Account"], str] = msgspec.field(default_factory=dict)
    rate: float = 20.0
    burst: float = 20.0


class Session(NamedTuple):
    """A login: the token, and the server that takes it."""

    token: str
    server: str


class Salesforce:
    """The adapter of the kind `salesforce`."""

    def __init__(self, settings: Settings) -> None:
        if not re.fullmatch(r"\d{2,3}\.\d", settings.version):
            raise SettingsError('the version looks like "62.0"', key="crm.version")
        if not settings.objects:
            raise SettingsError("name at least one of Contact, Lead, Account", key="crm.objects")
        self._login = Login(settings)
        self._http = http(settings, "")
        self._data = f"/services/data/v{settings.version}"
        self._second: dict[str, str] = {
            kind: field_name(name, f"crm.second.{kind}") for kind, name in settings.second.items()
        }
        self._returning = ",".join(_returning(kind, self._second.get(kind, "")) for kind in settings.objects)
        self._bucket = Bucket(settings.rate, settings.burst)
        self._sessions: Kept[Session] = Kept(self._login.session, SESSION)
        self._people = People(self._user, settings.keep_people)

    async def find(self, number: str) -> list[Contact]:
        """Contacts, leads that are not converted, accounts."""
        query = f"FIND {{{_terms(number)}}} IN PHONE FIELDS RETURNING {self._returning}"
        answer = mapping(await self._get("/search/", query), "the answer")
        found = [mapping(each, "a record") for each in items(answer.get("searchRecords"), "searchRecords")]
        return await asyncio.gather(*(self._contact(each, number) for each in found))

    async def check(self) -> str:
        """Ask for a number that nobody has."""
        return told("Salesforce", await self.find(NOBODY))

    async def close(self) -> None:
        """Close the connections."""
        await self._people.close()
        await self._sessions.close()
        await self._login.close()
        await self._http.close()

    async def _contact(self, found: dict[str, Any], number: str) -> Contact:
        attributes = found.get("attributes")
        kind = text(attributes.get("type")) if isinstance(attributes, dict) else ""
        owners = (_user_id(found.get("OwnerId")), _user_id(found.get(self._second.get(kind, ""))))
        written = phones(*(found.get(name) for name in _PHONES.get(kind, ("MobilePhone", "Phone"))))
        responsible = await self._people.all_of(*owners) if may_be(number, written) else ()
        return Contact(identity(found.get("Id")), text(found.get("Name")), written, responsible)

    async def _user(self, crm_id: str) -> Person:
        query = f"SELECT Name, MobilePhone, Phone, Extension FROM User WHERE Id = '{crm_id}'"
        answer = mapping(await self._get("/query/", query), "the answer")
        found = items(answer.get("records"), "records")
        user = mapping(found[0], "a user") if found else {}
        written = phones(user.get("MobilePhone"), user.get("Phone"))
        return Person(crm_id, text(user.get("Name")), written, text(user.get("Extension")))

    async def _get(self, path: str, query: str) -> Any:
        """An answer; a session that has ended is renewed once."""
        await self._bucket.take()
        session = await self._sessions.get("")
        answer = await self._send(session, path, query)
        if answer.status == 401:
            self._sessions.forget("", session)
            answer = await self._send(await self._sessions.get(""), path, query)
        return _judged(answer).json()

    async def _send(self, session: Session, path: str, query: str) -> Answer:
        headers = {"Authorization": f"Bearer {session.token}"}
        return await self._http.fetch("GET", session.server + self._data + path, params={"q": query}, headers=headers)


class Login:
    """How a session is had."""

    def __init__(self, settings: Settings) -> None:
        self._url = base_url(settings.url)
        self._client_id = settings.client_id
        self._secret = settings.client_secret
        self._username = settings.username
        self._audience = base_url(settings.login_url, "crm.login_url")
        self._key = _private_key(settings.private_key) if settings.private_key else None
        if self._key is not None and not self._username:
            raise SettingsError('a login with a private key needs "username" too', key="crm.username")
        if self._key is None and self._secret is None:
            raise SettingsError('"client_secret" is missing (or "private_key" and "username")', key="crm.client_secret")
        self._http = http(settings, self._url)

    async def session(self, _: str) -> Session:
        """A new one. Raises CrmError."""
        answer = await self._http.fetch("POST", "services/oauth2/token", form=self._form())
        if answer.status in (400, 401, 403):
            raise refused(answer, "are the connected app's id and secret right, and is its flow allowed for a user?")
        data = mapping(answer.judge().json(), "the login's answer")
        token, server = text(data.get("access_token")), text(data.get("instance_url"))
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise CrmNonsense("the login's answer has no token")
        return Session(token, _trusted(server, self._url))

    def _form(self) -> dict[str, str]:
        if self._key is None:
            secret = self._secret.reveal() if self._secret else ""
            return {"grant_type": "client_credentials", "client_id": self._client_id, "client_secret": secret}
        claims = {
            "iss": self._client_id,
            "sub": self._username,
            "aud": self._audience,
            "exp": str(int(time.time()) + 180),
        }
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": _signed(claims, self._key)}

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def make(settings: Settings) -> Salesforce:
    """The adapter; SettingsError for settings that cannot log in, or without the package for private keys."""
    return Salesforce(settings)


def _terms(number: str) -> str:
    """The number as SOSL looks for it: whole in each usual way, and as a phrase of its parts."""
    asked = variants(number)
    own = asked.significant
    ways = [asked.digits, asked.national, own, f"00{asked.digits}"]
    if len(own) == 10:
        # Between the parts any punctuation counts as a space.
        ways += [f"{own[:3]} {own[3:6]} {own[6:8]} {own[8:]}", f"{own[:3]} {own[3:6]} {own[6:]}"]
    return " OR ".join(f'"{way}"' for way in dict.fromkeys(ways))


def _returning(kind: str, second: str) -> str:
    fields = ["Id", "Name", *_PHONES[kind], "OwnerId", *([second] if second else [])]
    where = " WHERE IsConverted = false" if kind == "Lead" else ""
    return f"{kind}({', '.join(fields)}{where} LIMIT {MOST})"


def _user_id(value: Any) -> str:
    """The id of a user; "" for a queue and for what is no id, as it becomes part of a query."""
    found = text(value)
    return found if found.startswith(_USER) and _ID.fullmatch(found) else ""


def _trusted(server: str, url: str) -> str:
    """The server that a login names, if the token may be sent there: over TLS, unless the settings do without."""
    try:
        named, own = URL(server), URL(url)
    except ValueError:
        raise CrmNonsense("the login's answer has no server") from None
    same = (named.scheme, named.host, named.port) == (own.scheme, own.host, own.port)
    known = named.scheme == "https" and (named.host or "").endswith((".salesforce.com", ".salesforce.mil"))
    if not named.host or not (same or known):
        raise CrmNonsense("the login's answer names a server that is not Salesforce's")
    return f"{named.scheme}://{named.authority}"


def _judged(answer: Answer) -> Answer:
    if answer.status < 400:
        return answer.judge()
    code = error_code(answer, "errorCode")
    if code in ("REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE"):
        raise CrmBusy(f"Salesforce answered {code}", BUSY_PAUSE)
    if answer.status in (401, 403):
        raise refused(answer, "may the user of the connected app use the API and read these objects?")
    if answer.status in (400, 404) and code:
        raise CrmRefused(f"Salesforce refuses the question: {code}: {answer.beginning()}")
    return answer.judge()


def _private_key(secret: Secret) -> Any:
    try:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise SettingsError(
            "a private key needs the package cryptography: pip install 'ivrc[salesforce]'", key="crm.private_key"
        ) from None
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    try:
        key = load_pem_private_key(secret.reveal().encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError("this is no RSA key in PEM without a password", key="crm.private_key")
    return key


def _signed(claims: dict[str, str], key: Any) -> str:
    """A JSON Web Token by RS256."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    parts = b".".join(_base64(msgspec.json.encode(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return (parts + b"." + _base64(key.sign(parts, PKCS1v15(), SHA256()))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
