"""Ports on loopback for servers that tests start, kill and start again on the same one."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOWEST = 10_000
_RANGE_OF_CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_OF_CLIENTS = int(_RANGE_OF_CLIENTS.read_text().split()[0]) if _RANGE_OF_CLIENTS.exists() else 32_768


def free_port() -> int:
    """Free now, and never given to an outgoing connection by the kernel: those begin above it.

    A port out of their range would be taken sooner or later while its server is down, by any client or by the very one that
    tries to reach it again, and the server could not start.
    """
    while True:
        port = random.randrange(LOWEST, _FIRST_OF_CLIENTS)
        with socket.socket() as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
