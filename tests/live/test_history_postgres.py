"""The history in a real PostgreSQL: several machines at once, upgrades, and a table that Asterisk writes by ODBC."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from ivrc.history import cel, table
from ivrc.history.collect import Collector
from ivrc.history.database import MIGRATIONS
from ivrc.history.schema import metadata
from ivrc.history.settings import HistorySettings
from ivrc.history.store import Filter, Store, StoreError
from ivrc.testbed import postgres
from ivrc.testbed.fetch import odbc_root
from ivrc.testbed.prefix import TestbedError
from ivrc.testbed.sip_xml import expect_answer, wait_hangup
from tests.history.test_history import HERE, recorded
from tests.live.lab import SETTINGS, MakeLab

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    if not postgres.is_available() and os.environ.get("IVRC_LIVE") != "1":
        pytest.skip("no PostgreSQL here: pip install pgserver")
    with postgres.running() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'history.sqlite'}"
    return fresh(request.getfixturevalue("server"))


def fresh(server: postgres.Postgres) -> str:
    name = f"h{time.monotonic_ns()}"
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return server.url.replace("/postgres", f"/{name}")


def upgrade(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


FIRST_CALL = (
    "INSERT INTO call (id, machine, linkedid, number, office, scenario, caller, caller_name, contact, contact_name, "
    "began, answered, ended, complete, settled, outcome, words, answered_by) VALUES (1, 'm', '1.1', '+74950000001', "
    "'acme', 'main', '+7916', 'Ivan', '', '', 1e9, 0, 1e9, true, true, 'talked', 'talked with Anna, 5 s', 'Anna')"
)
FIRST_LEG = (
    "INSERT INTO leg (id, call, who, endpoint, employee, began, answered, ended, result) "
    "VALUES (1, 1, 'Anna', 'anna', 'anna', 1e9, 1e9, 1e9, 'answered')"
)


def test_upgraded_from_the_first_tables(url: str) -> None:
    upgrade(url, "0001")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(FIRST_CALL)
        connection.exec_driver_sql(FIRST_LEG)
    engine.dispose()
    store = Store(url)
    with store.engine.connect() as connection:
        ours = {"compare_type": True, "include_name": lambda name, *_: not (name or "").startswith("call_text")}
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), metadata) == []
    assert [call["words"] for call in store.find(Filter())] == ["talked with Anna, 5 s"]
    assert [call["id"] for call in store.find(Filter(employee="anna"))] == [1]
    assert [call["id"] for call in store.find(Filter(search="van"))] == [1]
    store.close()


def test_several_programs_begin_at_once(url: str) -> None:
    """Each would make the tables."""
    script = f"from ivrc.history.store import Store; Store({url!r}).close()"
    programs = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(4)]
    said = [program.communicate(timeout=60)[1].decode() for program in programs]
    assert [program.returncode for program in programs] == [0, 0, 0, 0], said
    assert Store(url).find(Filter()) == []


def test_a_database_of_a_newer_ivrc_is_left_alone(url: str) -> None:
    store = Store(url)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(StoreError, match="newer"):
        Store(url)


def config(folder: Path, url: str, machine: str) -> Path:
    folder.mkdir()
    (folder / "ivrc.csv").write_bytes(b"")
    path = folder / "ivrc.toml"
    path.write_text(
        f'[history]\ndatabase = "{url}"\ncel = "{folder / "ivrc.csv"}"\nspool = "{folder}"\n'
        f'build = "{HERE / "recorded-22" / "build"}"\nmachine = "{machine}"\n'
    )
    return path


def test_two_machines_into_one_database(server: postgres.Postgres, tmp_path: Path) -> None:
    """Both logs grow while both collectors follow, and PostgreSQL is away for a while: each has all its calls, once."""
    url = fresh(server)
    data, _ = recorded("22")
    lines = data.splitlines(keepends=True)
    configs = {machine: config(tmp_path / machine, url, machine) for machine in ("one", "two")}
    programs = [
        subprocess.Popen([sys.executable, "-m", "ivrc", "history", "collect", "--follow", "--config", str(path)])
        for path in configs.values()
    ]

    def grow(path: Path) -> None:
        with path.with_name("ivrc.csv").open("ab", buffering=0) as log:
            for line in lines:
                log.write(line)
                time.sleep(0.01)

    writers = [threading.Thread(target=grow, args=(path,)) for path in configs.values()]
    for writer in writers:
        writer.start()
    # Whether a collector has the database by now or not: it waits for it.
    time.sleep(0.5)
    server.stop()
    time.sleep(2.0)
    server.start()
    for writer in writers:
        writer.join()
    store = Store(url)
    until = time.monotonic() + 60
    while sum(bool(call["settled"]) for call in store.find(Filter(limit=0))) < 8 and time.monotonic() < until:
        time.sleep(0.2)
    for program in programs:
        program.terminate()
    assert [program.wait(20) for program in programs] == [0, 0]
    for machine in configs:
        calls = [call for call in store.find(Filter(limit=0)) if call["machine"] == machine]
        assert [call["outcome"] for call in calls] == ["refused", "message", "talked", "talked"], machine
    store.close()


OFFICE = SETTINGS + 'number "+7 495 000-00-01" -> main\nscenario main { play "asterisk:beep"  hangup }\n'


def test_asterisk_writes_by_odbc(server: postgres.Postgres, make_lab: MakeLab, tmp_path: Path) -> None:
    """What Asterisk tells while the database is away it drops; afterwards it goes on. Its file has everything."""
    try:
        odbc = odbc_root()
    except TestbedError as fault:
        if os.environ.get("IVRC_LIVE") == "1":
            raise
        pytest.skip(str(fault))
    url = fresh(server)
    store = Store(url)
    name = url.rpartition("/")[2]
    files = {**table.settings("here"), **cel.settings()}
    files["cel.conf"] += "[manager]\nenabled=yes\n"
    files["odbc.ini"] = f"[ivrc]\nDriver=postgresql\nServername=127.0.0.1\nPort={server.port}\nDatabase={name}\n"
    lab = make_lab(OFFICE, settings=files, odbc=odbc)
    log = lab.asterisk.rundir / "var/log" / cel.FILE
    from_table = Collector(
        HistorySettings(database=url, source="table", spool=tmp_path, build=lab.build, machine="here"), store
    )
    from_log = Collector(HistorySettings(database=url, cel=log, spool=tmp_path, build=lab.build, machine="file"), store)

    def call(caller: str) -> None:
        result, _ = lab.call("+74950000001", [expect_answer(), wait_hangup()], from_=caller)
        assert result.ok, result.transcript

    def told(machine: str) -> list[str]:
        from_table.collect()
        from_log.collect()
        return sorted(c["caller"] for c in store.find(Filter(limit=0)) if c["machine"] == machine and c["complete"])

    def await_told(machine: str, callers: list[str]) -> None:
        until = time.monotonic() + 20
        while told(machine) != callers and time.monotonic() < until:
            time.sleep(0.2)
        assert told(machine) == callers

    call("+79160030001")
    await_told("here", ["+79160030001"])
    store.engine.dispose()
    server.stop()
    call("+79160030002")
    time.sleep(10.0)
    server.start()
    call("+79160030003")
    await_told("here", ["+79160030001", "+79160030003"])
    await_told("file", ["+79160030001", "+79160030002", "+79160030003"])
    both = [store.show(found["id"]) for found in store.find(Filter(limit=0)) if found["caller"] == "+79160030003"]
    one, other = ([(e["kind"], e["text"], e["line"]) for e in call["entries"]] for call in both if call is not None)
    assert one == other, "the same journey from either"
    assert any(text == 'play "asterisk:beep"' for _, text, _ in one)
    store.close()
