"""The engine's own parts in this process, on a clock that is moved by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import uuid4

from benchmarks.chaos.espf import Event
from benchmarks.chaos.project import write_project
from benchmarks.chaos.stage import Stage
from engine.assembly import assemble
from engine.clock import VirtualClock
from engine.loading.load import open_project
from engine.log import set_up_log
from engine.masking import Masker
from engine.process import Process
from engine.receiving.espf_body import Stamp, read_espf
from engine.route import route
from engine.storage.protocol import Arrival, Claimed

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)  # summer time begins the next night
MOMENT = timedelta(microseconds=1)


async def stand_for_a_month(stage: Stage, policy: str) -> tuple[str, list[float]]:
    """How one event ended whose every call was refused, and the seconds between its attempts."""
    project = stage.folder / policy
    write_project(project)
    text = (project / "nsps.yaml").read_text()
    (project / "nsps.yaml").write_text(text.replace("retry: quick", f"retry: {policy}"))
    catalog = open_project(project, stage.system.environ)
    clock = VirtualClock(NOON)
    set_up_log(Masker(catalog.secrets), "json", stream=StringIO())
    parts = await assemble(catalog, clock, Masker(catalog.secrets))
    try:
        return await _attempted(parts, clock)
    finally:
        await parts.stop(1.0)


async def _attempted(parts: Process, clock: VirtualClock) -> tuple[str, list[float]]:
    event = read_espf(Event(1, 1).body, Stamp(event_id=str(uuid4()), received_at=clock.now(), trace_id="1"))
    accepted = await parts.store.accept(Arrival(event=event, routed=route(event, parts.catalog).taken, key="1"))
    (delivery_id,) = accepted.delivery_ids
    waits: list[float] = []
    while claimed := await _claimed(parts, delivery_id):
        ended = await parts.generations[-1].make(claimed)
        if ended.outcome is None or ended.outcome.due_at is None:
            return (ended.outcome.state if ended.outcome else "lost"), waits
        due_at = ended.outcome.due_at
        waits.append((due_at - clock.now()).total_seconds())
        clock.move_to(due_at - MOMENT)
        if await _claimed(parts, delivery_id):
            return "claimed too early", waits
        clock.move_to(due_at)
    return "not claimable when it was due", waits


async def _claimed(parts: Process, delivery_id: int) -> Claimed | None:
    await parts.heartbeat.beat()
    owner, pipelines = parts.heartbeat.owner.id, parts.catalog.pipelines
    found = await parts.store.claim([delivery_id], owner, list(pipelines), parts.clock.now())
    return found[0] if found else None
