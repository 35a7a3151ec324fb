from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.auth import BasicAuth
from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.connector import Connector, Step, Window
from engine.errors import StoreUnavailable
from engine.pipeline import Ask, Pipeline
from engine.settings import Settings
from engine.storage.protocol import Hold
from engine.storage.store import Store
from engine.working.holds import Holds, fingerprint

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HSS = Connector(name="hss", base_url="http://a", auth=BasicAuth(user="u", password="secret-word"))
PIPELINES = {
    "asks": Pipeline(name="asks", events=("A/*",), enrich=(Ask(connector="billing", enrichment="account"),)),
    "calls": Pipeline(name="calls", events=("A/*",), dispatch=(Step(id="s", connector="hss", operation="sync"),)),
    "off": Pipeline(name="off", events=("A/*",), off="WTL_API_URL is not set"),
}


def catalog_with(hss: Connector = HSS) -> Catalog:
    connectors = {"hss": hss, "billing": Connector(name="billing")}
    return Catalog(project=Path(), settings=Settings(instance="t"), connectors=connectors, pipelines=PIPELINES)


async def holds_with(*held: Hold) -> tuple[Holds, Store]:
    store = await Store.open("sqlite://", project=Path(), clock=VirtualClock(NOW))
    for one in held:
        await store.set_hold(one)
    holds = Holds(catalog_with(), store, VirtualClock(NOW))
    await holds.refresh()
    return holds, store


def paused(scope: str) -> Hold:
    return Hold(scope=scope, kind="paused", by="ann", reason="move", at=NOW)


async def test_a_pipeline_that_is_off_or_unknown_is_never_claimable() -> None:
    holds, store = await holds_with()
    assert set(holds.claimable) == {"asks", "calls"}
    assert holds.why_not("off") == "pipeline off is off: WTL_API_URL is not set"
    assert holds.why_not("gone") == "pipeline gone is unknown here"
    await store.close()


async def test_each_scope_holds_exactly_the_pipelines_it_names_or_that_use_its_connector() -> None:
    for scope, left in (
        ("all", set()),
        ("pipeline:asks", {"calls"}),
        ("connector:billing", {"calls"}),
        ("connector:hss", {"asks"}),
    ):
        holds, store = await holds_with(paused(scope))
        assert set(holds.claimable) == left
        await store.close()


async def test_it_says_who_paused_it_and_why() -> None:
    holds, store = await holds_with(paused("connector:hss"))
    assert holds.why_not("calls") == "connector hss is paused by ann: move"
    assert holds.why_not("asks") is None
    await store.close()


class Gates:
    def __init__(self) -> None:
        self.told: list[str] = []

    def hold(self, connector: str, reason: str) -> None:
        self.told.append(f"hold {connector}")

    def release(self, connector: str) -> None:
        self.told.append(f"release {connector}")


async def test_a_hold_another_process_set_closes_the_way_out_here_and_lifting_opens_it() -> None:
    holds, store = await holds_with()
    gates = Gates()
    holds.gates = gates
    await store.set_hold(Hold(scope="connector:hss", kind="held", by="nsps", reason="refused", at=NOW, owner="x"))
    await holds.refresh()
    await store.lift("connector:hss", NOW)
    await holds.refresh()
    assert gates.told == ["hold hss", "release hss"]
    await store.close()


async def test_a_pause_beside_a_hold_keeps_neither_from_being_noticed() -> None:
    holds, store = await holds_with()
    gates = Gates()
    holds.gates = gates
    await holds.hold_refused("hss", "wrong password")
    await store.set_hold(paused("connector:hss"))
    await holds.refresh()
    assert holds.why_not("calls") == "connector hss is held: its login was refused: wrong password"
    await store.lift("connector:hss", NOW)
    await holds.refresh()
    assert gates.told == ["hold hss", "release hss"]
    assert "calls" in holds.claimable
    await store.close()


async def test_a_login_that_is_refused_during_a_pause_opens_with_it() -> None:
    holds, store = await holds_with(paused("connector:hss"))
    gates = Gates()
    holds.gates = gates
    await holds.hold_refused("hss", "wrong password")
    await store.lift("connector:hss", NOW)
    await holds.refresh()
    assert gates.told == ["hold hss", "release hss"]
    await store.close()


async def test_other_credentials_lift_the_hold_and_leave_a_pause_of_that_connector() -> None:
    holds, store = await holds_with(paused("connector:hss"))
    await holds.hold_refused("hss", "wrong password")
    changed = catalog_with(replace(HSS, auth=BasicAuth(user="u", password="other-word")))
    await Holds(changed, store, VirtualClock(NOW)).lift_outdated()
    assert [(hold.scope, hold.kind) for hold in await store.holds()] == [("connector:hss", "paused")]
    await store.close()


class AwayOnce:
    """A store that cannot take the first hold."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._away = True

    async def set_hold(self, hold: Hold) -> None:
        if self._away:
            self._away = False
            raise StoreUnavailable("disk full")
        await self._store.set_hold(hold)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_a_hold_that_could_not_be_written_is_written_as_soon_as_it_can_be() -> None:
    store = await Store.open("sqlite://", project=Path(), clock=VirtualClock(NOW))
    holds = Holds(catalog_with(), AwayOnce(store), VirtualClock(NOW))
    with pytest.raises(StoreUnavailable):
        await holds.hold_refused("hss", "wrong password")
    assert await store.holds() == []
    await holds.refresh()
    assert [hold.scope for hold in await store.holds()] == ["connector:hss"]
    await store.close()


async def test_a_hold_is_outdated_when_its_connectors_settings_changed_and_a_pause_never_is() -> None:
    holds, store = await holds_with(paused("pipeline:asks"))
    await holds.hold_refused("hss", "wrong password")
    assert await holds.lift_outdated() == []
    changed = catalog_with(replace(HSS, auth=BasicAuth(user="u", password="other-word")))
    assert await Holds(changed, store, VirtualClock(NOW)).lift_outdated() == ["connector:hss"]
    assert [hold.scope for hold in await store.holds()] == ["pipeline:asks"]
    await store.close()


def test_a_fingerprint_tells_settings_apart_and_gives_none_of_them_away() -> None:
    assert fingerprint(HSS) == fingerprint(replace(HSS, description="other words"))
    others = [replace(HSS, base_url="http://b"), replace(HSS, config={"login": "x"})]
    assert len({fingerprint(HSS), *map(fingerprint, others)}) == 3
    assert len(fingerprint(HSS)) == 8


THURSDAY = Window(days=("thu",), from_=time(2), to=time(4))  # 2026-01-01 is a Thursday


async def with_window() -> tuple[Holds, Store, VirtualClock]:
    clock = VirtualClock(NOW)
    store = await Store.open("sqlite://", project=Path(), clock=clock)
    return Holds(catalog_with(replace(HSS, windows=(THURSDAY,))), store, clock), store, clock


async def test_a_window_keeps_every_pipeline_that_uses_its_connector_while_it_is_in_force() -> None:
    holds, store, clock = await with_window()
    assert set(holds.claimable) == {"asks", "calls"}
    clock.move_to(NOW + timedelta(hours=2))
    assert holds.claimable == ("asks",)
    assert holds.kept == ("calls",)
    assert holds.why_not("calls") == (
        "connector hss is not called until 2026-01-01 04:00 UTC (windows: thu 02:00-04:00 UTC)"
    )
    assert holds.why_not("asks") is None
    clock.move_to(NOW + timedelta(hours=4))
    assert set(holds.claimable) == {"asks", "calls"}
    await store.close()


async def test_a_window_goes_by_the_clock_also_when_that_is_set_back() -> None:
    holds, store, clock = await with_window()
    clock.move_to(NOW + timedelta(hours=4))
    assert set(holds.claimable) == {"asks", "calls"}
    clock.move_to(NOW + timedelta(hours=3))
    assert holds.claimable == ("asks",)
    clock.move_to(NOW + timedelta(hours=1))
    assert set(holds.claimable) == {"asks", "calls"}
    await store.close()


async def test_a_pause_within_a_window_outlasts_it() -> None:
    holds, store, clock = await with_window()
    await store.set_hold(paused("connector:hss"))
    await holds.refresh()
    clock.move_to(NOW + timedelta(hours=5))
    assert holds.claimable == ("asks",)
    assert holds.why_not("calls") == "connector hss is paused by ann: move"
    await store.close()


async def test_after_a_window_or_a_pause_twice_as_many_are_handed_on_each_second() -> None:
    holds, store, clock = await with_window()
    assert holds.portion(500) == 500
    for end in (NOW + timedelta(hours=4), NOW + timedelta(hours=6)):
        clock.move_to(end - timedelta(minutes=1))
        if end.hour == 6:
            await store.set_hold(paused("all"))
            await holds.refresh()
            await store.lift("all", clock.now())
        assert holds.claimable is not None
        clock.move_to(end)
        await holds.refresh()
        portions = []
        for second in range(11):
            clock.move_to(end + timedelta(seconds=second))
            portions.append(holds.portion(500))
        assert portions == [1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 500]
    await store.close()
