"""A way to a real PostgreSQL that breaks at a chosen message of the server: faults that no server produces on demand."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# SFATAL and VFATAL say how severe it is, C57P01 that an administrator ends the connection (PostgreSQL, Error and Notice
# Message Fields; Appendix A).
_FAREWELL = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FATAL = b"E" + struct.pack("!i", len(_FAREWELL) + 4) + _FAREWELL


class Breaking:
    """Connections to `url` that pass through here. `after` is the tag of a CommandComplete, such as `COMMIT`: when it has
    passed, `last` follows it and the connection ends, once."""

    def __init__(self, server_folder: Path) -> None:
        self._server = str(next(server_folder.glob(".s.PGSQL.*[0-9]")))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.after = ""
        self.last = b""
        self.broken = 0
        threading.Thread(target=self._take, daemon=True).start()

    @property
    def url(self) -> str:
        port = self._listening.getsockname()[1]
        return f"postgresql://nsps@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"

    def close(self) -> None:
        self._listening.close()

    def _take(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client, server:
            while data := client.recv(65536):
                server.sendall(data)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError), server.makefile("rb") as told:
            while head := told.read(5):
                body = told.read(struct.unpack("!i", head[1:])[0] - 4)
                client.sendall(head + body)
                if self.after and head[:1] == b"C" and body == self.after.encode() + b"\0":
                    self.after = ""
                    self.broken += 1
                    client.sendall(self.last)
                    break
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
            server.shutdown(socket.SHUT_RDWR)


@contextmanager
def breaking(server_folder: Path) -> Iterator[Breaking]:
    """A way that breaks, to the server in this folder."""
    one = Breaking(server_folder)
    try:
        yield one
    finally:
        one.close()
