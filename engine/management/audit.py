"""The ledger: every request, event and delivery accounted for, from rows and from independent counters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from engine.storage.ledger import Ledger

ENDED = ("delivered", "skipped", "superseded", "failed")
UNFINISHED = ("waiting", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Two numbers that must be one. `left` and `right` say what each is made of."""

    what: str
    left: str
    left_number: int
    right: str
    right_number: int

    @property
    def gap(self) -> int:
        """How many the right side has more; 0 where all is accounted for."""
        return self.right_number - self.left_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The ledger as a person or a program reads it. `since`: the hour it begins at, None for all times."""

    since: datetime | None
    entries: tuple[Entry, ...]

    @property
    def gaps(self) -> tuple[Entry, ...]:
        """The entries whose sides differ: something was lost, doubled or miscounted."""
        return tuple(entry for entry in self.entries if entry.gap)

    def lines(self) -> list[str]:
        """One line an entry, gaps marked; the last says the result."""
        told = [_line(entry) for entry in self.entries]
        began = "since the beginning" if self.since is None else f"since {self.since:%Y-%m-%d %H:%M} UTC"
        if not self.gaps:
            return [*told, f"no gap {began}: every request, event and delivery is accounted for"]
        return [
            *told,
            f"{len(self.gaps)} of {len(self.entries)} do not add up {began}: compare with a backup, and keep this output",
        ]

    def as_json(self) -> dict[str, Any]:
        """{since, gaps, entries: [{what, left, left_number, right, right_number, gap}]}."""
        return {
            "since": None if self.since is None else self.since.isoformat(),
            "gaps": len(self.gaps),
            "entries": [
                {
                    "what": one.what,
                    "left": one.left,
                    "left_number": one.left_number,
                    "right": one.right,
                    "right_number": one.right_number,
                    "gap": one.gap,
                }
                for one in self.entries
            ],
        }


class AuditStore(Protocol):
    """What the audit asks of the store."""

    async def ledger(self, since: datetime | None = None) -> Ledger: ...


async def audit(store: AuditStore, since: datetime | None = None) -> Audit:
    """Adds up the ledger; with `since`, rows are compared with counters from that hour on. Raises StoreUnavailable.

    It counts rows, which takes seconds for ten millions; it holds nobody up meanwhile.
    """
    found = await store.ledger(since)
    return Audit(since=found.since, entries=(*_requests(found), *_deliveries(found), *_rows(found)))


def _line(entry: Entry) -> str:
    sign = "=" if not entry.gap else "≠"
    gap = f"   GAP {entry.gap:+}" if entry.gap else ""
    return f"{entry.what}: {entry.left} {entry.left_number} {sign} {entry.right_number} {entry.right}{gap}"


def _requests(found: Ledger) -> Iterator[Entry]:
    """What came in became something, of all times: a sum over a part would miss what was begun before it."""
    number = found.ever.get
    events, admitted = number(("", "events"), 0), number(("", "admitted"), 0)
    yield Entry(
        what="requests",
        left="requests",
        left_number=number(("", "requests"), 0),
        right="events - admitted + repeats + refused",
        right_number=events - admitted + number(("", "repeats"), 0) + number(("", "refused"), 0),
    )
    yield Entry(
        what="events",
        left="events",
        left_number=events,
        right="unrouted + routed",
        right_number=number(("", "unrouted"), 0) + number(("", "routed"), 0),
    )


def _deliveries(found: Ledger) -> Iterator[Entry]:
    for pipeline in _pipelines(found):
        ended = sum(found.ever.get((pipeline, state), 0) for state in ENDED)
        yield Entry(
            what=f"pipeline {pipeline}",
            left="routed + replayed",
            left_number=sum(found.ever.get((pipeline, way), 0) for way in ("routed", "replayed")),
            right=" + ".join((*ENDED, *UNFINISHED)),
            right_number=ended + sum(found.now.get((pipeline, state), 0) for state in UNFINISHED),
        )


def _rows(found: Ledger) -> Iterator[Entry]:
    """What was counted is there."""
    wanted = [("", what) for what in ("events", "unrouted", "routed")]
    wanted += [(pipeline, what) for pipeline in _pipelines(found) for what in ("routed", "replayed", *ENDED)]
    for pipeline, what in wanted:
        counted, rows = found.counted.get((pipeline, what), 0), found.rows.get((pipeline, what), 0)
        if counted or rows:
            name = f"pipeline {pipeline}, {what}" if pipeline else f"events, {what}"
            yield Entry(
                what=name,
                left="counted",
                left_number=counted,
                right="rows",
                right_number=rows,
            )


def _pipelines(found: Ledger) -> list[str]:
    return sorted({pipeline for pipeline, _ in (*found.ever, *found.now, *found.rows) if pipeline})
