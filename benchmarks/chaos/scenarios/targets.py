"""External systems that misbehave: slow, endless, refusing, or deadly to the process that calls them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from email.utils import format_datetime

from benchmarks.chaos.crawl import Crawl
from benchmarks.chaos.espf import Event
from benchmarks.chaos.project import connector, pipeline
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.stage import Stage, Target, percentile, until
from benchmarks.chaos.system import processes_of
from benchmarks.chaos.verdict import Attack, Found
from benchmarks.process import rss_mib_of

IMPATIENT = connector("side").replace("timeout: 5s", "timeout: 2s").replace("${TARGET_URL}", "${SIDE_URL}")
CRAWLING = connector("crawl").replace("timeout: 5s", "timeout: 2s").replace("${TARGET_URL}", "${CRAWL_URL}")
OPEN_FOR_S = 2
BREAKER = connector(more=f"breaker: {{failures: 5, within: 30s, open_for: {OPEN_FOR_S}s}}\n")
MODES = ("crawl", "drip", "hang", "huge", "gzip_bomb")


async def misbehaving_target(stage: Stage) -> Found:
    """One external system answers with a head or a body of a byte a second, never, with 1 GB, with a bomb; another one's
    events must not notice."""
    # A process of its own, which writes into the same log: what it pours must not hold up the other system's own answers.
    side = Target(stage.folder, 0)
    crawl = Crawl(side.port)
    stage.system.environ |= {"CRAWL_URL": await crawl.start(), "SIDE_URL": side.url}
    try:
        await side.ready()
        return await _misbehaved(stage, side, crawl)
    finally:
        crawl.stop()
        side.running.abort()


async def _misbehaved(stage: Stage, side: Target, crawl: Crawl) -> Found:
    await stage.system.start()
    count, bad = stage.size(1000, 150), stage.size(20, 5)
    quiet = await _side_by_side(stage, count)
    found = Found()
    for mode in MODES:
        crawl.slow(mode == "crawl")
        await side.behave(side={} if mode == "crawl" else {"mode": mode})
        at = "crawl" if mode == "crawl" else "side"
        await stage.sender.send(stage.events(bad, accounts=100_000, pipeline=at))
        waited = await _side_by_side(stage, count)
        grown = max(rss_mib_of(pid) for pid in processes_of(stage.system))
        found.notes.append(f"{mode}: the others' p99 {waited:.0f} ms, {grown:.0f} MiB")
        found.must(waited < 2 * quiet + 500, f"{mode}: the others waited {waited:.0f} ms, {quiet:.0f} ms before")
        found.must(grown < 250, f"{mode}: {grown:.0f} MiB")
    fault = time.time()
    await side.behave()
    # A call that hung may have been taken, and the target that hangs says it was not: no duplicates are explained.
    judged = await stage.verdict(Attack(faults=[fault]))
    judged.notes = [f"p99 {quiet:.0f} ms before", *found.notes]
    judged.problems += found.problems
    return judged


async def _side_by_side(stage: Stage, count: int) -> float:
    """The wait of `count` events of the other system, p99, in milliseconds."""
    events = stage.events(count, accounts=500)
    await stage.sender.send(events, per_s=150)
    ids = {str(event.i_event) for event in events}
    await until(lambda: not ids - set(stage.target.effects().first_at), "the other system's events are stuck", 60)
    first_at, accepted = stage.target.effects().first_at, stage.sender.accepted
    return percentile([first_at[id_] - accepted[id_] for id_ in ids], 0.99) * 1000


async def breaker(stage: Stage) -> Found:
    """The target is down for a while: few calls are made, no attempt is used up, and there is no herd afterwards."""
    count, down_s = stage.size(2000, 150), stage.size(20, 5)
    stage.system.processes = 4  # workers, where they are processes of their own
    await stage.target.behave(target={"status": 503})
    await stage.system.start()
    begun = time.time()
    await stage.sender.send(stage.events(count, accounts=100_000))
    await asyncio.sleep(max(0.0, begun + down_s - time.time()))
    calls = stage.target.lines()
    await stage.target.behave()
    fault = time.time()
    found = await stage.verdict(Attack(faults=[fault]), within_s=240)
    effects, rows = stage.target.effects(), stage.rows()
    tried = sorted(at for times in effects.asked_at.values() for at in times if begun + OPEN_FOR_S < at < fault)
    herd = sum(fault < at < effects_begin(effects.at, fault) + 1 for at in effects.at)
    most = max(rows.attempts.values())
    found.notes.append(f"{calls} calls while it was down, {herd} in the first second after, at most {most} attempts")
    found.must(calls < 100, f"{calls} calls were made to a system that is down")
    found.must(
        len(tried) <= down_s / OPEN_FOR_S,
        f"half open it let {len(tried)} calls through in {down_s} s, not one each time",
    )
    found.must(herd < 40, f"{herd} calls in the first second after it was back")
    return found


def effects_begin(at: list[float], fault: float) -> float:
    """When the first effect after the fault came."""
    return min((one for one in at if one > fault), default=fault)


async def too_many_requests(stage: Stage) -> Found:
    """429 with Retry-After as seconds, as a date, as nonsense and as a negative number."""
    await stage.system.start()
    tried = []
    for told in ("3", "date", "soon", "-5", "0"):
        value = (
            format_datetime(datetime.fromtimestamp(int(time.time()) + 4, UTC), usegmt=True) if told == "date" else told
        )
        before = stage.target.lines()
        await stage.target.behave(target={"status": 429, "retry_after": value})
        await stage.sender.send(stage.events(stage.size(200, 60), accounts=100_000))
        await asyncio.sleep(2.0)
        tried.append(f"{told}: {stage.target.lines() - before} calls in 2 s")
        await stage.target.behave()
        await stage.settled()
    found = await stage.verdict(Attack(), within_s=120)
    calls, used = stage.target.lines(), sum(stage.rows().attempts.values())
    found.must(calls == used, f"{calls} calls were made and {used} attempts used: one that waits uses none")
    found.notes += tried
    return found


async def poison(stage: Stage) -> Found:
    """A call that kills the process that makes it, each time; it is set aside, and its neighbours are delivered."""
    system, kind = stage.system, stage.system.kinds[-1]
    await system.start()
    (bad,) = stage.events(1, accounts=1, pipeline="free")
    others = stage.events(stage.size(300, 60), accounts=1000)
    await stage.target.behave(target={"kills": str(bad.i_event), "delay_s": 0.05})
    load = asyncio.create_task(stage.sender.send([*others[:20], bad, *others[20:]], per_s=20))
    until_s = time.monotonic() + 150
    while (not load.done() or await _waits(stage, bad)) and time.monotonic() < until_s:
        await asyncio.sleep(0.1)
        if not system.pids(kind):
            await system.start()
    await load
    deaths = stage.target.effects().asked[str(bad.i_event)]
    ends = frozenset({"delivered", "failed"})
    found = await stage.verdict(Attack(kills=deaths, allowed=deaths * system.in_flight, ends=ends))
    rows = stage.rows()
    failed = [id_ for id_, states in rows.states.items() if "failed" in states]
    found.notes.append(f"{deaths} crashes; {rows.reasons[str(bad.i_event)]}")
    found.must(failed == [str(bad.i_event)], f"set aside: {failed}, it was {bad.i_event}")
    found.must(3 <= deaths <= 4, f"it took {deaths} crashes")
    return found


async def _waits(stage: Stage, event: Event) -> bool:
    rows = await asyncio.to_thread(stage.rows)
    return rows.states.get(str(event.i_event)) != ["failed"]


SCENARIOS = (
    Scenario(
        id="T16",
        does="A target drips its head, its body, hangs, sends 1 GB, sends a gzip bomb: another target's events do not notice",
        run=misbehaving_target,
        files={
            "connectors/side.yaml": IMPATIENT,
            "connectors/crawl.yaml": CRAWLING,
            "pipelines/crawl.yaml": pipeline("crawl", at="crawl"),
        },
    ),
    Scenario(
        id="T17a",
        does="A target with a breaker is down for 20 s: few calls, then no herd",
        run=breaker,
        files={"connectors/target.yaml": BREAKER},
    ),
    Scenario(
        id="T17b",
        does="429 with Retry-After in seconds, as a date, as nonsense, negative",
        run=too_many_requests,
    ),
    Scenario(
        id="T18",
        does="A call that kills the process that makes it: set aside after three crashes alone, the others delivered",
        run=poison,
    ),
)
