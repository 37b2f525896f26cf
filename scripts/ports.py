"""Ports for servers that begin to listen later.

The kernel gives out the port of a probe that was closed to the next one who asks, in any process. Here every
port is given once until all have been, to whoever asks on this machine, and none of them is of the kernel's.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

_KERNELS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _COUNT = 1024, 12_000


def free_ports(count: int, given: Path | None = None) -> list[int]:
    """Return ports of 127.0.0.1 on which nobody listens, and which nobody else is given.

    :param given: the file that remembers the last one; by default one for all processes of this user.
    """
    ports = _ports()
    found: list[int] = []
    where = given or Path(tempfile.gettempdir()) / f"docflow-ports-{os.getuid()}"
    with open(os.open(where, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        told = file.read()
        last = int(told) if told.isdigit() else 0
        for ahead in range(1, len(ports) + 1):
            place = (last + ahead) % len(ports)
            if _is_free(ports[place]):
                found.append(ports[place])
            if len(found) == count:
                break
        file.seek(0)
        file.truncate()
        file.write(str(place))
    if len(found) < count:
        raise OSError(f"there are no {count} free ports from {ports[0]} to {ports[-1]}")
    return found


def free_port() -> int:
    """Return one such port."""
    return free_ports(1)[0]


def _ports() -> range:
    lowest = int(_KERNELS.read_text().split()[0]) if _KERNELS.exists() else 32_768
    highest = lowest if lowest >= _LOWEST + _COUNT else 65_536
    return range(highest - _COUNT, highest)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
