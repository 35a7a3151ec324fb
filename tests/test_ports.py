from __future__ import annotations

import socket

from tests.ports import free_port


def test_no_client_gets_the_port_of_a_server_that_is_down() -> None:
    """The kernel gives local ports to connections from a range of its own; ours lie below all that it gives."""
    given = set()
    with socket.create_server(("127.0.0.1", 0), backlog=300) as listening:
        clients = [socket.create_connection(listening.getsockname()) for _ in range(200)]
        for client in clients:
            given.add(client.getsockname()[1])
            client.close()
    assert all(free_port() < min(given) for _ in range(200))


def test_a_server_may_listen_at_it() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listening:
        assert listening.getsockname()[1]
