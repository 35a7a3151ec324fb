"""`nsps demo`: the whole system for real over loopback, against simulators, telling what happens as it happens."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from engine.authoring.demo_system import DemoSystem, demo_system
from engine.log import set_up_log
from engine.management.history import list_lines
from engine.management.waits import waits_now
from engine.masking import Masker
from engine.simulators.espf import Queued
from engine.storage.protocol import AttemptRow, DeliveryRow, EventFilter, EventRow
from engine.story import tell
from engine.terminal import faint, state, strong

ACCOUNT = 277147
IMSI = "001010000000017"
PATIENCE_S = 20.0
LOOK_S = 0.02

Echo = Callable[[str], None]


class StoryBroken(Exception):
    """Something did not happen as it should have; the text says what."""


async def demo(serve: bool, echo: Echo) -> int:
    """Tells the story; 0 when it came true, 1 when not. `serve` leaves the system running until a signal comes."""
    set_up_log(Masker(), level="ERROR")  # the story says what the log would
    return await tell_story(serve, echo)


async def tell_story(serve: bool, echo: Echo) -> int:
    """What `demo` returns, with the log left as it is."""
    with tempfile.TemporaryDirectory(prefix="nsps-demo-") as folder:
        async with demo_system(Path(folder)) as system:
            story = Story(system, echo)
            try:
                await story.tell()
            except StoryBroken as broken:
                echo(f"\n{state('failed', 'This is not what should have happened')}: {broken}")
                return 1
            if serve:
                await stay(system, echo)
    return 0


@dataclass(slots=True)
class Story:
    """What happens, chapter by chapter; each ends in a check that it did."""

    system: DemoSystem
    echo: Echo
    patience_s: float = PATIENCE_S
    _told: set[tuple[int, int]] = field(default_factory=set)

    async def tell(self) -> None:
        """All of it. Raises StoryBroken."""
        self._introduce()
        first = await self._hss_is_down()
        await self._account_is_blocked()
        await self._duplicate(first)
        await self._conclude()

    def _introduce(self) -> None:
        system = self.system
        self.echo(strong("NSPS between a simulated PortaBilling and a simulated WTL HLR/HSS."))
        self.echo(
            "Both answer as the documents say. They prove that NSPS works, not that your own systems agree with them."
        )
        self.echo(faint(f"  NSPS         {system.url}"))
        self.echo(faint(f"  PortaBilling {system.billing_url}/rest"))
        self.echo(faint(f"  HLR/HSS      {system.hss_url}/prov"))
        self.echo(faint(f"  project      {system.folder}"))

    async def _hss_is_down(self) -> Queued:
        self._chapter(1, "The SIM of account 277147 changes while the HSS is down.")
        self.echo("  It will answer 503 once, then cut a connection, then work. NSPS does not know that.")
        self.system.hss.faults.then(503, "drop")
        queued = self.system.billing.espf.emit("SIM/Updated", i_account=ACCOUNT)
        delivery = await self._follow(queued)
        self._check(delivery.attempts == 3, f"three attempts were expected, there were {delivery.attempts}")
        self._check_hss("serviceGranted")
        self.echo("  The HSS came back, the third attempt got through, nobody had to do anything.")
        return queued

    async def _account_is_blocked(self) -> None:
        self._chapter(2, "An administrator blocks the account.")
        self.system.billing.block(ACCOUNT)
        await self._follow(self.system.billing.espf.queue[-1])
        self._check_hss("operatorDeterminedBarring")
        self.echo("  The subscriber is barred.")

    async def _duplicate(self, first: Queued) -> None:
        self._chapter(3, "PortaBilling sends the first event once more, as it does when an answer was lost on the way.")
        sent, answers = len(self.system.hss.requests), len(first.statuses)
        self.system.billing.espf.send_again(first)
        await self._until(lambda: len(first.statuses) > answers, "PortaBilling got no answer to the repeat")
        event = await self._event(first)
        self.echo(f"  answered {first.statuses[-1]}; event {event.id} has now come {1 + event.repeats} times")
        self._check(first.statuses[-1] == 200, f"the repeat was answered {first.statuses[-1]}, not 200")
        self._check(event.repeats == 1, f"one repeat was expected, {event.repeats} were counted")
        self._check(len(event.deliveries) == 1, f"one delivery was expected, there are {len(event.deliveries)}")
        self._check(len(self.system.hss.requests) == sent, "the HSS was asked again")
        self.echo("  It was recognised: nothing was sent a second time.")

    async def _conclude(self) -> None:
        wanted = EventFilter()
        self.echo(f"\n{strong('What an operator sees')} ({faint('nsps events')})")
        desk = self.system.desk
        waits = await waits_now(desk.store, desk.catalog, desk.clock)
        for line in list_lines(await desk.store.events(wanted), wanted, waits):
            self.echo(f"  {line}")
        self.echo(f"\n{state('delivered', 'The story came true.')}")

    def _chapter(self, number: int, title: str) -> None:
        self.echo(f"\n{strong(f'{number}. {title}')}")

    async def _follow(self, queued: Queued) -> DeliveryRow:
        """Tells each attempt of the event's delivery as it ends; the delivery when it is delivered."""
        await self._until(lambda: bool(queued.statuses), "PortaBilling got no answer to its event")
        event = await self._event(queued)
        number, status = queued.variables["i_event"], queued.statuses[-1]
        self.echo(f"  {queued.event_type}, i_event {number}: stored as event {event.id}, answered {status}")
        self._check(bool(event.deliveries), "no pipeline took it")
        for _ in range(int(self.patience_s / LOOK_S)):
            delivery = await self._tell_attempts(queued)
            if delivery.state == "delivered":
                return await self._tell_attempts(queued)
            self._check(delivery.finished_at is None, f"the delivery ended {delivery.state}: {delivery.reason}")
            await asyncio.sleep(LOOK_S)
        raise StoryBroken(f"the delivery is not delivered after {self.patience_s:g} s")

    async def _tell_attempts(self, queued: Queued) -> DeliveryRow:
        number = (await self._event(queued)).deliveries[0].id
        attempts = await self.system.desk.store.attempts(number)
        delivery = (await self._event(queued)).deliveries[0]  # read after them, so that it knows when the last goes on
        for attempt in attempts:
            if (number, attempt.number) not in self._told:
                self._told.add((number, attempt.number))
                self._tell_attempt(attempt, delivery)
        return delivery

    def _tell_attempt(self, attempt: AttemptRow, delivery: DeliveryRow) -> None:
        trace: dict[str, Any] = orjson.loads(attempt.trace) if attempt.trace else {}
        due = f", again at {clock_time(delivery.due_at)}" if attempt.ending == "retry" and delivery.due_at else ""
        at = clock_time(attempt.ended_at)
        self.echo(
            f"  {strong(f'attempt {attempt.number}')} of {delivery.pipeline} at {at}: {state(attempt.ending)}{due}"
        )
        if attempt.number > 1:
            asked = ", ".join(one["name"] for one in trace.pop("enrichments", ()) if one["asked"])
            self.echo(f"    asked anew: {asked}")
        trace.pop("vars", None)  # `nsps show` has them
        for line in tell(trace, full=False):
            self.echo(f"  {line}")

    async def _event(self, queued: Queued) -> EventRow:
        event = await self.system.desk.store.event(str(queued.variables["i_event"]))
        if event is None:
            raise StoryBroken(
                f"event {queued.variables['i_event']} is not in the store; PortaBilling saw {queued.statuses}"
            )
        return event

    async def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        waited_s = 0.0
        while not holds():
            self._check(waited_s < self.patience_s, otherwise)
            await asyncio.sleep(LOOK_S)
            waited_s += LOOK_S

    def _check_hss(self, status: str) -> None:
        subscriber = self.system.hss.subscribers.get(IMSI, {})
        self.echo(f"  the HSS now has IMSI {IMSI}: {orjson.dumps(subscriber).decode()}")
        found = subscriber.get("subscriber_status")
        self._check(found == status, f"the HSS should have {status}, it has {found}")

    def _check(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise StoryBroken(otherwise)


def clock_time(at: datetime) -> str:
    """`06:12:27.042`, UTC."""
    return at.strftime("%H:%M:%S.%f")[:-3]


async def stay(system: DemoSystem, echo: Echo) -> None:
    """Says what to try, and returns when SIGINT or SIGTERM comes."""
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    echo("\nIt stays until you press Ctrl-C. In another terminal:")
    for command, effect in (
        (f"curl -X POST {system.billing_url}/control/unblock/{ACCOUNT}", "an account changes, and its event comes"),
        (f"curl {system.billing_url}/control/accounts", "the accounts there are"),
        (
            f"""curl {system.hss_url}/control/faults -d '[503, "hang", "garbage"]'""",
            "what the HSS does to the next requests",
        ),
        (f"curl {system.hss_url}/control/subscribers", "what the HSS was told"),
        (f"nsps events -C {system.folder}", "what came, and what became of it"),
        (f"nsps show {system.billing.espf.accepted[0].variables['i_event']} -C {system.folder}", "one event's story"),
    ):
        echo(f"  {command}\n    {faint(effect)}")
    await over.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
    echo("Stopping.")
    system.hss.faults.clear()  # what hangs there would be waited for
    system.billing.faults.clear()
