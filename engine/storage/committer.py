"""Group commit: what gathered while the last transaction was committed shares the next one.

No timer: an idle store commits a lone request at once. A caller is answered only after the commit that holds its item.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from engine.errors import NspsError, StoreUnavailable
from engine.storage.dialect import concerns_all

GROUP_MAX = 400

Item = TypeVar("Item")
Result = TypeVar("Result")
T = TypeVar("T")

# Writes items of one kind in a transaction; an error that concerns one item alone stands in its place.
Batch = Callable[[Connection, Sequence[Item]], Sequence[Result | NspsError]]

# What a row that cannot be stored raises: by the database, or by its driver on the way there.
ROW_ERRORS = (SQLAlchemyError, ValueError, OverflowError, TypeError)


class Connections(Protocol):
    """How this store is reached. `groups`: commits of the committer that may be under way at once."""

    dialect: str
    groups: int

    async def write(self, job: Callable[[Connection], T], /) -> T:
        """Runs `job` in one transaction of the writer and commits it."""

    async def read(self, job: Callable[[Connection], T], /) -> T: ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class _Entry:
    batch: Batch[Any, Any]
    item: Any
    future: asyncio.Future[Any]
    last: bool


class Committer:
    """Commits groups, one or a few at once; its tasks live while there is something to commit."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._pending: list[_Entry] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.commits = 0

    async def write(self, batch: Batch[Item, Result], item: Item, *, last: bool = False) -> Result:
        """The result of `item` once it is committed. Raises what the batch said of it, or StoreUnavailable.

        `last`: all else of its group is written before it.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed: this process is stopping")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append(_Entry(batch, item, future, last))
        if len(self._tasks) < self._connections.groups:
            self._tasks.add(task := asyncio.create_task(self._drain()))
            task.add_done_callback(self._tasks.discard)
        return cast(Result, await future)

    async def close(self) -> None:
        """Commits what is pending; then takes no more."""
        self._closed = True
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _drain(self) -> None:
        while self._pending:
            group, self._pending = self._pending[:GROUP_MAX], self._pending[GROUP_MAX:]
            await self._commit(group)
        if (myself := asyncio.current_task()) is not None:
            self._tasks.discard(myself)  # before anybody else runs: what comes next starts another

    async def _commit(self, group: Sequence[_Entry]) -> None:
        try:
            answers = await self._together(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller of this group must learn of it
            answers = [error] * len(group)
        for entry, answer in zip(group, answers, strict=True):
            if entry.future.done():
                continue
            if isinstance(answer, Exception):
                entry.future.set_exception(answer)
            else:
                entry.future.set_result(answer)

    async def _together(self, group: Sequence[_Entry]) -> list[Any]:
        """The group in one transaction; if that fails, each in one of its own, so a bad row refuses only itself."""
        self.commits += 1
        try:
            return await self._connections.write(lambda connection: _run(connection, group))
        except ROW_ERRORS as error:
            if len(group) == 1 or concerns_all(error):
                return [unavailable(error)] * len(group)
        return [await self._alone(entry) for entry in group]

    async def _alone(self, entry: _Entry) -> Any:
        self.commits += 1
        try:
            return (await self._connections.write(lambda connection: _run(connection, [entry])))[0]
        except ROW_ERRORS as error:
            return unavailable(error)


def _run(connection: Connection, group: Sequence[_Entry]) -> list[Any]:
    kinds: dict[Any, list[int]] = {}
    for index in sorted(range(len(group)), key=lambda index: group[index].last):
        kinds.setdefault(group[index].batch, []).append(index)
    answers: list[Any] = [None] * len(group)
    for batch, indexes in kinds.items():
        results = batch(connection, [group[index].item for index in indexes])
        for index, result in zip(indexes, results, strict=True):
            answers[index] = result
    return answers


def unavailable(error: Exception, *, opening: bool = False) -> StoreUnavailable:
    """The error of the database in our words; its own follow on one line, without the values of the row.

    `opening`: whoever opens the store ends with this error, so nothing comes back by itself.
    """
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    remedy = _remedy(said, opening)
    found = StoreUnavailable(
        f"the store cannot do it now: {said}{'.' if remedy and said[-1:] not in '.?!' else ''}{remedy}"
    )
    found.__cause__ = error
    return found


def _remedy(said: str, opening: bool) -> str:
    if "full" in said or "No space left" in said:
        return " Free space on its disk; nothing needs a restart"
    if "locked" in said:
        return " Another process holds its write lock: look for a long transaction, a backup or a shell on the file"
    if any(words in said for words in ("connection", "terminating", "starting up", "shutting down")):
        look = " See that the server runs and that the address is right"
        return look if opening else f"{look}; no process of NSPS needs a restart"
    if "readonly" in said or "unable to open" in said:
        return " Check that this user may write the file and its folder"
    return ""
