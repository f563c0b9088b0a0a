"""The log on the target: who deployed what, when, with which result; a JSON object a line."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from ivrc.deploy.folder import Folder
from ivrc.deploy.state import LOG

# What CI calls the person who set it off.
_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")


def whoever() -> str:
    """Who deploys, as the log names them: `anna@laptop`, or CI's actor."""
    for name in _ACTORS:
        if os.environ.get(name):
            return f"{os.environ[name]} (CI)"
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


async def note(folder: Folder, what: str, result: str, **more: Any) -> None:
    """Add a line."""
    line = {"when": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "what": what, "result": result, **more}
    await folder.append(LOG, (json.dumps(line, ensure_ascii=False) + "\n").encode())


async def lines(folder: Folder) -> list[Mapping[str, Any]]:
    """The lines, oldest first; one that was cut off by a crash is left out."""
    found = []
    for raw in (await folder.read(LOG) or b"").splitlines():
        try:
            found.append(json.loads(raw))
        except ValueError:
            continue
    return found
