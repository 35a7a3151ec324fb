"""Several processes' worth of workers on one store, with one virtual clock, before an external system that remembers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.event import Event
from engine.exchange import Exchange
from engine.loading.load import open_project
from engine.masking import Masker
from engine.receiving.arrival import espf_arrival
from engine.request import Call, HttpRequest, Reply
from engine.route import route
from engine.storage.protocol import Accepted, Owner
from engine.storage.store import Store
from engine.sweep import Sweep
from engine.worker import Worker
from engine.working.attempt import Attempts
from engine.working.encoding import MaskedEncoding
from engine.working.generation import Generation
from engine.working.heartbeat import Heartbeat
from engine.working.holds import Holds
from engine.working.room import Room
from tests.target import write_project

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NSPS = """\
instance: fleet
receive: {espf: {path: /espf, auth: {basic: [{user: espf, password: "${secret:ESPF_PASSWORD}"}]}}}
retry: quick
retries:
  quick: {main: {first: 5s, factor: 2, max: 20s, attempts: 5}}
"""
CONNECTOR = """\
connector: target
transport: http
base_url: http://target.invalid
operations:
  put:
    args: {pipeline: {type: string}, key: {type: string}, i_event: {type: integer}}
    request:
      method: POST
      path: /put
      json: {pipeline: "{{ args.pipeline }}", key: "{{ args.key }}", i_event: "{{ args.i_event }}"}
    verdicts:
      - {when: status == `400`, is: fail, reason: refused}
    example: {body: {ok: true}}
"""


def pipeline(name: str, events: str, mode: str | None = None, retry: str = "") -> str:
    order = f"order: {{key: data.variables.i_account, time: data.variables.event_time, mode: {mode}}}\n" if mode else ""
    return f"""\
pipeline: {name}
events: ["{events}"]
{f"retry: {retry}" if retry else ""}
{order}map:
  pipeline: handler_id
  key: to_string(data.variables.i_account)
  i_event: data.variables.i_event
dispatch:
  - call: target.put
"""


def load(folder: Path, pipelines: dict[str, str], connector: str = CONNECTOR) -> Catalog:
    """A catalog of these pipelines, from files as anybody would write them."""
    project = write_project(folder, NSPS, "", connector)
    (project / "pipelines" / "main.yaml").unlink()
    for name, text in pipelines.items():
        (project / "pipelines" / f"{name}.yaml").write_text(text)
    return open_project(project, {"ESPF_PASSWORD": "pass-word-1"})


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that reached the external system, and what it answered."""

    pipeline: str
    key: str
    i_event: int
    idempotency_key: str
    answer: Any
    by: str


Answer = Callable[[Sent], Awaitable[Any]]
"""What the external system answers: a status, or the name of a fault (`timeout`, `lost`, `connect`)."""


async def ok(_sent: Sent) -> int:
    return 200


class Host:
    """One process: all its working parts, but for the queue and the sockets."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self._fleet = fleet
        store, clock, catalog = fleet.store, fleet.clock, fleet.catalog
        self.name = name
        owner = Owner(id=name, host="h", pid=1, started_at=clock.now(), config_hash=catalog.hash)
        self.heartbeat = Heartbeat(store, owner, clock, fleet.seconds)
        self.holds = Holds(catalog, store, clock)
        self.exchange = Exchange(catalog, clock, Masker(), self._carry, on_hold=self.holds.hold_refused)
        self.generation = self._generation(catalog)
        self.worker = Worker(
            store=store,
            make=self.generation.make,
            released=fleet.hint,
            holds=self.holds,
            room=Room(catalog.settings.in_flight),
            heartbeat=self.heartbeat,
        )
        self.sweep = Sweep(store=store, clock=clock, holds=self.holds, put=fleet.hint, alone=self.worker.offer_suspect)
        self._task: asyncio.Task[None] | None = None

    def _generation(self, catalog: Catalog) -> Generation:
        self.exchange = self.exchange.over(catalog)
        attempts = Attempts(
            catalog=catalog,
            store=self._fleet.store,
            send=self.exchange.send,
            encode=MaskedEncoding(Masker()),
            clock=self._fleet.clock,
            heartbeat=self.heartbeat,
            why_not=self.holds.why_not,
        )
        return Generation(catalog, self.exchange, attempts, {})

    async def start(self) -> None:
        await self.holds.refresh()
        await self.heartbeat.beat()
        self._task = asyncio.create_task(self.worker.run())

    def use(self, catalog: Catalog) -> None:
        """Another configuration, as a reload takes it."""
        self.generation = self._generation(catalog)
        self.holds.use(catalog, self.exchange)
        self.worker.use(self.generation.make, catalog.settings.in_flight)
        self.heartbeat.runs(catalog.hash)

    async def kill(self) -> None:
        """As kill -9: nothing is finished, given back or said good-bye to."""
        running = [*self.worker.running.values(), *([self._task] if self._task else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _carry(self, call: Call, request: HttpRequest) -> Reply:
        content = orjson.loads(orjson.dumps(request.content))
        return await self._fleet.answer(
            Sent(content["pipeline"], content["key"], content["i_event"], call.idempotency_key, None, self.name)
        )


class Fleet:
    """A store, the processes on it, and what the external system saw. `answers` decides what it says."""

    def __init__(self, store: Store, clock: VirtualClock, catalog: Catalog, answers: Answer = ok) -> None:
        self.store = store
        self.clock = clock
        self.catalog = catalog
        self.answers = answers
        self.hosts: list[Host] = []
        self.sent: list[Sent] = []
        self._names = itertools.count(1)
        self._turn = itertools.count()
        self._passed_s = 0.0

    @classmethod
    async def open(cls, catalog: Catalog, hosts: int = 1, answers: Answer = ok) -> Fleet:
        clock = VirtualClock(NOON)
        fleet = cls(await Store.open("sqlite://", project=Path(), clock=clock), clock, catalog, answers)
        for _ in range(hosts):
            await fleet.add()
        return fleet

    async def add(self) -> Host:
        host = Host(self, f"host-{next(self._names)}")
        self.hosts.append(host)
        await host.start()
        return host

    async def close(self) -> None:
        for host in self.hosts:
            await host.kill()
        await self.store.close()

    # --- the world ----------------------------------------------------------------------------------------------------

    async def answer(self, asked: Sent) -> Reply:
        said = await self.answers(asked)
        self.sent.append(Sent(asked.pipeline, asked.key, asked.i_event, asked.idempotency_key, said, asked.by))
        at = self.clock.now()
        return Reply(error=said, asked_at=at) if isinstance(said, str) else Reply(status=said, body={}, asked_at=at)

    def hint(self, pipeline: str, ids: Sequence[int]) -> None:
        """The queue: each message goes to one process, in turn."""
        if self.hosts:
            self.hosts[next(self._turn) % len(self.hosts)].worker.offer(pipeline, ids)

    async def receive(self, event: Event) -> Accepted:
        """What a receiver does: route, store, and after the commit tell the queue."""
        routing = route(event, self.catalog)
        accepted = await self.store.accept(espf_arrival(event, routing))
        waiting = (one.pipeline for one in routing.taken if one.failed is None)
        for name, delivery_id in zip(waiting, accepted.delivery_ids, strict=False):
            self.hint(name, (delivery_id,))
        return accepted

    def seconds(self) -> float:
        """A monotonic clock: time only passes."""
        return self._passed_s

    # --- time ---------------------------------------------------------------------------------------------------------

    async def later(self, seconds: float) -> None:
        """Time passes; every process beats, then looks, then does what it can."""
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))
        self._passed_s += max(0.0, seconds)
        for host in self.hosts:
            await host.heartbeat.beat()
        await self.look()

    async def look(self) -> None:
        for host in self.hosts:
            await host.sweep.look()
        await self.idle()

    async def idle(self, spins: int = 30) -> None:
        """Returns when nothing moves any more: all that can run has ended, or hangs at the external system."""
        quiet, before = 0, self._stand()
        while quiet < spins:
            await asyncio.sleep(0)
            now = self._stand()
            quiet = quiet + 1 if now == before else 0
            before = now

    def _stand(self) -> tuple[Any, ...]:
        return (
            len(self.sent),
            self.store.commits,
            *(tuple(host.worker.running) for host in self.hosts),
        )


def event(number: int, event_type: str, account: int, received_at: datetime, **more: Any) -> Event:
    """An event as ESPF's receiver makes it."""
    variables = {"i_event": number, "i_account": account, "i_env": 3, **more}
    data = {"event_type": event_type, "variables": variables}
    return Event(
        id=f"event-{number:06d}",
        source="espf",
        received_at=received_at,
        event_type=event_type,
        data=data,
        body=orjson.dumps(data),
        i_env="3",
        i_event=str(number),
        trace_id=f"{number:032x}",
    )
