"""The table [history] of ivrc.toml."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

from ivrc.crm.durations import Duration
from ivrc.crm.settings import Strict, convert, read


class HistorySettings(Strict, frozen=True):
    """Where the history is, what it is made of, and how long it is kept.

    `database`: a file, or a URL of SQLAlchemy's (`postgresql+psycopg://…`). `cel`: the file that Asterisk writes; or,
    with `source = "table"`, the table `asterisk_cel` of the database, into which it writes by ODBC.
    `spool`: Asterisk's spool folder. `build`: what `ivrc compile` wrote. `machine`: this Asterisk's name among several;
    the host's unless given. `keep` and `keep_media`: how long calls and files are kept, `media_bytes`: how much of
    them; 0 for ever. `listen`: where the page is, `session`: how long a login lasts, `behind_proxy`: a server before it
    says who asks and whether by TLS.
    """

    database: str = "history.sqlite"
    source: Literal["log", "table"] = "log"
    cel: Path = Path("/var/log/asterisk/cel-custom/ivrc.csv")
    spool: Path = Path("/var/spool/asterisk")
    build: Path = Path("build")
    machine: str = ""
    keep: Duration = Duration(0.0)
    keep_media: Duration = Duration(0.0)
    media_bytes: int = 0
    listen: str = "127.0.0.1:8088"
    session: Duration = Duration(12 * 3600.0)
    behind_proxy: bool = False

    @property
    def url(self) -> str:
        """The database as SQLAlchemy names it."""
        return self.database if "://" in self.database else f"sqlite:///{self.database}"

    @property
    def name(self) -> str:
        """This machine's name."""
        return self.machine or socket.gethostname()

    @property
    def media(self) -> Path:
        """The folder with what callers left."""
        return self.spool / "ivrc"


def load(path: Path) -> HistorySettings:
    """Read [history]; SettingsError if it is wrong. Paths are relative to the file."""
    folder = path.absolute().parent
    settings: HistorySettings = read(
        path, lambda data: convert(data.get("history", {}), HistorySettings, folder=folder, key="history")
    )
    database = settings.database
    if "://" not in database:
        database = str(folder / Path(database).expanduser())
    changed = {"database": database, "build": folder / settings.build}
    return HistorySettings(**{**{name: getattr(settings, name) for name in settings.__struct_fields__}, **changed})
