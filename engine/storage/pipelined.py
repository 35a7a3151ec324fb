"""PostgreSQL by libpq's own pipeline: every statement prepared once, sent without a wait, its answer read when it is needed.

Values and rows go through psycopg's adapters; its cursors, which cost ten times what libpq does, are left out. The interpreter
lock is let go of only while the socket is waited for, so nothing here may block in libpq itself: the connection is non-blocking.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import DiagnosticField, ExecStatus, Format

_AUTO = [PyFormat.AUTO]
_LAST_WORDS = (b"FATAL", b"PANIC")
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)


class Answer:
    """What the server says to one statement; until somebody asks for it, it may be on its way."""

    __slots__ = ("_line", "prepares", "result")

    def __init__(self, line: ServerLine, prepares: str | None = None) -> None:
        self._line = line
        self.prepares = prepares
        self.result: Any = None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All its rows. Raises psycopg.Error, of this statement or one before it."""
        return self._line.rows(self)

    @property
    def said(self) -> bytes:
        """The command that was done, as the server names it; empty until it was answered."""
        said: bytes = self.result.command_status if self.result is not None else b""
        return said

    @property
    def description(self) -> list[tuple[str]]:
        """The names of its columns, once it was fetched."""
        return [(self.result.fname(index).decode(),) for index in range(self.result.nfields)]


class ServerLine:
    """One connection's way to PostgreSQL, as `engine.storage.direct.Line` has it.

    It enters the pipeline with the first statement and leaves it when it settles; in between psycopg must not use it.
    """

    errors: type[Exception] = psycopg.Error

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        self._driver = driver
        self._server = driver.pgconn
        self._adapters = Transformer(driver)
        self._names: dict[str, bytes] = {}
        self._prepared = 0
        self._sent: deque[Answer] = deque()
        self._piped = False
        self._failed: psycopg.Error | None = None
        self._poll = select.poll()
        self._poll.register(self._server.socket, select.POLLIN)

    def execute(self, sql: str, values: Sequence[Any]) -> Answer:
        """Sends it. `values` stand for `$1`, `$2`, … and are of the same types each time, or None."""
        if not self._piped:
            self._begin()
        types: Sequence[int] | None = None
        bound: Sequence[Any] = ()
        formats: Sequence[Format] | None = None
        if values:
            bound = self._adapters.dump_sequence(values, _AUTO * len(values))
            types, formats = self._adapters.types, self._adapters.formats
        name = self._names.get(sql) or self._prepare(sql, types)
        self._server.send_query_prepared(name, bound, formats, Format.BINARY)
        self._sent.append(answer := Answer(self))
        return answer

    def execute_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Sends it for each of `values`."""
        for one in values:
            self.execute(sql, one)

    def settle(self) -> None:
        """Waits until all that was sent is answered. Raises the first error of it."""
        if not self._piped:
            return
        try:
            self._server.pipeline_sync()
            self._flush()
            while self._sent:
                self._read(self._sent.popleft())
            self._in_step()
            failed = self._failed
        finally:
            self._end()
        if failed is not None:
            raise failed

    def rows(self, answer: Answer) -> list[tuple[Any, ...]]:
        """What `Answer.fetchall` returns: all before it are answered too."""
        if answer.result is None:
            self._server.send_flush_request()
            self._flush()
            while answer.result is None and self._sent:
                self._read(self._sent.popleft())
        if self._failed is not None:
            raise self._failed
        if answer.result is None or answer.result.status in _FAILED:
            raise psycopg.InternalError("its transaction failed, so it was not executed")
        self._adapters.set_pgresult(answer.result)
        rows: list[tuple[Any, ...]] = self._adapters.load_rows(0, answer.result.ntuples, tuple)
        self._adapters.set_pgresult(None)
        return rows

    def _begin(self) -> None:
        self._server.enter_pipeline_mode()
        self._piped = True

    def _end(self) -> None:
        self._piped, self._failed = False, None
        self._sent.clear()
        if self._server.status == psycopg.pq.ConnStatus.OK:
            self._server.exit_pipeline_mode()

    def _in_step(self) -> None:
        """Raises unless the server says that it is ready for more. A COMMIT that it answered before that is done."""
        word = self._result()
        if word is not None and word.status == ExecStatus.PIPELINE_SYNC:
            return
        self._driver.close()
        gone = psycopg.OperationalError("the connection was lost") if word is None else self._error(word)
        raise self._failed or gone

    def _prepare(self, sql: str, types: Sequence[int] | None) -> bytes:
        """Names are never used twice: what the server was told in a transaction that failed it may know or not."""
        self._prepared += 1
        name = b"nsps_%d" % self._prepared
        self._server.send_prepare(name, sql.encode(), types)
        self._sent.append(Answer(self, prepares=sql))
        self._names[sql] = name
        return name

    def _read(self, answer: Answer) -> None:
        result = answer.result = self._result()
        if result is None:
            raise psycopg.OperationalError("the connection was lost")
        if result.status in _FAILED:
            self._names.pop(answer.prepares or "", None)
            self._failed = self._failed or self._error(result)
            if self._driver.closed:
                raise self._failed
        while self._result() is not None:  # nothing: the end of its answer
            pass

    def _error(self, result: Any) -> psycopg.Error:
        if result.error_field(DiagnosticField.SEVERITY_NONLOCALIZED) in _LAST_WORDS:
            self._driver.close()  # the server has: whoever asks the driver shall know
        state = result.error_field(DiagnosticField.SQLSTATE)
        if state is None:  # libpq's own words: the connection is gone
            return psycopg.OperationalError(result.get_error_message())
        try:
            kind: type[psycopg.Error] = psycopg.errors.lookup(state.decode())
        except KeyError:
            kind = psycopg.DatabaseError
        return kind(result.get_error_message(), info=result)

    def _result(self) -> Any:
        while self._server.is_busy():
            self._wait(select.POLLIN)
            self._server.consume_input()
        return self._server.get_result()

    def _flush(self) -> None:
        while self._server.flush():
            if self._wait(select.POLLIN | select.POLLOUT) & ~select.POLLOUT:
                self._server.consume_input()  # or a server that waits until we read would never read

    def _wait(self, for_what: int) -> int:
        self._poll.modify(self._server.socket, for_what)
        return self._poll.poll()[0][1]
