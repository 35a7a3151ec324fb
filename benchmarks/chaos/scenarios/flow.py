"""How events flow: copies, order, lanes that block, and who is looked at."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import replace

from benchmarks.chaos.espf import Event
from benchmarks.chaos.project import NSPS
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.stage import Stage, percentile, until
from benchmarks.chaos.verdict import Attack, Found

ONE_HOUR = NSPS.replace("first: 200ms, factor: 2, max: 2s, for: 1h", "first: 1h, factor: 2, max: 1h, for: 30d")


async def two_sweeps_with_a_backlog(stage: Stage) -> Found:
    """All fail for a while, so that all are retried; then each retry must be made once, whoever finds it."""
    await stage.target.behave(target={"status": 503})
    await stage.system.start()
    await stage.sender.send(stage.events(stage.size(3000, 200), accounts=100_000))
    await asyncio.sleep(stage.size(10, 2))
    await stage.target.behave()
    found = await stage.verdict(Attack())
    rows, asked = stage.rows(), sum(stage.target.effects().asked.values())
    made = sum(rows.endings.values())
    found.notes.append(f"{made} attempts, {asked} requests")
    found.must(made == asked, f"{made} attempts are recorded, the target saw {asked} requests")
    return found


async def blocked_lanes(stage: Stage) -> Found:
    """Each lane's first one waits an hour, two stand behind it; an event that nobody was told of must be found all the same."""
    lanes, system = stage.size(10_000, 300), stage.system
    await stage.target.behave(target={"status": 503})
    await system.start()
    for _ in range(3):
        await stage.sender.send([_of_lane(stage, lane) for lane in range(lanes)], in_flight=32)
    await until(lambda: stage.target.lines() >= lanes, "not every lane was tried", 120)
    await system.stop()
    await stage.target.behave()
    await system.start_mortal("committed")
    new = _of_lane(stage, 1_000_000)
    await stage.sender.post(new)
    await system.died()
    fault = time.time()
    await system.start()
    await until(lambda: len(stage.target.effects().at) > 0, "the new subscriber's event starves", 60)
    await stage.sender.send([new])
    ends = frozenset({"delivered", "waiting"})
    found = await stage.verdict(Attack(kills=1, faults=[fault], ends=ends), left=3 * lanes)
    found.notes.append(f"{lanes} lanes blocked, {3 * lanes} deliveries behind")
    found.must((found.recovery_s or 0) < 15, "the sweep took longer than 15 s to find it")
    return found


def _of_lane(stage: Stage, lane: int) -> Event:
    (event,) = stage.events(1)
    return replace(event, account=lane)


async def ten_copies_at_once(stage: Stage) -> Found:
    """The same event ten times over, at once; then the same ids from another environment."""
    count = stage.size(300, 40)
    await stage.system.start()
    events = stage.events(count, accounts=100_000)
    for event in events:
        await asyncio.gather(*(stage.sender.post(event) for _ in range(10)))
    found = await stage.verdict(Attack())
    repeats, refused = stage.rows().repeats, 10 * count - stage.sender.answers[200]
    found.notes.append(f"{repeats} repeats counted")
    found.must(repeats == 9 * count, f"{repeats} repeats were counted, not {9 * count}")
    found.must(refused == 0, f"{refused} copies were not answered 200")
    elsewhere = [replace(event, i_env=2) for event in events]
    await stage.sender.send(elsewhere)
    await stage.settled()
    apart = [number for number in stage.rows().stored.values() if number != 2]
    found.must(not apart, f"{len(apart)} ids of two environments were taken for one")
    return found


async def order_despite_failures(stage: Stage) -> Found:
    """A fifth of all requests is answered 503."""
    lanes, each = stage.size(200, 30), stage.size(50, 8)
    await stage.target.behave(target={"share_503": 0.2})
    await stage.system.start()
    await stage.sender.send(stage.events(lanes * each, accounts=lanes), in_flight=32)
    return await stage.verdict(Attack())


async def newest_replaces(stage: Stage) -> Found:
    """Events come faster than they are delivered; what the target is told last is the newest."""
    lanes, each = stage.size(200, 30), stage.size(50, 8)
    await stage.target.behave(target={"share_503": 0.2, "delay_s": 0.05})
    await stage.system.start()
    events = stage.events(lanes * each, accounts=lanes, pipeline="newest")
    await stage.sender.send(events, in_flight=32)
    found = await stage.verdict(Attack(ends=frozenset({"delivered", "superseded"})))
    newest: dict[str, int] = defaultdict(int)
    for event in events:
        newest[str(event.account)] = max(newest[str(event.account)], event.i_event)
    told = {lane: ids[-1] for (_, lane), ids in stage.target.effects().lanes.items()}
    stale = sorted(lane for lane in newest if told.get(lane) != newest[lane])
    saved = len(events) - len(told_of := stage.target.effects().asked)
    found.notes.append(f"{sum(told_of.values())} requests for {len(told_of)} of {len(events)} events")
    found.must(not stale, f"{len(stale)} subscribers were left with an older state: {stale[:5]}")
    found.must(saved > 0, "each event had a request of its own")
    return found


async def head_of_line(stage: Stage) -> Found:
    """One subscriber always fails; the others' waits are measured without him and with him."""
    count = stage.size(2000, 250)
    await stage.system.start()
    alone = stage.events(count, accounts=500)
    await stage.sender.send(alone, per_s=200)
    await stage.settled()
    before_ms = _wait_ms(stage, alone)
    await stage.target.behave(target={"fails_lanes": ["666666"]})
    await stage.sender.send([_of_lane(stage, 666_666) for _ in range(stage.size(200, 30))])
    beside = stage.events(count, accounts=500)
    await stage.sender.send(beside, per_s=200)
    await until(lambda: not {str(event.i_event) for event in beside} - set(stage.target.effects().first_at), "stuck")
    after_ms = _wait_ms(stage, beside)
    await stage.target.behave()
    found = await stage.verdict(Attack())
    found.notes.append(f"the others' wait, p99: {before_ms:.0f} ms without, {after_ms:.0f} ms with")
    found.must(after_ms < 2 * before_ms + 250, f"the others waited {after_ms:.0f} ms, without him {before_ms:.0f} ms")
    return found


def _wait_ms(stage: Stage, events: list[Event]) -> float:
    """From the 200 to the effect, p99."""
    first_at, accepted = stage.target.effects().first_at, stage.sender.accepted
    ids = [str(event.i_event) for event in events]
    return percentile([first_at[id_] - accepted[id_] for id_ in ids], 0.99) * 1000


SCENARIOS = (
    Scenario(
        id="T09a",
        does="Two processes sweep one store with a backlog of retries: each retry is made once",
        run=two_sweeps_with_a_backlog,
        on=("split",),
    ),
    Scenario(
        id="T09b",
        does="10,000 blocked lanes; a new subscriber's event that was stored at a kill is found",
        run=blocked_lanes,
        files={"nsps.yaml": ONE_HOUR},
    ),
    Scenario(
        id="T11",
        does="Ten copies of one event at once: one is delivered, nine are counted; another environment's is another",
        run=ten_copies_at_once,
        quick=True,
    ),
    Scenario(
        id="T12a",
        does="200 subscribers, 50 events each, a fifth of the requests fails: each sees his in order",
        run=order_despite_failures,
        quick=True,
    ),
    Scenario(
        id="T12b",
        does="The same in `latest`: fewer requests, and each subscriber is left with his newest event",
        run=newest_replaces,
    ),
    Scenario(
        id="T13",
        does="One subscriber's events always fail: nobody else waits for him",
        run=head_of_line,
    ),
)
