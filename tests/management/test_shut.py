from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.connector import Connector, Step, Window
from engine.management.control import resume, standing, standing_lines
from engine.pipeline import Pipeline
from engine.settings import Settings
from engine.storage.protocol import Hold
from engine.storage.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
SUNDAY = Window(days=("sun",), from_=time(2), to=time(4), zone="Europe/Kyiv")


async def test_status_says_when_a_connector_is_not_called(tmp_path: Path) -> None:
    hss = Connector(name="hss", windows=(SUNDAY,))
    catalog = Catalog(
        project=tmp_path,
        settings=Settings(instance="t"),
        connectors={"hss": hss, "other": replace(hss, name="other", windows=())},
        pipelines={},
    )
    clock = VirtualClock(NOW)
    store = await Store.open("sqlite://", project=tmp_path, clock=clock)
    told = await standing(store, catalog, clock)
    lines = list(standing_lines(told, clock.now()))
    assert "not called hss: sun 02:00-04:00 Europe/Kyiv; next 2026-01-04 00:00 UTC" in lines
    assert list(told["windows"]) == ["hss"]
    clock.move_to(NOW + timedelta(days=3, hours=1))
    lines = list(standing_lines(await standing(store, catalog, clock), clock.now()))
    assert "not called hss: sun 02:00-04:00 Europe/Kyiv; in force until 2026-01-04 02:00 UTC" in lines
    await store.close()


async def test_resume_says_what_a_window_keeps_still(tmp_path: Path) -> None:
    called = Step(id="s", connector="hss", operation="put")
    pipeline = Pipeline(name="wtl", events=("*",), dispatch=(called,))
    hss = Connector(name="hss", windows=(SUNDAY,))
    catalog = Catalog(
        project=tmp_path,
        settings=Settings(instance="t"),
        connectors={"hss": hss, "other": replace(hss, name="other")},
        pipelines={"wtl": pipeline},
    )
    within = NOW + timedelta(days=3, hours=1)
    clock = VirtualClock(within)
    store = await Store.open("sqlite://", project=tmp_path, clock=clock)
    kept = "not called yet hss: sun 02:00-04:00 Europe/Kyiv; in force until 2026-01-04 02:00 UTC"
    for scope, lines in (("connector:hss", 1), ("pipeline:wtl", 1), ("all", 2)):
        await store.set_hold(Hold(scope=scope, kind="paused", by="ann", reason="", at=within))
        told = (await resume(store, scope, catalog, within)).splitlines()
        assert told[0].endswith("what waited is sent in order") and told[1] == kept and len(told) == 1 + lines
    await store.set_hold(Hold(scope="connector:hss", kind="paused", by="ann", reason="", at=within))
    assert len((await resume(store, "connector:hss", catalog, NOW)).splitlines()) == 1, "no window is in force"
    await store.close()
