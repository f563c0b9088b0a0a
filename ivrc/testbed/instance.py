"""An isolated Asterisk on 127.0.0.1: its own folders, ports and settings, without root."""

import atexit
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ivrc.testbed import conf
from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.prefix import Prefix, TestbedError, die_with_us, end

BOOT_SECONDS = 20.0
_UNPRIVILEGED = 65534

# What the log says of the environment and not of the dialplan, as regular expressions.
HARMLESS = (
    # a phone that is offline, as tests want it; a phone without an endpoint reads otherwise
    r"^res_pjsip\.c: Endpoint '.*': Could not create dialog to invalid URI '.*'\.  Is endpoint registered",
    r"^chan_pjsip\.c: Failed to create outgoing session to endpoint '",
    # the music that a caller without SIP sends, `Ami.originate_local`, as the call is hung up
    r"^res_musiconhold\.c: Failed to write frame to 'Local/[^']*;1': ",
)
_LINE = re.compile(r"^\[[^]]*\] (WARNING|ERROR)\[\d+\](\[C-\w+\])? (?P<text>.*)$")


class Asterisk:
    """A running Asterisk; as a context manager it boots on entry and stops on exit.

    `root` is the unpacked prefix, `rundir` a folder of its own; `sounds` are folders laid out like Asterisk's
    sounds folder (`en/…`, `ru/…` or plain files); `extensions` is extensions.conf or file -> text.
    `odbc` is the root of PostgreSQL's driver, for odbc.ini's `Driver=postgresql`.
    `faketime` is libfaketime's notation in UTC, e.g. `"@2026-12-25 10:00:00 x10"`.
    """

    def __init__(
        self,
        root: Path,
        rundir: Path,
        *,
        extensions: str | Mapping[str, str] = "",
        phones: Sequence[str | PhoneSpec] = (),
        sounds: Iterable[Path] = (),
        faketime: str | None = None,
        context: str = "ivrc-incoming",
        sip_port: int | None = None,
        ami_port: int | None = None,
        odbc: Path | None = None,
    ):
        self.prefix = Prefix(root, (odbc,) if odbc else ())
        self.rundir = rundir
        self.faketime = faketime
        # Seconds for which the clock's file is not looked at again: looking at it costs more than all else.
        self.clock_kept = 0
        self.phones = [phone if isinstance(phone, PhoneSpec) else PhoneSpec(phone) for phone in phones]
        self._blocks = [take_ports() for _ in range(2 + len(self.phones))]
        self.sip_port = sip_port or self._blocks[0]
        self.ami_port = ami_port or self._blocks[0] + 2
        self.provider_port = self._blocks[1]
        self.contacts = {phone.name: port for phone, port in zip(self.phones, self._blocks[2:], strict=True)}
        self._process: subprocess.Popen[bytes] | None = None
        self._given = {"extensions.conf": extensions} if isinstance(extensions, str) else dict(extensions)
        self._context = context
        self._sounds = list(sounds)
        self._socket_folder: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the tree, boot and wait until fully booted; raises TestbedError with the log's tail."""
        if not Path("/usr/share/zoneinfo/Europe/Moscow").exists():
            raise TestbedError("the machine has no tzdata, and Asterisk would take every zone for GMT")
        atexit.register(self.stop)
        self._make_tree()
        command = [*self._wrapper(), *self._asterisk("-f", preload=True)]
        with (self.rundir / "console.log").open("wb") as console:
            self._process = subprocess.Popen(
                command, cwd=self.rundir, env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=console, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._await_boot()

    def stop(self) -> None:
        """End the process and free ports and the socket's folder; a second call does nothing."""
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        if process is not None:
            end(process)
            for name in ("faketime_shm_", "sem.faketime_sem_"):  # libfaketime leaves them when it is killed
                Path(f"/dev/shm/{name}{process.pid}").unlink(missing_ok=True)
        for block in self._blocks:
            give_back(block)
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def add_settings(self, files: Mapping[str, str]) -> None:
        """Settings that need the ports to be known, in place of those of the test bed; before `start`."""
        self._given.update(files)

    @property
    def pid(self) -> int:
        """The process id of the running Asterisk."""
        assert self._process is not None, "not started"
        return self._process.pid

    def cli(self, command: str, timeout: float = 15.0) -> str:
        """The output of one command of the Asterisk CLI; raises TestbedError if none comes in time."""
        try:
            done = subprocess.run(
                self._asterisk("-rx", command), capture_output=True, env=self.prefix.environment(),
                timeout=timeout, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise TestbedError(f"asterisk -rx {command!r}: no answer in {timeout:.0f} s") from error
        return done.stdout.decode("utf-8", "replace")

    def write_conf(self, name: str, text: str) -> None:
        """Write one settings file, whole or not at all; what reads it has to be reloaded by the caller."""
        target = self.rundir / "etc" / name
        part = target.with_name(f".{name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(target)

    def reload_dialplan(self, text: str | None = None) -> list[str]:
        """Reload extensions.conf (with a new text, if one is given); returns the warnings that came of it."""
        mark = self.mark()
        if text is not None:
            self.write_conf("extensions.conf", text)
        self.cli("dialplan reload")
        return self.warnings(mark)

    def set_time(self, text: str) -> None:
        """Move the running instance's clock, e.g. `"@2026-12-31 23:59:50"` (UTC); needs `faketime`."""
        assert self.faketime is not None, "start the instance with faketime=…"
        part = self.rundir / ".faketime.part"
        part.write_text(f"{text}\n")
        part.replace(self.rundir / "faketime")

    def log(self) -> str:
        """The text of the log since boot."""
        path = self.rundir / "var/log/full"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def mark(self) -> int:
        """A place in the log, for `warnings(since)`."""
        self._settle()
        return len(self.log())

    def warnings(self, since: int = 0) -> list[str]:
        """WARNING and ERROR lines of the log since a mark (or boot), without the HARMLESS ones."""
        self._settle()
        # Of a bad expression the next line tells what it was.
        lines = self.log()[since:].replace("; Input:\n", "; Input: ").splitlines()
        found = (match for line in lines if (match := _LINE.match(line)))
        return [
            f"{match[1]} {match['text']}"
            for match in found
            if not any(re.search(pattern, match["text"]) for pattern in HARMLESS)
        ]

    def _settle(self, quiet: float = 0.08, limit: float = 1.0) -> None:
        """Wait until the log has not grown for a while: its writer is a thread of its own."""
        path, end = self.rundir / "var/log/full", time.monotonic() + limit
        size = -1
        while path.exists() and path.stat().st_size != size and time.monotonic() < end:
            size = path.stat().st_size
            time.sleep(quiet)

    def _make_tree(self) -> None:
        for name in (
            "etc",
            "var/lib",
            "var/log/cdr-csv",
            "var/log/cel-custom",
            "keys",
            "agi",
            "data/sounds",
            "var/spool/tmp",
        ):
            (self.rundir / name).mkdir(parents=True, exist_ok=True)
        for name in ("outgoing", "voicemail", "monitor", "recording"):
            (self.rundir / "var/spool" / name).mkdir(exist_ok=True)
        # A Unix socket's path may have 107 bytes, and a test's folder often has more.
        short = "/tmp" if os.access("/tmp", os.W_OK) else None
        self._socket_folder = Path(tempfile.mkdtemp(prefix="ivrc-", dir=short))
        self._link_data()
        contacts, phones = self.contacts, self.phones
        files = conf.render_fixed(self.ami_port)
        files["modules.conf"] = conf.render_modules(self.prefix.modules, self._given)
        files["pjsip.conf"] = conf.render_pjsip(self.sip_port, self._context, phones, contacts, self.provider_port)
        files["asterisk.conf"] = self._main_conf()
        for driver in (path for root in self.prefix.beside for path in root.glob("usr/lib/*/odbc/psqlodbcw.so")):
            files["odbcinst.ini"] = f"[postgresql]\nDriver={driver}\n"
        for name, text in {**files, **self._given}.items():
            self.write_conf(name, text)
        if self.faketime:
            self.set_time(self.faketime)

    def _main_conf(self) -> str:
        here = self.rundir
        folders = {
            "astetcdir": here / "etc", "astmoddir": self.prefix.modules, "astvarlibdir": here / "var/lib",
            "astdbdir": here / "var/lib", "astkeydir": here / "keys", "astdatadir": here / "data",
            "astagidir": here / "agi", "astspooldir": here / "var/spool", "astrundir": self._socket_folder,
            "astlogdir": here / "var/log", "astsbindir": self.prefix.root / "usr/sbin",
        }  # fmt: skip
        return (
            "[directories]\n"
            + "".join(f"{name} => {path}\n" for name, path in folders.items())
            + "[options]\nverbose=3\nnocolor=yes\ndumpcore=no\nsystemname=\nmaxfiles=4096\n"
        )

    def _link_data(self) -> None:
        data = self.rundir / "data"
        for name in ("documentation", "moh", "rest-api", "static-http"):
            _link(self.prefix.data / name, data / name)
        folders = [(folder, data / "sounds" / language) for language, folder in self.prefix.sounds.items()]
        for source, target in [*folders, *((folder, data / "sounds") for folder in self._sounds)]:
            for path in sorted(source.rglob("*")):
                if path.is_file():  # file by file, so that nothing is ever written into the prefix
                    _link(path, target / path.relative_to(source))

    def _asterisk(self, *args: str, preload: bool = False) -> list[str]:
        library = self.prefix.faketime_library if preload and self.faketime else None
        settings = str(self.rundir / "etc/asterisk.conf")
        return self.prefix.command("usr/sbin/asterisk", "-C", settings, *args, preload=library)

    def _environment(self) -> dict[str, str]:
        extra = {"TZ": "UTC"}
        if self.faketime:
            extra["FAKETIME_TIMESTAMP_FILE"] = str(self.rundir / "faketime")
            extra |= (
                {"FAKETIME_CACHE_DURATION": str(self.clock_kept)} if self.clock_kept else {"FAKETIME_NO_CACHE": "1"}
            )
        if self.prefix.beside:
            extra |= {"ODBCSYSINI": str(self.rundir / "etc"), "ODBCINI": str(self.rundir / "etc/odbc.ini")}
        return self.prefix.environment(**extra)

    def _wrapper(self) -> list[str]:
        """What drops root, and ends Asterisk when this process is killed."""
        bound = die_with_us()
        if os.getuid() != 0 or shutil.which("setpriv") is None:
            return bound
        self._hand_over()
        user = [f"--reuid={_UNPRIVILEGED}", f"--regid={_UNPRIVILEGED}", "--clear-groups"]
        # The cache or rundir may lie below a folder that only root may enter.
        for capability in ("", "dac_read_search", "dac_override"):
            more = [f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}"] if capability else []
            version = self.prefix.command("usr/sbin/asterisk", "-V")
            probe = ["sh", "-c", ': > "$0" && exec "$@"', str(self.rundir / ".probe"), *version]
            trial = ["setpriv", *user, *more, *probe]
            if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
                return ["setpriv", *user, *more, *bound[1:]]
        return bound

    def _hand_over(self) -> None:
        assert self._socket_folder is not None
        for folder in (self.rundir, self._socket_folder):
            for path in (folder, *folder.rglob("*")):
                os.chown(path, _UNPRIVILEGED, _UNPRIVILEGED, follow_symlinks=False)

    def _await_boot(self) -> None:
        assert self._process is not None and self._socket_folder is not None
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            if (self._socket_folder / "asterisk.ctl").exists():
                left = max(1.0, end - time.monotonic())
                if "fully booted" in self.cli("core waitfullybooted", timeout=left):
                    return
            time.sleep(0.03)
        died = self._process.poll()
        console = (self.rundir / "console.log").read_text("utf-8", "replace")
        tail = "\n".join((console + self.log()).splitlines()[-25:])
        self.stop()
        how = f"exit code {died}" if died is not None else f"not booted in {BOOT_SECONDS:.0f} s"
        raise TestbedError(f"Asterisk did not start ({how}):\n{tail}")


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_symlink():
        target.symlink_to(source.resolve())
