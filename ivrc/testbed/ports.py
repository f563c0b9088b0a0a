"""Free ports on loopback, safe for parallel test workers.

Ports lie below the kernel's own ephemeral range and apart from Asterisk's media range, so nobody takes one
between our look and the program's bind; a lock file per block keeps our own processes apart.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, LAST, STRIDE = 10_000, 19_992, 8
RTP_RANGE = (20_000, 29_998)  # all instances share it: Asterisk tries another port when one is taken

_held: dict[int, int] = {}


def take_ports() -> int:
    """Reserve a block of 8 ports and return the first; that it and the other even ones are free has been tried."""
    folder = Path(tempfile.gettempdir()) / f"ivrc-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    blocks = list(range(FIRST, LAST, STRIDE))
    random.shuffle(blocks)
    for first in blocks:
        if first in _held:
            continue
        descriptor = os.open(folder / str(first), os.O_RDWR | os.O_CREAT, 0o600)
        if _lock(descriptor) and all(_is_free(first + offset) for offset in range(0, STRIDE, 2)):
            _held[first] = descriptor
            return first
        os.close(descriptor)
    raise OSError("no free port on 127.0.0.1 between 10000 and 20000")


def give_back(first: int) -> None:
    """Return a block; returning one that is not held does nothing."""
    descriptor = _held.pop(first, None)
    if descriptor is not None:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
