"""`nsps refused`: what senders posted and we did not take, and letting one in all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.admit import admit_body
from engine.errors import EventRefused, WrongUse
from engine.management.desk import Desk
from engine.management.history import as_json
from engine.masking import MASK
from engine.secret_fields import without_secret_members
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


def refused_json(refusal: Refusal) -> dict[str, Any]:
    """For programs, without what fields such as `ki` and `password` hold in its body, valid JSON or not."""
    body = without_secret_members(refusal.body.decode("utf-8", "replace"), MASK)
    return {**as_json(refusal), "body": body}


async def admit_refusal(desk: Desk, refusal_id: int) -> str:
    """Stores a refused body as an event with its deliveries; returns what to tell.

    Raises WrongUse when there is no such refusal, it was admitted before, or its body is no event whatever we do.
    """
    refusal = await desk.store.refusal(refusal_id)
    if refusal is None:
        raise WrongUse(f"no refusal {refusal_id} is kept; nsps refused lists those that are")
    if refusal.admitted_as:
        raise WrongUse(f"refusal {refusal_id} was admitted before, as event {refusal.admitted_as}")
    try:
        accepted = await admit_body(desk.store, desk.catalog, refusal, desk.now())
    except EventRefused as still:
        raise WrongUse(f"its body can be no event: {still.reason}") from still
    verb = "admitted as" if accepted.new else "it is a repeat of"
    return f"{verb} event {accepted.event_id}; nsps show {accepted.event_id} tells how it fares"
