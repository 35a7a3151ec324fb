"""Permits that all processes share: each asks for its share of every connector it uses, a few times a second at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from engine.clock import Clock
from engine.connector import Connector
from engine.errors import LimitsUnreachable
from engine.limits.apart import Apart, Known
from engine.limits.desk import Desk
from engine.limits.gate import Gate, Monotonic
from engine.permits import Pause, Permit
from engine.request import Reply

AGAIN_S = 1.0

log = structlog.get_logger("nsps.limits")


def _alone() -> int:
    return 1


class SharedPermits:
    """See Permits. While the desk does not answer, this process goes on with the share it had last.

    `processes` says how many work on the instance: of a share that was never told, each takes one of so many parts.
    """

    def __init__(
        self, desk: Desk, owner: str, clock: Clock, monotonic: Monotonic, processes: Callable[[], int] = _alone
    ) -> None:
        self._desk = desk
        self._owner = owner
        self._clock = clock
        self._monotonic = monotonic
        self._processes = processes
        self._gates: dict[tuple[str, str], Gate] = {}
        self._apart = Apart(clock)
        self._kicked = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._closed = False
        self.away = False

    async def take(self, connector: Connector, /) -> Permit:
        """See Permits."""
        gate = self._gates.get((connector.name, connector.identity)) or self._open(connector)
        if not self.away:
            try:
                return await gate.take()
            except LimitsUnreachable:
                pass
        permit = await self._apart.take(connector, self._processes())
        gate.news.in_use += 1
        return permit

    async def give(self, permit: Permit, reply: Reply | None, /) -> None:
        """See Permits."""
        gate = self._gates.get((permit.connector, permit.identity))
        if gate is not None:
            gate.give(permit, reply)
            if self.away:
                await self._apart.give(permit, reply)
            return
        await self._apart.give(permit, reply)
        news = self._gates[permit.connector, permit.identity.partition("/")[0]].news
        news.in_use -= 1
        news.asked_to_pause(reply, self._clock.now())
        if news.pause is not None and not self.away:
            self._kick()

    async def close(self) -> None:
        """Gives all back."""
        self._closed = True
        while self._asking is not None and not self._asking.done():
            self._asking.cancel()  # more than once: a client that gives up at the same moment may swallow it
            await asyncio.wait({self._asking}, timeout=0.1)
        try:
            leaving = [gate.news.leaving(gate.share, self._monotonic()) for gate in self._gates.values() if gate.share]
            if leaving and not self.away:
                await self._desk.ask(leaving)
        except LimitsUnreachable:
            pass  # what it held ends by itself
        await self._desk.close()

    def _open(self, connector: Connector) -> Gate:
        # Two configurations of one connector in one process are two sharers: each gives back what it took.
        owner = f"{self._owner}/{connector.identity[:12]}"
        gate = Gate(connector, owner, self._clock, self._monotonic, self._kick)
        self._gates[connector.name, connector.identity] = gate
        return gate

    def _kick(self) -> None:
        if not self._closed and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._run(), name="limits")
            self._asking.add_done_callback(_tell_if_broken)
        self._kicked.set()

    # --- asking -------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._closed:
            self._kicked.clear()
            now = self._monotonic()
            times = [(at, gate) for gate in self._gates.values() if (at := gate.asks_at()) is not None]
            due = [gate for at, gate in times if at <= now]
            if self.away:
                await asyncio.sleep(AGAIN_S)
                await self._ask(list(self._gates.values()))
            elif due:
                await self._ask(due)
            else:
                await self._rest(min((at for at, _ in times), default=None), now)

    async def _rest(self, until: float | None, now: float) -> None:
        """Until then, or until there is something new."""
        if until is None:
            await self._kicked.wait()
            return
        try:
            async with asyncio.timeout(until - now):
                await self._kicked.wait()
        except TimeoutError:
            return

    async def _ask(self, gates: Sequence[Gate]) -> None:
        questions = [gate.question() for gate in gates]
        try:
            shares = await self._desk.ask(questions)
        except LimitsUnreachable as error:
            self._lost(error)
            return
        if self.away:
            self.away = False
            log.info("limits are shared again")
        for gate, asked, share in zip(gates, questions, shares, strict=True):
            gate.hear(asked, share)

    def _lost(self, error: LimitsUnreachable) -> None:
        if not self.away:
            self.away = True
            known = {key: self._known(gate) for key, gate in self._gates.items()}
            self._apart.begin(known, self._processes())
            log.warning(
                "limits are not shared now: this process keeps to its last share until Redis answers",
                why=str(error),
                share=self._apart.words(),
            )
        for gate in self._gates.values():
            gate.unreachable(error)

    def _known(self, gate: Gate) -> Known:
        shut, now = gate.shut(), self._clock.now()
        lasts_s = (shut[0] - now).total_seconds() if shut else 0.0
        pause = Pause(shut[0], lasts_s, shut[1]) if shut and lasts_s > 0 else None
        return Known(gate.connector, gate.share, gate.news.in_use, pause)


def _tell_if_broken(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("an error of ours stopped the sharing of limits; the next call starts it again", exc_info=error)
