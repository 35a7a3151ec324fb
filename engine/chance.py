"""Random bytes, drawn from the system many at a time.

Each draw lets go of the interpreter, and where other threads are busy it takes long to come back.
"""

from __future__ import annotations

import os

_BYTES = 12
_DRAWN_AT_ONCE = 400
_drawn: list[bytes] = []


def twelve_bytes() -> bytes:
    """Twelve random bytes, as good as the system's; nobody else is given the same ones. From any thread."""
    while True:
        try:
            return _drawn.pop()
        except IndexError:
            many = os.urandom(_BYTES * _DRAWN_AT_ONCE)
            _drawn.extend(many[at : at + _BYTES] for at in range(0, len(many), _BYTES))


os.register_at_fork(after_in_child=_drawn.clear)  # a copy of this process draws its own
