"""Who may look at the history's page: accounts, passwords, and who is logged in. All of it is in the database.

Passwords are kept as scrypt hashes, and what a browser holds as a hash too: whoever reads the database can be nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any

import sqlalchemy as sa

from ivrc.history.schema import accounts, logins
from ivrc.history.search import Scope
from ivrc.history.store import Store
from ivrc.named import NamedTuple

SHORTEST, LONGEST = 8, 1024
"""Letters of a password."""
_COST, _BLOCK, _PARALLEL = 2**15, 8, 1
_MEMORY = 64 * 1024 * 1024


class AccountError(Exception):
    """An account that cannot be made, or is not there. The message is for people."""


class Account(NamedTuple):
    """Somebody who may log in: an admin sees all calls, a supervisor an office's (or all), an employee their own."""

    id: int
    name: str
    role: str
    office: str
    employee: str

    @property
    def scope(self) -> Scope:
        """Which calls they see."""
        return Scope() if self.role == "admin" else Scope(self.office, self.employee)


class Login(NamedTuple):
    """Somebody who is logged in; `csrf` is in every form of theirs, `expires` in seconds since 1970."""

    account: Account
    csrf: str
    expires: float


def hash_password(password: str) -> str:
    """What is kept of a password: `scrypt$cost$block$parallel$salt$hash`."""
    salt = secrets.token_bytes(16)
    made = _scrypt(password, salt, _COST, _BLOCK, _PARALLEL)
    return "$".join(["scrypt", *map(str, (_COST, _BLOCK, _PARALLEL)), *map(_text, (salt, made))])


def is_password(password: str, kept: str) -> bool:
    """Whether a password is the one that is kept; takes as long either way."""
    _, cost, block, parallel, salt, made = kept.split("$")
    found = _scrypt(password, base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(found, base64.b64decode(made))


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=cost, r=block, p=parallel, maxmem=_MEMORY, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Accounts:
    """The accounts of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Compared with where there is no such account, so that it takes as long.
        self._nobody = hash_password(secrets.token_hex())

    def add(self, name: str, role: str, office: str, employee: str, password: str) -> None:
        """Make an account; AccountError if there is one of that name, or something is wrong with it."""
        _check_name(name)
        _check_password(password)
        if role == "employee" and not (office and employee):
            raise AccountError("an employee's account needs --employee OFFICE/NAME, as in the source")
        if role != "employee" and employee:
            raise AccountError(f"--employee is for the role employee, not for {role}")
        if role == "admin" and office:
            raise AccountError("an admin sees all offices: the role for one office is supervisor")
        values = {"name": name, "role": role, "office": office, "employee": employee, "created": time.time()}
        with self._store.transaction() as connection:
            if connection.execute(sa.select(accounts.c.id).where(accounts.c.name == name)).first():
                raise AccountError(f"there is an account {name} already")
            connection.execute(accounts.insert(), {**values, "password": hash_password(password)})

    def all(self) -> list[Account]:
        """All accounts, by name."""
        query = sa.select(*_COLUMNS).order_by(accounts.c.name)
        with self._store.transaction() as connection:
            return [Account(*row) for row in connection.execute(query)]

    def remove(self, name: str) -> None:
        """Take an account away; it is logged out everywhere."""
        with self._store.transaction() as connection:
            found = _id(connection, name)
            connection.execute(sa.delete(logins).where(logins.c.account == found))
            connection.execute(sa.delete(accounts).where(accounts.c.id == found))

    def set_password(self, name: str, password: str) -> None:
        """Another password; the account is logged out everywhere."""
        _check_password(password)
        with self._store.transaction() as connection:
            found = _id(connection, name)
            made = hash_password(password)
            connection.execute(sa.update(accounts).where(accounts.c.id == found).values(password=made))
            connection.execute(sa.delete(logins).where(logins.c.account == found))

    def find(self, name: str, password: str) -> Account | None:
        """The account of this name and password. Takes as long for a name that nobody has."""
        # PostgreSQL refuses the character 0, and no name has it.
        query = sa.select(*_COLUMNS, accounts.c.password).where(accounts.c.name == name.replace("\x00", "\x01"))
        with self._store.transaction() as connection:
            row = connection.execute(query).first()
        right = is_password(password[:LONGEST], row.password if row else self._nobody)
        return Account(*row[:-1]) if row and right else None

    def begin(self, account: Account, seconds: float) -> str:
        """Log somebody in; what their browser keeps."""
        token = secrets.token_urlsafe(32)
        now = time.time()
        values = {"account": account.id, "csrf": secrets.token_urlsafe(24), "expires": now + seconds}
        with self._store.transaction() as connection:
            connection.execute(sa.delete(logins).where(logins.c.expires < now))
            connection.execute(logins.insert(), {"token": _hashed(token), **values})
        return token

    def of(self, token: str) -> Login | None:
        """Who has this; None if nobody, or no longer."""
        query = sa.select(*_COLUMNS, logins.c.csrf, logins.c.expires).join(logins, logins.c.account == accounts.c.id)
        query = query.where(logins.c.token == _hashed(token), logins.c.expires > time.time())
        with self._store.transaction() as connection:
            row = connection.execute(query).first()
        return Login(Account(*row[:-2]), row.csrf, row.expires) if row else None

    def end(self, token: str) -> None:
        """Log out."""
        with self._store.transaction() as connection:
            connection.execute(sa.delete(logins).where(logins.c.token == _hashed(token)))


_COLUMNS = [accounts.c[name] for name in Account._fields]


def _id(connection: Any, name: str) -> int:
    found = connection.execute(sa.select(accounts.c.id).where(accounts.c.name == name)).scalar()
    if found is None:
        raise AccountError(f"there is no account {name}")
    return int(found)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= 80 or not name.isprintable() or name != name.strip():
        raise AccountError("a name has 1 to 80 letters that can be seen, and no blanks around them")


def _check_password(password: str) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccountError(f"a password has {SHORTEST} letters or more")
