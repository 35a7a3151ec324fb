"""Who this process is among those that work on deliveries."""

from __future__ import annotations

import os
import platform
import secrets
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from engine.storage.protocol import Owner


def this_process(now: datetime, config_hash: str) -> Owner:
    """An owner nobody was before. Its id begins with a mark of this machine, so that its dead are known at once."""
    owner_id = f"{machine_mark()}-{os.getpid()}-{secrets.token_hex(4)}"
    return Owner(id=owner_id, host=platform.node(), pid=os.getpid(), started_at=now, config_hash=config_hash)


def surely_dead(owner: Owner) -> bool:
    """Whether this owner was a process of this very machine (or container) that is no more.

    Its deliveries need not wait until its heartbeat has been silent for long enough.
    """
    mark, _, _ = owner.id.partition("-")
    return mark == machine_mark() and (owner.pid == os.getpid() or not Path(f"/proc/{owner.pid}").exists())


def machine_mark() -> str:
    """Six hex digits of what a process id is unique within: this boot, this namespace; none where that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return f"x{secrets.token_hex(3)}"
    return sha256(f"{boot}{namespace}".encode()).hexdigest()[:6]
