"""A real Kamailio on loopback that shares calls out to several Asterisks, and leaves out those that are dead."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.prefix import TestbedError, die_with_us, end
from ivrc.testbed.tools import tool

_MODULES = "tm sl rr pv maxfwd textops siputils xlog dispatcher"
_CONFIG = """\
#!KAMAILIO
debug=2
log_stderror=yes
children=2
auto_aliases=no
disable_tcp=yes
listen=udp:127.0.0.1:{port}
{loads}
# An INVITE without an answer of any kind goes to the next one after two seconds. That is the limit of the pings,
# too: one that lives must answer within it even on a busy machine, or nobody is left to take a call.
modparam("tm", "fr_timer", 2000)
modparam("tm", "fr_inv_timer", 120000)
modparam("tm", "failure_reply_mode", 3)
modparam("dispatcher", "list_file", "{folder}/dispatcher.list")
# 2: remember those that may be tried next.
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 3)
modparam("dispatcher", "ds_inactive_threshold", 1)
modparam("dispatcher", "xavp_dst", "_dst")

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{ t_relay(); exit; }}
    if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
    # 4: each in turn.
    if (!ds_select_dst("1", "4")) {{ sl_send_reply("503", "Nobody There"); exit; }}
    t_on_failure("NEXT");
    t_relay();
}}

failure_route[NEXT] {{
    if (t_is_canceled()) exit;
    # Only one that does not answer at all, or says that it cannot.
    if (t_branch_timeout() || t_check_status("503|477")) {{
        ds_mark_dst("ip");
        if (ds_next_dst()) {{ t_on_failure("NEXT"); t_relay(); }}
    }}
}}
"""


class Kamailio:
    """A running Kamailio; `port` takes calls, shared out to the given ports in turn."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self.folder = folder
        self.port = take_ports()
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: str | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        found = tool("kamailio")
        modules = next(iter(sorted(found.root.glob("usr/lib/*/kamailio/modules"))), None)
        if modules is None:
            raise TestbedError("kamailio has no modules")
        loads = "\n".join(f'loadmodule "{modules}/{name}.so"' for name in _MODULES.split())
        (self.folder / "kamailio.cfg").write_text(_CONFIG.format(port=self.port, folder=self.folder, loads=loads))
        listed = "".join(f"1 sip:127.0.0.1:{port}\n" for port in self._ports)
        (self.folder / "dispatcher.list").write_text(listed)
        # Sockets of its own have short paths only.
        self._sockets = tempfile.mkdtemp(prefix="ivrc-kam-", dir="/tmp")
        command = [
            str(found.path),
            "-f",
            str(self.folder / "kamailio.cfg"),
            "-DD",
            "-E",
            "-Y",
            self._sockets,
            "-m",
            "32",
            "-M",
            "4",
        ]
        with (self.folder / "kamailio.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*die_with_us(), *command], env={**os.environ, **found.environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            self._await_start()
        except TestbedError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            end(process)
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
        give_back(self.port)

    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "kamailio.log").read_text("utf-8", "replace")

    def _await_start(self) -> None:
        """Until it answers."""
        assert self._process is not None
        end = time.monotonic() + 15
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind(("127.0.0.1", 0))
            asking.settimeout(0.3)
            me = asking.getsockname()[1]
            ask = (
                f"OPTIONS sip:127.0.0.1:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{me};branch=z9hG4bKt\r\n"
                "Max-Forwards: 5\r\nFrom: <sip:t@127.0.0.1>;tag=1\r\nTo: <sip:t@127.0.0.1>\r\nCall-ID: t\r\n"
                "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
            while time.monotonic() < end and self._process.poll() is None:
                try:
                    asking.sendto(ask.encode(), ("127.0.0.1", self.port))
                    asking.recv(2000)
                    return
                except OSError:
                    time.sleep(0.05)
        raise TestbedError(f"Kamailio did not start: {self.log()[-1500:]}")
