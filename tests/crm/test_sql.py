"""SQL databases through SQLAlchemy, here SQLite; PostgreSQL itself is in tests/live."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import exc

from ivrc.crm.contact import Contact, CrmError, CrmRefused, CrmSlow, Person
from ivrc.crm.settings import SettingsError, parse_crm
from ivrc.crm.sql import Sql, _meaning, _prepare, contacts_of, make

CALLER = "+74951234567"
QUERY = """
SELECT c.id AS contact_id, c.name AS contact_name, p.phone AS contact_phone,
       u.id AS responsible_id, u.name AS responsible_name, u.phones AS responsible_phones,
       u.ext AS responsible_extension, u.open AS responsible_at_work, c.second AS second_id
FROM contact c JOIN phone p ON p.contact = c.id LEFT JOIN users u ON u.id = c.owner
WHERE p.digits LIKE '%' || :last10
ORDER BY c.id
"""
TABLES = """
CREATE TABLE users (id INTEGER, name TEXT, phones TEXT, ext INTEGER, open INTEGER);
CREATE TABLE contact (id INTEGER, name TEXT, owner INTEGER, second INTEGER);
CREATE TABLE phone (contact INTEGER, phone TEXT, digits TEXT);
INSERT INTO users VALUES (17, 'Anna', '8 916 123-45-67; 8 903 111-22-33', 101, 1);
INSERT INTO contact VALUES (5, 'Ivan', 17, 18), (6, 'Nobody''s', NULL, NULL);
INSERT INTO phone VALUES (5, '8 (495) 123-45-67', '84951234567'), (5, '+7 916 000-00-00', '79160000000'),
    (6, '+7 916 000-00-01', '79160000001');
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "crm.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(TABLES)
    connection.close()
    return file


def settings(url: str, query: str = QUERY, **options: Any) -> Any:
    return parse_crm({"kind": "sql", "url": url, "query": query, **options}, folder=Path(".")).options


def found(file: Path, number: str = CALLER, query: str = QUERY, **options: Any) -> list[Contact]:
    async def work() -> list[Contact]:
        crm = make(settings(f"sqlite:///{file}", query, **options))
        try:
            return await crm.find(number)
        finally:
            await crm.close()

    return asyncio.run(work())


def test_a_contact_with_its_people(database: Path) -> None:
    assert found(database) == [
        Contact(
            "5",
            "Ivan",
            ("8 (495) 123-45-67",),
            (Person("17", "Anna", ("8 916 123-45-67", "8 903 111-22-33"), "101", True), Person("18")),
        )
    ]
    assert found(database, "+79160000001") == [Contact("6", "Nobody's", ("+7 916 000-00-01",))]
    assert found(database, "+79160000009") == []


def test_rows_of_one_contact_are_joined(database: Path) -> None:
    query = "SELECT contact AS contact_id, phone AS contact_phone FROM phone ORDER BY rowid"
    assert [contact.phones for contact in found(database, query=query)] == [
        ("8 (495) 123-45-67", "+7 916 000-00-00"),
        ("+7 916 000-00-01",),
    ]


def test_every_way_to_write_the_number_is_bound(database: Path) -> None:
    names = ("number", "digits", "national", "significant", "last10")
    query = "SELECT 1 AS contact_id, " + " || ',' || ".join(f":{name}" for name in names) + " AS contact_phone"
    (contact,) = found(database, query=query)
    assert contact.phones == (CALLER, "74951234567", "84951234567", "4951234567", "4951234567")


def test_the_number_is_data(database: Path) -> None:
    query = "SELECT id AS contact_id, name AS contact_phone FROM contact WHERE name = :number"
    assert found(database, "' OR '1'='1", query=query) == []


def test_nothing_can_be_written(database: Path) -> None:
    with pytest.raises(CrmError):
        found(database, query="DELETE FROM contact RETURNING id AS contact_id, name AS contact_phone")
    assert len(found(database)) == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nowt FROM contact", "no such column"),
        ("SELEC", "syntax error"),
        ("SELECT id FROM contact", "no column contact_id and no contact_phone"),
        ("SELECT id AS contact_id FROM contact", "no column contact_phone"),
        ("PRAGMA query_only", "no column contact_id"),
    ],
)
def test_queries_of_no_use_are_refused(database: Path, query: str, said: str) -> None:
    with pytest.raises(CrmRefused, match=said):
        found(database, query=query)


def test_check_looks_at_the_columns(database: Path) -> None:
    async def told(query: str) -> str:
        crm = make(settings(f"sqlite:///{database}", query))
        try:
            return await crm.check()
        finally:
            await crm.close()

    assert "the query runs" in asyncio.run(told(QUERY))
    assert "nobody reads city" in asyncio.run(told(QUERY.replace("FROM contact c", ", 'x' AS city FROM contact c")))
    with pytest.raises(CrmRefused, match="contact_phone"):
        asyncio.run(told("SELECT id AS contact_id FROM contact WHERE id = :number"))


def test_a_locked_database_is_slow(database: Path) -> None:
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with pytest.raises(CrmSlow):
        found(database, timeout="50ms")
    assert time.monotonic() - began < 10
    holder.execute("ROLLBACK")
    holder.close()


def test_a_crowd_at_once(database: Path) -> None:
    async def work() -> None:
        crm = make(settings(f"sqlite:///{database}", connections=2))
        answers = await asyncio.gather(*(crm.find(CALLER) for _ in range(100)))
        assert all(len(answer) == 1 for answer in answers)
        await crm.close()

    asyncio.run(work())


def test_no_more_rows_than_bearable(database: Path) -> None:
    query = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT i AS contact_id, '+7' AS contact_phone FROM n"
    )
    assert len(found(database, query=query)) == 1000


def test_a_driver_that_is_missing() -> None:
    async def work() -> None:
        crm = make(settings("oracle+oracledb://u@h/x"))
        with pytest.raises(CrmRefused, match="pip install oracledb"):
            await crm.find(CALLER)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"url": "postgresql://u:hunter2@h/x"}, "crm.url: the password does not stand here"),
        ({"url": "no url"}, "crm.url: this is no url"),
        ({"query": "  "}, "crm.query: the query is empty"),
    ],
)
def test_settings_of_no_use(table: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        make(settings(**{"url": "sqlite://", **table}))
    assert str(raised.value).startswith(said) and "hunter2" not in str(raised.value)


def test_the_password_comes_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "p@ss:/word")
    crm = Sql(settings("postgresql://ivrc@db/crm", password={"env": "DB_PASSWORD"}))
    assert crm._url.password == "p@ss:/word" and crm._url.drivername == "postgresql+psycopg"


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=5),
    st.decimals(),
    st.lists(st.text(max_size=5) | st.none(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.just(datetime.date(2026, 1, 1)),
    st.just(uuid.UUID(int=1)),
    st.just(decimal.Decimal("NaN")),
)
COLUMNS = ["contact_id", "contact_phone", "contact_name", "responsible_id", "responsible_phones", "responsible_at_work"]


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELLS)), max_size=4))
def test_cells_of_any_kind(rows: list[dict[str, Any]]) -> None:
    for contact in contacts_of(rows):
        texts = [contact.crm_id, contact.name, *contact.phones]
        texts += [text for person in contact.responsible for text in (person.crm_id, person.name, *person.phones)]
        assert all(isinstance(text, str) for text in texts)


class RecordedMySql:
    """A new connection of PyMySQL's to a server of this version: each server refuses the other's time limit."""

    def __init__(self, version: str) -> None:
        self.version, self.said = version, ""

    def cursor(self) -> RecordedMySql:
        return self

    def execute(self, statement: str) -> None:
        other = "max_execution_time" if "MariaDB" in self.version else "max_statement_time"
        assert other not in statement, f"(1193, \"Unknown system variable '{other}'\")"
        self.said += statement + ";"

    def fetchone(self) -> tuple[str]:
        return (self.version,)

    def close(self) -> None:
        pass

    def commit(self) -> None:
        self.said += "COMMIT;"


@pytest.mark.parametrize(
    ("version", "limit"),
    [("10.11.19-MariaDB-0+deb12u1", "max_statement_time = 1.5;"), ("8.0.36", "max_execution_time = 1500;")],
)
def test_mysql_addresses_lead_to_mariadb_too(version: str, limit: str) -> None:
    connection = RecordedMySql(version)
    _prepare(connection, "mysql", 1.5)
    assert f"SET SESSION {limit}SET SESSION TRANSACTION READ ONLY;COMMIT;" in connection.said


@pytest.mark.parametrize("number", [1969, 3024, 1205])
def test_time_limits_of_mariadb_and_mysql(number: int) -> None:
    fault = exc.OperationalError("SELECT", {}, Exception(number, "Query execution was interrupted"))
    assert isinstance(_meaning(fault), CrmSlow)
