"""What the store of a running system says, asked beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import psycopg
from psycopg import sql

from benchmarks.process import cpu_s_of
from engine.storage.postgresql import schema_of

WAITS = "SELECT {recorded} - e.received_at FROM history h JOIN events e ON e.seq = h.event_seq ORDER BY h.id DESC LIMIT {last}"
COMMITTED = "CAST(extract(epoch FROM pg_xact_commit_timestamp(h.xmin)) * 1000000 AS BIGINT)"


class Answers(Protocol):
    """Questions about deliveries."""

    def unfinished(self) -> bool:
        """Whether any waits or runs."""

    def ended(self) -> int:
        """How many have ended."""

    def pids(self) -> set[int]:
        """Of the processes that have a heartbeat."""

    def span_s(self) -> float:
        """Seconds from the first outcome to the last."""

    def waits_ms(self, last: int) -> list[float]:
        """Of the last so many: from the receipt of the event to its recorded outcome, sorted."""


class _Asked:
    """`ask` returns rows; `recorded` is the instant an outcome was recorded, in us."""

    recorded = "h.finished_at"

    def ask(self, question: str) -> Sequence[Any]:
        raise NotImplementedError

    def unfinished(self) -> bool:
        return bool(self.ask("SELECT 1 FROM deliveries LIMIT 1"))

    def ended(self) -> int:
        return int(self.ask("SELECT count(*) FROM history")[0][0])

    def pids(self) -> set[int]:
        return {int(row[0]) for row in self.ask("SELECT pid FROM owners")}

    def span_s(self) -> float:
        first, last = self.ask("SELECT min(finished_at), max(finished_at) FROM history")[0]
        return float(last - first) / 1e6

    def waits_ms(self, last: int) -> list[float]:
        return sorted(int(row[0]) / 1000 for row in self.ask(WAITS.format(recorded=self.recorded, last=last)))


class FileAnswers(_Asked):
    """Of a SQLite file. An outcome's instant is that of its attempt's end, shortly before the commit."""

    def __init__(self, file: Path) -> None:
        self._url = f"file:{file}?mode=ro"

    def ask(self, question: str) -> Sequence[Any]:
        with sqlite3.connect(self._url, uri=True) as db:
            return db.execute(question).fetchall()


class ServerAnswers(_Asked):
    """Of PostgreSQL, over one connection; `cpu_s` is what its server process has used, which is no part of the system. An
    outcome's instant is its commit's."""

    recorded = COMMITTED

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema_of("bench"))))

    def ask(self, question: str) -> Sequence[Any]:
        return self._connection.execute(question.encode()).fetchall()

    @property
    def cpu_s(self) -> float:
        return cpu_s_of(self._connection.info.backend_pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()
