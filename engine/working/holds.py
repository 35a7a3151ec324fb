"""Which pipelines this process may claim for now: those it knows, that are on, and that nothing holds."""

from __future__ import annotations

from dataclasses import fields
from hashlib import sha256

import orjson

from engine.catalog import Catalog
from engine.clock import Clock
from engine.connector import Connector
from engine.pipeline import Pipeline
from engine.storage.protocol import Control, Hold


class Holds:
    """Pauses and holds as the store last said, beside what this configuration runs."""

    def __init__(self, catalog: Catalog, store: Control, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._connectors = catalog.connectors
        self._scopes = {name: scopes_of(one) for name, one in catalog.pipelines.items() if one.off is None}
        self._off = {name: one.off for name, one in catalog.pipelines.items() if one.off is not None}
        self._held: dict[str, Hold] = {}
        self.claimable: tuple[str, ...] = tuple(self._scopes)

    async def refresh(self) -> None:
        """Asks the store. Raises StoreUnavailable."""
        self._set(await self._store.holds())

    async def hold_refused(self, connector: str, reason: str) -> None:
        """Holds a connector whose login was refused, until someone resumes it or settings change."""
        if connector not in self._connectors:
            return
        hold = Hold(
            scope=f"connector:{connector}",
            kind="held",
            by="nsps",
            reason=reason,
            at=self._clock.now(),
            owner=fingerprint(self._connectors[connector]),
        )
        await self._store.set_hold(hold)
        await self.refresh()

    async def lift_outdated(self) -> list[str]:
        """Lifts holds of connectors that now have other settings; returns their scopes. Called at start."""
        outdated = [hold.scope for hold in await self._store.holds() if self._is_outdated(hold)]
        for scope in outdated:
            await self._store.lift(scope, self._clock.now())
        return outdated

    def why_not(self, pipeline: str) -> str | None:
        """Why this pipeline's deliveries do not start now, in words; None when they may."""
        if pipeline in self._off:
            return f"pipeline {pipeline} is off: {self._off[pipeline]}"
        if pipeline not in self._scopes:
            return f"pipeline {pipeline} is unknown here"
        holding = [hold for scope, hold in self._held.items() if scope in self._scopes[pipeline]]
        return in_words(holding[0]) if holding else None

    def _set(self, holds: list[Hold]) -> None:
        self._held = {hold.scope: hold for hold in holds}
        self.claimable = tuple(name for name, scopes in self._scopes.items() if not scopes & self._held.keys())

    def _is_outdated(self, hold: Hold) -> bool:
        connector = self._connectors.get(hold.scope.removeprefix("connector:"))
        return hold.kind == "held" and connector is not None and hold.owner != fingerprint(connector)


def scopes_of(pipeline: Pipeline) -> frozenset[str]:
    """The scopes whose pause or hold stops this pipeline: all, itself, every connector it asks or calls."""
    connectors = {ask.connector for ask in pipeline.enrich} | {step.connector for step in pipeline.dispatch}
    return frozenset({"all", f"pipeline:{pipeline.name}", *(f"connector:{name}" for name in connectors)})


def in_words(hold: Hold) -> str:
    """ "paused by ann: maintenance", "connector hss held: login refused"."""
    what = "everything" if hold.scope == "all" else hold.scope.replace(":", " ", 1)
    done = f"paused by {hold.by}" if hold.kind == "paused" else "held"
    return f"{what} is {done}" + (f": {hold.reason}" if hold.reason else "")


def fingerprint(connector: Connector) -> str:
    """Eight hex digits that change with the connector's address, credentials or config, and give none of them away."""
    auth = {field.name: getattr(connector.auth, field.name) for field in fields(connector.auth)}
    plain = {name: value for name, value in auth.items() if isinstance(value, str | dict) and name != "apply"}
    told = orjson.dumps([connector.base_url, plain, dict(connector.config)], default=str, option=orjson.OPT_SORT_KEYS)
    return sha256(told).hexdigest()[:8]
