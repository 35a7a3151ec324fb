"""`nsps refused`: what senders posted and we did not take, and letting one in all the same."""

from __future__ import annotations

from collections.abc import Sequence

from engine.storage.protocol import Refusal
from engine.terminal import faint, instant, table


def refused_lines(refusals: Sequence[Refusal], refused: int) -> list[str]:
    """The refusals that were kept, newest first, and how many there were in all."""
    if not refusals:
        return [f"{refused} refused, none kept"] if refused else ["nothing was refused"]
    rows = [
        (str(r.id), instant(r.at), r.source, str(r.status), r.sender, f"{r.reason}{_admitted(r)}") for r in refusals
    ]
    lines = table(("ID", "AT", "RECEIVER", "ANSWER", "SENDER", "WHY"), rows)
    return [*lines, faint(f"{refused} refused in all, {len(refusals)} shown.  To let one in: nsps refused admit ID")]


def _admitted(refusal: Refusal) -> str:
    return f" (admitted as {refusal.admitted_as})" if refusal.admitted_as else ""
